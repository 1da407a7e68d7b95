"""Dataclasses as JSON and back, and what is said of JSON that does not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.codec import from_plain, to_plain
from ebb.errors import Status

NUMBER = st.floats(allow_nan=False, allow_infinity=False)


class Box(NamedTuple):
    x: int
    width: float


@dataclass(frozen=True, kw_only=True)
class Inner:
    when: datetime | None = None
    kind: Literal["photo", "depth"] = "photo"


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    is_good: bool
    status: Status
    box: Box
    inner: Inner = field(default_factory=Inner)
    numbers: tuple[float | None, ...] | None = None
    measurements: Mapping[str, float] = field(default_factory=dict)


OUTERS = st.builds(
    Outer,
    name=st.text(st.characters(exclude_categories=["Cs"])),
    is_good=st.booleans(),
    status=st.sampled_from(Status),
    box=st.builds(Box, x=st.integers(), width=NUMBER),
    inner=st.builds(Inner, when=st.none() | st.datetimes(), kind=st.sampled_from(["photo", "depth"])),
    numbers=st.none() | st.lists(st.none() | NUMBER).map(tuple),
    measurements=st.dictionaries(st.text("abc"), NUMBER),
)
OUTER = Outer(name="a", is_good=True, status=Status.OK, box=Box(1, 2.0))


@given(OUTERS)
def test_a_value_round_trips_through_json(value: Outer) -> None:
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value


def test_whole_numbers_are_floats_and_defaults_may_be_left_out() -> None:
    plain = {"name": "a", "is_good": True, "status": "ok", "box": [1, 2], "measurements": {"x": 3}}
    found = from_plain(Outer, plain)
    assert found == Outer(name="a", is_good=True, status=Status.OK, box=Box(1, 2.0), measurements={"x": 3.0})
    assert (type(found.box.width), type(found.measurements["x"])) == (float, float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "Outer.name: expected str, got 1"),
        ({"name": None}, "Outer.name: expected str, got None"),
        ({"is_good": 1}, "Outer.is_good: expected bool, got 1"),
        ({"status": "perhaps"}, "'perhaps' is not a valid Status"),
        ({"box": [1]}, r"Outer.box: expected Box, got \[1\]"),
        ({"box": [1.5, 2.0]}, "Outer.box.x: expected int, got 1.5"),
        ({"box": {"x": 1, "width": 2}}, "Outer.box: expected Box, got {'x': 1, 'width': 2}"),
        ({"inner": []}, r"Outer.inner: expected Inner, got \[\]"),
        ({"inner": {"when": "noon"}}, "Invalid isoformat string: 'noon'"),
        ({"inner": {"kind": "sound"}}, "Outer.inner.kind: expected one of: photo, depth, got 'sound'"),
        ({"numbers": 3}, "Outer.numbers: expected tuple"),
        ({"numbers": [1.0, "2"]}, r"Outer.numbers\[1\]: expected float, got '2'"),
        ({"numbers": [True]}, r"Outer.numbers\[0\]: expected float, got True"),
        ({"measurements": {"x": "y" * 99}}, r"Outer.measurements.x: expected float, got 'y{36}\.\.\."),
        ({"colour": "red"}, "Outer.colour: unknown field"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, object], message: str) -> None:
    plain = to_plain(OUTER)
    assert isinstance(plain, dict)
    with pytest.raises(ValueError, match=f"^{message}"):
        from_plain(Outer, plain | change)


def test_paths_round_trip(tmp_path: Path) -> None:
    plain = to_plain(tmp_path)
    assert plain == str(tmp_path)
    assert from_plain(Path, plain) == tmp_path
    with pytest.raises(ValueError, match="expected Path"):
        from_plain(Path, "a\0b")


def test_the_name_of_the_value_may_be_left_out() -> None:
    with pytest.raises(ValueError, match="^kind: expected one of"):
        from_plain(Inner, {"kind": "sound"}, name="")


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValueError, match="^Outer.is_good: missing$"):
        from_plain(Outer, {"name": "a"})
    with pytest.raises(ValueError, match="^Outer: expected Outer, got None$"):
        from_plain(Outer, None)
