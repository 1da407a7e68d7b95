"""Data sets opened as a library, against the Parquet and PNG files themselves."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

import ebb
from ebb.dataset.index import INDEX_NAME
from tests.helpers.datasets import photos, record, write_set


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_set(tmp_path / "shards", [[record(i) for i in range(6)], [record(6), record(7)]])


def decoded(png: bytes) -> NDArray[np.uint8]:
    pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    return np.asarray(pixels[..., ::-1] if pixels.ndim == 3 else pixels, np.uint8)


def test_pairs_are_those_of_the_parquet_files(shards: Path) -> None:
    rows = [row for path in sorted(shards.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    dataset = ebb.open_dataset(str(shards))
    assert len(dataset) == len(rows) == 8
    for found in (list(dataset), [dataset[number] for number in range(8)]):
        for pair, row in zip(found, rows, strict=True):
            assert pair.pair_id == row["pair_id"]
            assert pair.record.source_wide == row["source_wide"]
            for name in ("wide", "shallow", "depth"):
                np.testing.assert_array_equal(getattr(pair, name), decoded(row[name]["bytes"]))


def test_indices_count_from_both_ends(shards: Path) -> None:
    dataset = ebb.open_dataset(shards)
    assert dataset[-1].pair_id == dataset[7].pair_id == record(7).pair_id
    for index in (8, -9):
        with pytest.raises(IndexError, match=f"^pair {index} of 8$"):
            _ = dataset[index]


def test_photos_are_decoded_on_access(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ebb.api import datasets

    calls = []
    monkeypatch.setattr(datasets, "decode_png", lambda data: calls.append(data) or np.zeros((1, 1)))
    pair = ebb.open_dataset(shards)[0]
    assert (pair.split, repr(pair)) == ("train", f"StoredPair('{pair.pair_id}', split='train')")
    assert not calls
    assert pair.wide is pair.wide
    assert calls == [pair.record.wide]


def test_splits(tmp_path: Path) -> None:
    parts = {"train": range(3), "val": range(3, 4), "test": range(4, 6)}
    dataset = ebb.write_dataset(
        tmp_path / "set", **{split: [photos(n) for n in numbers] for split, numbers in parts.items()}
    )
    assert dataset.splits == {"train": 3, "val": 1, "test": 2}
    assert repr(dataset) == f"Dataset({str(tmp_path / 'set')!r}, train: 3, val: 1, test: 2)"
    assert [pair.split for pair in dataset] == ["train"] * 3 + ["val"] + ["test"] * 2
    test = dataset.split("test")
    assert test.splits == {"train": 0, "val": 0, "test": 2}
    for number, pair in zip(parts["test"], test, strict=True):
        np.testing.assert_array_equal(pair.wide, photos(number)[0])
    with pytest.raises(ebb.UsageError, match="there is no split 'dev' \\(choose one of: train, val, test"):
        dataset.split("dev")  # type: ignore[arg-type]


def test_a_data_set_can_be_pickled(shards: Path) -> None:
    dataset = ebb.open_dataset(shards)
    _ = dataset[0]
    assert pickle.loads(pickle.dumps(dataset))[7].pair_id == record(7).pair_id


def test_missing_depth(tmp_path: Path) -> None:
    dataset = ebb.open_dataset(write_set(tmp_path, [[record(0, has_depth=False)]]))
    assert dataset[0].depth is None
    assert dataset[0].inverse_depth is None


def test_verify_finds_a_flipped_bit(shards: Path) -> None:
    dataset = ebb.open_dataset(shards)
    heard: list[tuple[str, int, int]] = []
    report = dataset.verify(workers=1, progress=lambda *what: heard.append(what))
    assert (report.num_files, report.num_rows, report.problems) == (2, 8, [])
    assert heard == [("verify", 0, 2), ("verify", 1, 2), ("verify", 2, 2)]
    path = next(shards.glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    problems = dataset.verify(workers=1).problems
    assert problems
    assert all(path.name in problem for problem in problems)


def test_invalid_folders_are_refused(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(ebb.InvalidInput, match="no dataset in this folder"):
        ebb.open_dataset(tmp_path / "nothing")
    index = json.loads((shards / INDEX_NAME).read_text())
    (shards / INDEX_NAME).write_text(json.dumps(index | {"schema_version": 1}))
    with pytest.raises(ebb.InvalidInput, match="schema_version"):
        ebb.open_dataset(shards)


def test_a_damaged_shard_is_named(shards: Path) -> None:
    dataset = ebb.open_dataset(shards)
    path = shards / "train-00001-of-00002.parquet"
    shutil.copyfile(shards / INDEX_NAME, path)
    assert dataset[0].pair_id == record(0).pair_id
    with pytest.raises(ebb.InvalidInput, match=path.name):
        _ = dataset[6]
