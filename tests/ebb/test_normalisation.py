"""Normalisations by name and in numbers; more of it through the settings in test_settings.py."""

from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb.normalisation import NORMALISATIONS, parse_normalisation


def test_names_and_numbers() -> None:
    assert parse_normalisation("half") is NORMALISATIONS["half"]
    assert parse_normalisation("0.1, 0.2,0.3,1,2,3") == ((0.1, 0.2, 0.3), (1.0, 2.0, 3.0))


@pytest.mark.parametrize("text", ["Half", "", "1,2,3", "0,0,0,1,1,0", "0,0,0,1,1,inf", "a,b,c,d,e,f"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="six numbers: three means, three deviations above 0"):
        parse_normalisation(text)
