"""A set of shards in use is replaced by a complete one, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.dataset.index import INDEX_NAME, DatasetIndex, index_text, read_index
from ebb.dataset.shards import ShardEntry, shard_name
from ebb.dataset.staging import CARD_NAME, STAGING, finish, replacing
from ebb.errors import OutputError
from ebb.files import sha256_bytes


def write_set(folder: Path, *contents: bytes) -> None:
    """Files that stand for train shards, their card and index."""
    entries = {}
    for number, data in enumerate(contents):
        name = shard_name("train", number, len(contents))
        (folder / name).write_bytes(data)
        entries[name] = ShardEntry(rows=1, row_groups=1, num_bytes=len(data), sha256=sha256_bytes(data))
    (folder / CARD_NAME).write_text(f"{len(contents)} shards")
    (folder / INDEX_NAME).write_text(index_text(DatasetIndex(shards=entries)))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A set of two shards and a file of the user's."""
    folder = tmp_path / "shards"
    with replacing(folder) as new:
        write_set(new, b"one", b"two")
    (folder / "notes.txt").write_text("mine")
    return folder


def test_a_new_set_takes_the_place_of_the_old_one(shards: Path) -> None:
    with replacing(shards) as new:
        write_set(new, b"three")
    assert sorted(path.name for path in shards.iterdir()) == [
        INDEX_NAME, CARD_NAME, "notes.txt", "train-00000-of-00001.parquet",
    ]  # fmt: skip
    assert list(read_index(shards).shards) == ["train-00000-of-00001.parquet"]
    assert (shards / CARD_NAME).read_text() == "1 shards"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OutputError("no space")])
def test_a_set_that_is_not_finished_changes_nothing(
    shards: Path, error: BaseException | type[BaseException]
) -> None:
    before = contents(shards)
    with pytest.raises((KeyboardInterrupt, OutputError)), replacing(shards) as new:
        (new / shard_name("train", 0, 1)).write_bytes(b"half")
        raise error
    assert contents(shards) == before
    assert not (shards / STAGING).exists()


def test_an_incomplete_set_of_a_killed_run_is_removed(shards: Path) -> None:
    before = contents(shards)
    (shards / STAGING).mkdir()
    (shards / STAGING / shard_name("train", 0, 1)).write_bytes(b"half")
    finish(shards)
    assert contents(shards) == before
    assert not (shards / STAGING).exists()


def test_a_damaged_set_is_removed(shards: Path) -> None:
    before = contents(shards)
    (shards / STAGING).mkdir()
    (shards / STAGING / INDEX_NAME).write_text("{")
    finish(shards)
    assert contents(shards) == before


@pytest.mark.parametrize("moved", range(5))
def test_a_move_that_was_interrupted_is_completed(
    shards: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, calls = Path.replace, []

    def stop(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) > moved:
            raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt), replacing(shards) as new:
        write_set(new, b"three", b"four", b"five")
    monkeypatch.undo()
    assert not (shards / INDEX_NAME).exists()
    finish(shards)
    index = read_index(shards)
    assert [sha256_bytes((shards / name).read_bytes()) for name in index.shards] == [
        entry.sha256 for entry in index.shards.values()
    ]
    assert len(list(shards.glob("*.parquet"))) == 3
    assert not (shards / STAGING).exists()


def test_a_link_is_not_followed(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    write_set(tmp_path / "theirs", b"theirs")
    before = contents(tmp_path / "theirs")
    (shards / STAGING).symlink_to(tmp_path / "theirs")
    finish(shards)
    assert contents(tmp_path / "theirs") == before
    assert not (shards / STAGING).is_symlink()
