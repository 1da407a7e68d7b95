"""Records of several shards in one sequence."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

from ebb.dataset import collection
from ebb.dataset.collection import ShardCollection, stored_splits
from ebb.dataset.index import read_index
from ebb.dataset.splits import scene_key
from ebb.errors import InvalidInput
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_set(tmp_path / "shards", [[record(i) for i in range(6)], [record(6)], [record(7)]])


def opened(folder: Path) -> ShardCollection:
    return ShardCollection(folder, read_index(folder).shards)


def test_records_in_order_by_index_and_by_iteration(shards: Path) -> None:
    pairs = opened(shards)
    assert len(pairs) == 8
    assert [pairs.read(number).pair_id for number in (7, 0, 5, 6)] == [
        record(number).pair_id for number in (7, 0, 5, 6)
    ]
    assert list(pairs) == [record(number) for number in range(8)]


def test_single_columns_are_those_of_the_parquet_file(shards: Path) -> None:
    column = pq.read_table(shards / "train-00000-of-00003.parquet")["source_wide"].to_pylist()
    pairs = opened(shards)
    assert [pairs.read_values(n, ["source_wide"])["source_wide"] for n in range(6)] == column


@pytest.mark.parametrize("index", [-1, 8])
def test_a_missing_record(shards: Path, index: int) -> None:
    with pytest.raises(IndexError, match=f"pair {index} of 8"):
        opened(shards).read(index)


def test_where_a_record_lies(shards: Path) -> None:
    assert opened(shards).locate(6) == (shards / "train-00001-of-00003.parquet", 0)


def test_it_can_be_pickled(shards: Path) -> None:
    pairs = opened(shards)
    pairs.read(0)
    assert pickle.loads(pickle.dumps(pairs)).read(7) == record(7)


def test_files_stay_open_but_not_all_of_them(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "OPEN_SHARDS", 2)
    pairs = opened(shards)
    for number in (0, 6, 7, 1):
        assert pairs.read(number) == record(number)
    assert list(pairs._open) == ["train-00002-of-00003.parquet", "train-00000-of-00003.parquet"]


def test_a_shard_of_another_length_is_refused(shards: Path, tmp_path: Path) -> None:
    pairs = opened(shards)
    other = write_set(tmp_path / "other", [[record(0)]])
    (other / "train-00000-of-00001.parquet").replace(shards / "train-00000-of-00003.parquet")
    with pytest.raises(InvalidInput, match=r"1 pairs, DATASET.json says 6 \(copy the folder again"):
        pairs.read(0)


def test_splits_are_read_back_from_shards(shards: Path, tmp_path: Path) -> None:
    expected = {
        one.pair_id: name.partition("-")[0]
        for name in read_index(shards).shards
        for one in ShardCollection(shards, {name: read_index(shards).shards[name]})
    }
    wide = scene_key(record(0).source_wide_sha256)  # of all records here
    assert stored_splits(shards) == {**expected, wide: "train"}
    first = min(read_index(shards).shards)
    (shards / first).write_bytes(b"damaged")
    assert 0 < len(stored_splits(shards)) < len(expected)
    assert stored_splits(tmp_path / "none") == {}
