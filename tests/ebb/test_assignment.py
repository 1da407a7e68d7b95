"""Splits of a dataset folder: what fails leaves no trace in them, and what was assigned stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from ebb.assignment import assign_pairs, num_unread_photos
from ebb.dataset.catalog import CatalogRow
from ebb.errors import Reason, Status
from ebb.settings import ShardSettings
from ebb.state import State

DAYS = st.lists(st.integers(-1, 12), min_size=3, max_size=30)
"""Days of some pairs; below 0: without a time."""


def rows_of(number: int, day: int) -> list[CatalogRow]:
    """Both files of a pair of one camera; those of one day are a session."""
    when = datetime(2021, 5, 1) + timedelta(days=day, seconds=number) if day >= 0 else None
    key = f"{number:016x}"
    row = CatalogRow(folder="raw", name=f"{number}.JPG", captured_at=when, pair_id=key, sha256=key)
    wide = replace(row, role="wide")
    return [wide, replace(wide, name=f"{number}b.JPG", role="shallow", sha256=f"f{key}")]


def broken(rows: Sequence[CatalogRow]) -> list[CatalogRow]:
    """The files of a pair, the first of which cannot be read."""
    bad = CatalogRow(folder="raw", name=rows[0].name, status=Status.ERROR, reason=Reason.UNREADABLE)
    alone = replace(rows[1], pair_id="", role="", status=Status.REJECTED, reason=Reason.MISSING_PARTNER)
    return [bad, alone]


@dataclass
class Kept:
    """Stands for a dataset folder whose splits are kept in memory."""

    final: dict[str, str] = field(default_factory=dict)
    provisional: dict[str, str] = field(default_factory=dict)
    shards: Path = Path("nowhere")

    @property
    def state(self) -> Kept:
        return self

    def final_splits(self) -> dict[str, str]:
        return dict(self.final)

    def provisional_splits(self) -> dict[str, str]:
        return dict(self.provisional)

    def put_splits(self, splits: dict[str, str], provisional: dict[str, str]) -> None:
        self.final = splits | self.final
        self.provisional = {key: split for key, split in provisional.items() if key not in self.final}

    def assign(self, pairs: Sequence[Sequence[CatalogRow]], settings: ShardSettings) -> dict[str, str | None]:
        rows = [row for pair in pairs for row in pair]
        return dict(assign_pairs(self, rows, settings))  # type: ignore[arg-type]


@given(DAYS, st.sampled_from([0.1, 0.3]), st.data())
def test_files_that_cannot_be_read_for_some_time_leave_no_trace(
    days: list[int], test: float, data: st.DataObject
) -> None:
    pairs = [rows_of(number, day) for number, day in enumerate(days)]
    settings = ShardSettings(test=test, val=0.1)
    untroubled = Kept().assign(pairs, settings)
    troubled = Kept()
    for _ in range(2):
        bad = data.draw(st.sets(st.integers(0, len(pairs) - 2), min_size=1))
        found = [broken(pair) if number in bad else pair for number, pair in enumerate(pairs)]
        troubled.assign(found, settings)
    assert troubled.assign(pairs, settings) == untroubled
    assert not troubled.provisional


@given(DAYS, st.data())
def test_splits_stay_while_a_file_cannot_be_read_and_after_its_removal(
    days: list[int], data: st.DataObject
) -> None:
    """A file that stays broken does not let later photos move others to another split."""
    settings = ShardSettings(test=0.3, val=0.1)
    pairs = [rows_of(number, day) for number, day in enumerate(days)]
    bad, *others = pairs
    first = data.draw(st.integers(1, len(others)))
    kept = Kept()
    before = kept.assign([broken(bad), *others[:first]], settings)
    after = kept.assign([broken(bad), *others], settings)
    assert before.items() <= after.items()
    assert kept.assign(others, settings) == after
    assert kept.final.items() >= {key: split for key, split in after.items() if split}.items()


@given(DAYS, st.data())
def test_final_splits_never_change(days: list[int], data: st.DataObject) -> None:
    settings = ShardSettings(test=0.3, val=0.1)
    pairs = [rows_of(number, day) for number, day in enumerate(days)]
    first = data.draw(st.integers(2, len(pairs)))
    kept = Kept()
    before = kept.assign(pairs[:first], settings)
    for found in ([broken(pairs[0]), *pairs[1:]], pairs):
        after = kept.assign(found, settings)
        assert all(after[key] == before[key] for key in after.keys() & before.keys())


def test_which_files_count() -> None:
    wide, shallow = rows_of(1, 1)
    depth = replace(broken([wide, shallow])[0], name="1_depth.png")
    imported = replace(broken([wide, shallow])[0], origin="import")
    assert num_unread_photos([wide, shallow, depth, imported]) == 0
    assert num_unread_photos([*broken([wide, shallow]), replace(depth, name="a/folder")]) == 2


def test_provisional_splits_in_the_state(tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    state.put_splits({"a": "train"})
    state.put_splits({}, provisional={"a": "test", "b": "val", "c": "test"})
    assert state.final_splits() == {"a": "train"}
    assert state.provisional_splits() == {"b": "val", "c": "test"}
    assert state.splits() == {"a": "train", "b": "val", "c": "test"}
    state.put_splits({"d": "val"})
    assert state.provisional_splits() == {"b": "val", "c": "test"}
    state.put_splits({"b": "train"}, provisional={})
    assert state.splits() == state.final_splits() == {"a": "train", "b": "train", "d": "val"}
