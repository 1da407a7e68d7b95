from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebb.dataset.index import INDEX_NAME, DatasetIndex, find_shards, index_text, parse_index, read_index
from ebb.dataset.shards import ShardEntry
from ebb.errors import InvalidInput

FACTS = ShardEntry(rows=6, row_groups=2, num_bytes=1000, sha256="0123456789abcdef" * 4)
INDEX = DatasetIndex(
    shards={
        "train-00000-of-00002.parquet": FACTS,
        "train-00001-of-00002.parquet": replace(FACTS, rows=5),
        "test-00000-of-00001.parquet": replace(FACTS, rows=1, row_groups=1),
    },
    settings={"shard": {"test": 0.1}},
    counts={"ok": 12, "parallax": 3},
    software={"ebb": "0.1.0", "opencv": "5.0.0"},
)


def changed(*keys: str | int, value: object) -> str:
    values: Any = json.loads(index_text(INDEX))
    target = values
    for key in keys[:-1]:
        target = target[key]
    target[keys[-1]] = value
    return json.dumps(values)


def test_an_index_comes_back() -> None:
    assert parse_index(index_text(INDEX)) == INDEX


def test_text_does_not_depend_on_the_order_of_the_shards() -> None:
    backwards = replace(INDEX, shards=dict(reversed(INDEX.shards.items())))
    assert index_text(backwards) == index_text(INDEX)


def test_text_is_one_canonical_line() -> None:
    text = index_text(INDEX)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert '"splits":{"test":1,"train":11,"val":0}' in text


def test_splits_are_counted_and_listed() -> None:
    assert INDEX.num_pairs("train") == 11
    assert INDEX.names("train") == ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"]
    assert INDEX.names("val") == []


def test_an_empty_dataset_is_a_dataset() -> None:
    empty = DatasetIndex(shards={})
    assert parse_index(index_text(empty)) == empty


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "index: not an object"),
        ("{}", "schema_version: is 'None', this program reads 7"),
        (changed("schema_version", value=99), "schema_version: is '99', this program reads 7"),
        (changed("written_at", value="now"), "index.written_at: unknown"),
        (changed("shards", value={}), "index.shards: has a value of another kind"),
        (changed("counts", value={"ok": -1}), "index.counts: has a value of another kind"),
        (changed("software", value={"ebb": 1}), "index.software: has a value of another kind"),
        (changed("splits", value={"train": 11}), "index.splits: has a value of another kind"),
        (changed("splits", "train", value=12), "splits.train: is 12, the shards hold 11"),
        (changed("shards", 0, value=None), "shards[0]: not an object"),
        (changed("shards", 0, "url", value="http://"), "shards[0].url: unknown"),
        (changed("shards", 0, "rows", value=True), "shards[0].rows: has a value of another kind"),
        (changed("shards", 0, "rows", value=1.0), "shards[0].rows: has a value of another kind"),
        (changed("shards", 0, "num_bytes", value=-1), "shards[0].num_bytes: has a value of another kind"),
        (changed("shards", 0, "sha256", value="0" * 63), "shards[0].sha256: has a value of another kind"),
        (changed("shards", 0, "name", value="../x"), "shards[0].name: '../x' is not the name of a shard"),
        (changed("shards", 1, "name", value="train-00001-of-00002.parquet"), "shards: a name is there twice"),
        (
            changed("shards", 1, "name", value="train-00002-of-00003.parquet"),
            "shards: the shards of train are not complete",
        ),
    ],
)
def test_anything_else_is_refused_and_named(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_index(text, Path("DATASET.json"))
    assert str(caught.value).startswith(f"DATASET.json: {message}")


def test_missing_keys_are_named() -> None:
    values = json.loads(index_text(INDEX))
    del values["shards"][0]["sha256"]
    with pytest.raises(InvalidInput, match=r"shards\[0\]\.sha256: missing"):
        parse_index(json.dumps(values))


def test_an_index_is_read_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / INDEX_NAME).write_text(index_text(INDEX), encoding="utf-8")
    assert read_index(tmp_path) == INDEX


def test_a_folder_without_an_index_is_not_finished(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"DATASET\.json: the shards are not finished \(.*ebb shard"):
        read_index(tmp_path)
    (tmp_path / INDEX_NAME).mkdir()
    with pytest.raises(InvalidInput, match=r"DATASET\.json: cannot be read: Is a directory"):
        read_index(tmp_path)
    (tmp_path / INDEX_NAME).rmdir()
    (tmp_path / INDEX_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not JSON"):
        read_index(tmp_path)


def test_shards_are_found_in_a_folder_or_below(tmp_path: Path) -> None:
    assert find_shards(tmp_path) is None
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / INDEX_NAME).touch()
    assert find_shards(tmp_path) == find_shards(tmp_path / "shards") == tmp_path / "shards"
