"""Arguments that verbs share."""

from __future__ import annotations

from typing import get_args, get_type_hints

from ebb import arguments
from ebb.command import FLAG_TITLES


def test_every_group_of_flags_has_a_title() -> None:
    names = [name for name, value in vars(arguments).items() if get_args(value)]
    assert {"Pairing", "Registration", "Gates", "Workers", "Printed"} <= set(names)
    for name in names:
        (group,) = get_args(getattr(arguments, name))[1].group
        assert group.name in FLAG_TITLES


def test_a_verb_without_settings_has_no_settings_file() -> None:
    assert get_type_hints(arguments.DatasetOnly).keys() == {"dataset"}
    assert get_type_hints(arguments.ConfigOnly).keys() == {"config"}
    assert get_type_hints(arguments.Common).keys() == {"dataset", "config"}
