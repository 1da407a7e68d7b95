"""Rows of state.sqlite."""

from __future__ import annotations

import os
import random
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest

from ebb.errors import InvalidInput, OutputError, Reason, Status
from ebb.photo.capture import Exif, FileMetadata
from ebb.state import STATE_VERSION, FileRow, Stage, StageRow, State, _with_hash


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


def test_wal_and_full_sync(state: State, tmp_path: Path) -> None:
    assert sqlite3.connect(tmp_path / "state.sqlite").execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert state._db.execute("PRAGMA synchronous").fetchone() == (2,)


def test_another_version_is_refused(state: State, tmp_path: Path) -> None:
    state._db.execute(f"PRAGMA user_version={STATE_VERSION + 1}")
    state.close()
    with pytest.raises(
        InvalidInput, match=f"state version {STATE_VERSION + 1}, this ebb reads {STATE_VERSION}"
    ):
        State(tmp_path / "state.sqlite")


def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(InvalidInput, match="not a state file"):
        State(tmp_path / "state.sqlite")


def test_a_folder_at_the_path(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        State(tmp_path / "state.sqlite")


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


ROW = StageRow(pair_id="ab", stage=STAGE, key="k", status=Status.OK, value=KEPT)


@pytest.fixture
def nobody_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates a read-only folder, since root may write everywhere."""
    monkeypatch.setattr("ebb.state.os.access", lambda _path, mode: mode != os.W_OK)


def test_reading_leaves_no_trace(state: State, tmp_path: Path) -> None:
    state.put_stage(ROW)
    state.close()
    before = listing(tmp_path)
    reader = State(tmp_path / "state.sqlite", read_only=True)
    assert reader.stage_rows(STAGE) == {"ab": ROW}
    with pytest.raises(InvalidInput, match="readonly"):
        reader.put_stage(ROW)
    reader.close()
    assert listing(tmp_path) == before


@pytest.mark.usefixtures("nobody_may_write")
@pytest.mark.parametrize("name", ["set", "100 % #1?"])
def test_a_read_only_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    writer = State(folder / "state.sqlite")
    writer.put_stage(ROW)
    writer.close()
    before = listing(folder)
    reader = State(folder / "state.sqlite", read_only=True)
    assert reader.stage_rows(STAGE) == {"ab": ROW}
    assert listing(folder) == before, "not even while it is open"
    reader.close()
    assert listing(folder) == before


@pytest.mark.usefixtures("nobody_may_write")
def test_rows_of_a_running_run_are_read(state: State, tmp_path: Path) -> None:
    state.put_stage(ROW)
    assert (tmp_path / "state.sqlite-wal").stat().st_size
    reader = State(tmp_path / "state.sqlite", read_only=True)
    assert reader.stage_rows(STAGE) == {"ab": ROW}


def test_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").touch()
    with pytest.raises(InvalidInput, match="nothing is in it yet .*ebb ingest"):
        State(tmp_path / "state.sqlite", read_only=True)


@pytest.mark.parametrize("write", [False, True])
def test_a_damaged_file_is_named(state: State, tmp_path: Path, write: bool) -> None:
    for number in range(200):
        state.put_stage(replace(ROW, pair_id=f"{number:04d}"))
    state.close()
    path = tmp_path / "state.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(
        InvalidInput, match=r"state\.sqlite: the file is damaged: .* \(restore it from a backup, or remove it"
    ):
        State(path, read_only=not write).stage_rows(STAGE)


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


def test_a_folder_of_the_first_version_is_refused(state: State, tmp_path: Path) -> None:
    state._db.execute("PRAGMA user_version=1")
    state.close()
    with pytest.raises(InvalidInput, match=r"state version 1, this ebb reads 3 \(use the ebb that made it"):
        State(tmp_path / "state.sqlite", read_only=True)


def test_metadata_that_does_not_fit_is_named(state: State) -> None:
    state.put_file(FileRow(folder="a", name="1", size=1, mtime_ns=2, status=Status.OK))
    rewrite(state, "files", """metadata='{"sha256":"00","width":"3"}'""")
    with pytest.raises(InvalidInput, match="FileMetadata.width: expected int, got '3'"):
        list(state.file_rows())


def test_a_full_disk_is_no_hindrance_to_reading(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.put_stage(ROW)
    state.close()

    def no_space(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")  # of a -shm file that cannot grow

    monkeypatch.setattr("ebb.state._open_beside_a_run", no_space)
    assert State(tmp_path / "state.sqlite", read_only=True).stage_rows(STAGE) == {"ab": ROW}


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


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("read_only", [True, False])
def test_links_are_not_followed(tmp_path: Path, suffix: str, read_only: bool) -> None:
    (tmp_path / "precious").write_bytes(b"do not touch")
    root = tmp_path / "set"
    root.mkdir()
    (root / f"state.sqlite{suffix}").symlink_to(tmp_path / "precious")
    with pytest.raises(InvalidInput, match=f"state.sqlite{suffix}: a symbolic link"):
        State(root / "state.sqlite", read_only=read_only)
    assert (tmp_path / "precious").read_bytes() == b"do not touch"


def test_files_that_were_written_are_kept_with_their_hash(state: State) -> None:
    state.put_written("ebb.toml", "a")
    state.put_written("ebb.toml", "b")
    assert state.written() == {"ebb.toml": "b"}


def test_a_row_is_dropped(state: State) -> None:
    state.put_stage(ROW)
    state.put_stage(replace(ROW, stage=OTHER))
    state.drop_stage(ROW)
    assert (state.stage_rows(STAGE), len(state.stage_rows(OTHER))) == ({}, 1)
