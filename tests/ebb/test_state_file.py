"""The SQLite file: opened by readers and writers, checked before it is read, its errors."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from ebb.errors import InvalidInput, OutputError
from ebb.state import State
from ebb.state_file import STATE_VERSION, sqlite_errors


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state.sqlite")


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def nobody_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulates a read-only folder, since root may write everywhere."""
    monkeypatch.setattr("ebb.state_file.os.access", lambda _path, mode: mode != os.W_OK)


@pytest.mark.usefixtures("nobody_may_write")
def test_rows_of_a_running_run_are_read(state: State, tmp_path: Path) -> None:
    state.put_written("a", "b")
    assert (tmp_path / "state.sqlite-wal").stat().st_size
    reader = State(tmp_path / "state.sqlite", read_only=True)
    assert reader.written() == {"a": "b"}


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


def test_reading_leaves_no_trace(state: State, tmp_path: Path) -> None:
    state.put_written("a", "b")
    state.close()
    before = listing(tmp_path)
    reader = State(tmp_path / "state.sqlite", read_only=True)
    assert reader.written() == {"a": "b"}
    with pytest.raises(InvalidInput, match="readonly"):
        reader.put_written("a", "b")
    reader.close()
    assert listing(tmp_path) == before


@pytest.mark.usefixtures("nobody_may_write")
@pytest.mark.parametrize("name", ["set", "100 % #1?"])
def test_a_read_only_folder_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    writer = State(folder / "state.sqlite")
    writer.put_written("a", "b")
    writer.close()
    before = listing(folder)
    reader = State(folder / "state.sqlite", read_only=True)
    assert reader.written() == {"a": "b"}
    assert listing(folder) == before, "not even while it is open"
    reader.close()
    assert listing(folder) == before


def test_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").touch()
    with pytest.raises(InvalidInput, match="nothing is in it yet .*ebb ingest"):
        State(tmp_path / "state.sqlite", read_only=True)


@pytest.mark.parametrize("write", [False, True])
def test_a_damaged_file_is_named(state: State, tmp_path: Path, write: bool) -> None:
    for number in range(200):
        state.put_written(f"{number:04d}", "b" * 300)
    state.close()
    path = tmp_path / "state.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(
        InvalidInput, match=r"state\.sqlite: the file is damaged: .* \(restore it from a backup, or remove it"
    ):
        State(path, read_only=not write).written()


def test_a_folder_of_the_first_version_is_refused(state: State, tmp_path: Path) -> None:
    state._db.execute("PRAGMA user_version=1")
    state.close()
    with pytest.raises(InvalidInput, match=r"state version 1, this ebb reads 3 \(use the ebb that made it"):
        State(tmp_path / "state.sqlite", read_only=True)


def test_a_full_disk_is_no_hindrance_to_reading(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.put_written("a", "b")
    state.close()

    def no_space(_: Path) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")  # of a -shm file that cannot grow

    monkeypatch.setattr("ebb.state_file._open_beside_a_run", no_space)
    assert State(tmp_path / "state.sqlite", read_only=True).written() == {"a": "b"}


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


HOSTILE = {
    "endless view": (
        """DROP TABLE stages; CREATE VIEW stages AS
        WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r""",
        "view 'stages'",
    ),
    "computed column": (
        """DROP TABLE written; CREATE TABLE written (
        name TEXT PRIMARY KEY, sha256 TEXT AS (hex(zeroblob(480000000))), hash TEXT)""",
        "table 'written'",
    ),
    "trigger": (
        "CREATE TRIGGER t AFTER INSERT ON written BEGIN DELETE FROM stages; END",
        "trigger 't'",
    ),
    "index on an expression": ("CREATE INDEX i ON stages (hex(zeroblob(1000)))", "index 'i'"),
    "check": (
        "DROP TABLE splits; CREATE TABLE splits (pair_id TEXT PRIMARY KEY, split TEXT, hash TEXT CHECK (1))",
        "table 'splits'",
    ),
}


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_state_made_to_do_harm_is_refused(state: State, tmp_path: Path, kind: str, read_only: bool) -> None:
    state.close()
    script, what = HOSTILE[kind]
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        db.executescript(script)
    with pytest.raises(
        InvalidInput, match=f"state.sqlite: the file is damaged: {what} is not as ebb makes it"
    ):
        State(tmp_path / "state.sqlite", read_only=read_only)


def test_values_beyond_the_limit_are_not_read(state: State, tmp_path: Path) -> None:
    state.close()
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        db.execute("INSERT INTO written VALUES ('a', zeroblob(17 << 20), '')")
        db.commit()
    with pytest.raises(InvalidInput, match="the file is damaged: string or blob too big"):
        State(tmp_path / "state.sqlite", read_only=True).written()


def test_tables_with_row_ids_of_earlier_versions_are_read(state: State, tmp_path: Path) -> None:
    state.put_written("a", "b")
    state.close()
    with closing(sqlite3.connect(tmp_path / "state.sqlite")) as db:
        rows = db.execute("SELECT * FROM written").fetchall()
        db.executescript(
            """DROP TABLE written;
            CREATE TABLE written (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, hash TEXT NOT NULL)"""
        )
        db.executemany("INSERT INTO written VALUES (?,?,?)", rows)
        db.commit()
    assert State(tmp_path / "state.sqlite").written() == {"a": "b"}


def test_an_input_output_error_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.sqlite"
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    full = r"no space to write it \(disk I/O error; 0 MB free\)"
    for free, message in ((4096, full), (10**9, "cannot write it: disk I/O error")):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr("ebb.state_file.shutil.disk_usage", lambda _path, found=usage: found)
        with pytest.raises(OutputError, match=message), sqlite_errors(path, is_writing=True):
            raise error
