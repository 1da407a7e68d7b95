"""Rows of state.sqlite."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from ebb.errors import InvalidInput, OutputError, Reason, Status
from ebb.photo.capture import Exif, FileMetadata
from ebb.state import FileRow, Stage, StageRow, State, _with_hash


@dataclass(frozen=True)
class Kept:
    """What a stage keeps."""

    size: tuple[int, ...]
    note: str = ""


KEPT = Kept((3, 4), "fine")
STAGE, OTHER = Stage("align", Kept), Stage("depth", Kept)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


def test_stage_rows_round_trip(state: State, tmp_path: Path) -> None:
    row: StageRow[Kept] = StageRow(
        pair_id="ab",
        stage=STAGE,
        key="k",
        status=Status.REJECTED,
        reason=Reason.LOW_OVERLAP,
        detail="0.4 of the frame",
        measurements={"overlap": 0.4},
        upstream="u",
        outputs={"wide.png": "00"},
        seconds=1.5,
    )
    state.put_stage(row)
    state.close()
    assert State(tmp_path / "state.sqlite").stage_rows(STAGE) == {"ab": row}


def test_a_new_row_replaces_the_old_one_of_that_stage_only(state: State) -> None:
    for stage, key in ((STAGE, "1"), (OTHER, "1"), (STAGE, "2")):
        state.put_stage(StageRow(pair_id="ab", stage=stage, key=key, status=Status.OK, value=KEPT))
    assert state.stage_rows(STAGE)["ab"].key == "2"
    assert state.stage_rows(OTHER)["ab"].key == "1"


def test_file_rows_by_folder_in_name_order(state: State) -> None:
    rows = [
        FileRow(
            folder=folder,
            name=name,
            size=1,
            mtime_ns=2,
            status=Status.OK,
            metadata=FileMetadata(sha256="00", exif=Exif(iso=100.0, captured_at=datetime(2019, 6, 2, 14))),
        )
        for folder, name in (("b", "2"), ("a", "2"), ("a", "1"))
    ]
    for row in rows:
        state.put_file(row)
    assert list(state.file_rows("a")) == [rows[2], rows[1]]
    assert list(state.file_rows()) == [rows[2], rows[1], rows[0]]
    state.drop_files("a", ["1"])
    assert list(state.file_rows("a")) == [rows[1]]


def test_a_pair_keeps_its_split(state: State) -> None:
    state.put_splits({"ab": "test", "cd": "train"})
    state.put_splits({"ab": "train", "ef": "val"})
    assert state.splits() == {"ab": "test", "cd": "train", "ef": "val"}


ROW = StageRow(pair_id="ab", stage=STAGE, key="k", status=Status.OK, value=KEPT)


def test_no_space_for_splits(state: State) -> None:
    (pages,) = state._db.execute("PRAGMA page_count").fetchone()
    state._db.execute(f"PRAGMA max_page_count={pages}")
    splits = {f"{number:016x}": "train" for number in range(5000)}
    with pytest.raises(OutputError, match=r"state\.sqlite: no space to write it \(.*full; .*MB free\)"):
        state.put_splits(splits)
    assert state.splits() == {}
    state._db.execute("PRAGMA max_page_count=1000000")
    state.put_splits(splits)
    assert state.splits() == splits


def rewrite(state: State, table: str, change: str) -> None:
    """Change the only row of a table, with a hash that fits."""
    state._db.execute(f"UPDATE {table} SET {change}")
    (row,) = state._db.execute(f"SELECT * FROM {table}").fetchall()
    state._db.execute(f"UPDATE {table} SET hash=?", _with_hash(*row[:-1])[-1:])


@pytest.mark.parametrize(
    "change",
    [
        "reason='of_tomorrow'",
        "status='perhaps'",
        "value='{'",
        "value='null'",
        "value='3'",
        """value='{"size":7}' """,
        """measurements='{"x":[]}' """,
        "outputs='[]'",
        """outputs='{"../../wide.png":"00"}'""",
        """outputs='{"..":"00"}'""",
        f"value='{'[' * 100_000}'",
    ],
)
def test_a_row_of_an_unknown_version(state: State, change: str) -> None:
    state.put_stage(ROW)
    rewrite(state, "stages", change)
    with pytest.raises(InvalidInput, match="a row cannot be understood: .*use the ebb that made it"):
        state.stage_rows(STAGE)


def test_a_file_that_this_ebb_does_not_know(state: State) -> None:
    state.put_file(FileRow(folder="a", name="1", size=1, mtime_ns=2, status=Status.OK))
    rewrite(state, "files", "reason='of_tomorrow'")
    with pytest.raises(InvalidInput, match="'of_tomorrow' is not a valid Reason"):
        list(state.file_rows())


def test_metadata_that_does_not_fit_is_named(state: State) -> None:
    state.put_file(FileRow(folder="a", name="1", size=1, mtime_ns=2, status=Status.OK))
    rewrite(state, "files", """metadata='{"sha256":"00","width":"3"}'""")
    with pytest.raises(InvalidInput, match="FileMetadata.width: expected int, got '3'"):
        list(state.file_rows())


def fill(path: Path) -> None:
    """A state of some pages, with rows in every table."""
    state = State(path)
    for number in range(24):
        pair_id = f"{number:016x}"
        value = Kept((number, 4), "a note of some length " * 4)
        state.put_stage(replace(ROW, pair_id=pair_id, value=value, outputs={"wide.png": "0" * 64}))
        metadata = FileMetadata(sha256="00", exif=Exif(iso=100.0))
        state.put_file(
            FileRow(folder="a", name=pair_id, size=number, mtime_ns=2, status=Status.OK, metadata=metadata)
        )
    state.put_splits({f"{number:016x}": "train" for number in range(24)})
    state.put_written("ebb.toml", "0" * 64)
    state.close()


def everything(state: State) -> tuple[object, ...]:
    state.check()
    return state.stage_rows(STAGE), list(state.file_rows()), state.splits(), state.written()


def test_a_flipped_bit_is_one_clear_error_or_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    fill(path)
    sound = path.read_bytes()
    expected = everything(State(path, read_only=True))
    rng = random.Random(3)
    errors = []
    for number, place in enumerate([*range(0, 100, 3), *rng.sample(range(len(sound)), 270)]):
        data = bytearray(sound)
        data[place] ^= 1 << rng.randrange(8)
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(data)
        read_only = number % 12 > 0  # writing waits for the disk
        try:
            state = State(path, read_only=read_only)
            assert everything(state) == expected, place
            if not read_only:
                state.put_stage(ROW)
                state.put_splits({"new": "val"})
            state.close()
        except InvalidInput as error:
            errors.append(error)
    assert len(errors) > 100
    assert all(error.path == path and error.hint for error in errors)


def test_every_row_is_checked(state: State, tmp_path: Path) -> None:
    state.put_splits({"ab": "test"})
    state._db.execute("UPDATE splits SET split='train'")
    for read in (state.splits, state.check, State(tmp_path / "state.sqlite", read_only=True).check):
        with pytest.raises(InvalidInput, match="damaged: a row is not the one that was written"):
            read()


def test_files_that_were_written_are_kept_with_their_hash(state: State) -> None:
    state.put_written("ebb.toml", "a")
    state.put_written("ebb.toml", "b")
    assert state.written() == {"ebb.toml": "b"}


def test_a_row_is_dropped(state: State) -> None:
    state.put_stage(ROW)
    state.put_stage(replace(ROW, stage=OTHER))
    state.drop_stage(ROW)
    assert (state.stage_rows(STAGE), len(state.stage_rows(OTHER))) == ({}, 1)
