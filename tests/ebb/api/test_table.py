"""Tables of pairs against what pyarrow and SQLite read."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import ebb
from ebb.dataset.columns import ARRAY, IMAGE
from ebb.dataset.record import COLUMNS
from tests.helpers.captures import scene, shot, write_card
from tests.helpers.datasets import record, write_set


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good pairs in two splits, and one of two different scenes."""
    root = tmp_path_factory.mktemp("table")
    write_card(root / "raw", 2)
    (root / "raw" / "IMG_0011.JPG").write_bytes(shot(scene(11), 16, 3000))
    (root / "raw" / "IMG_0012.JPG").write_bytes(shot(scene(12), 1.8, 3004))
    report = ebb.run_pipeline(
        root / "raw",
        root / "set",
        align=ebb.AlignSettings(height=192),
        depth=ebb.DepthSettings(provider="sidecar"),
        shard=ebb.ShardSettings(test=1, val=0),
        run=ebb.RunSettings(workers=2),
    )
    assert [pair.status for pair in report.status.pairs].count(ebb.Status.OK) == 2
    return root / "set"


def parquet(folder: Path, order: tuple[str, ...] = ("train", "val", "test")) -> pd.DataFrame:
    files = [path for split in order for path in sorted(folder.glob(f"{split}-*.parquet"))]
    names = [column.name for column in COLUMNS if column.kind not in (ARRAY, IMAGE)]
    return pd.concat([pq.read_table(path, columns=names).to_pandas() for path in files], ignore_index=True)


def check_columns(table: pd.DataFrame, wanted: pd.DataFrame) -> None:
    for name in wanted.columns:
        for found, value in zip(table[name], wanted[name], strict=True):
            if np.ndim(value):
                np.testing.assert_array_equal(found, value, err_msg=name)
            else:
                assert (pd.isna(found) and pd.isna(value)) or found == value, name


def test_the_table_of_a_folder_of_shards_equals_pyarrow(tmp_path: Path) -> None:
    shards = write_set(tmp_path, [[record(0), record(1)], [record(2)]])
    dataset = ebb.open_dataset(shards)
    table = dataset.to_pandas()
    wanted = parquet(shards)
    assert set(table.columns) == {*wanted.columns, "split"}
    check_columns(table, wanted)
    assert table["split"].tolist() == ["train"] * 3
    assert [pair.pair_id for pair in dataset] == table["pair_id"].tolist()


def test_a_dataset_folder_adds_all_measurements_and_the_other_pairs(folder: Path) -> None:
    dataset = ebb.open_dataset(folder)
    table = dataset.to_pandas()
    assert len(table) == 3
    assert len(dataset) == 2
    check_columns(table[:2], parquet(folder / "shards"))
    assert table["status"].tolist() == ["ok", "ok", "rejected"]
    assert table["split"].tolist() == ["train", "test", ""]
    lost = table.iloc[2]
    assert (lost["source_wide"], lost["f_number_shallow"], lost["stage"]) == ("IMG_0011.JPG", 1.8, "align")
    assert lost["reason"] in list(ebb.Reason)
    assert pd.isna(lost["width"])
    with sqlite3.connect(folder / "state.sqlite") as db:
        rows = dict(db.execute("SELECT pair_id, value FROM stages WHERE stage='align'"))
    for _, row in table[:2].iterrows():
        measured = json.loads(rows[row["pair_id"]])["measurements"]
        for name in ("rotation_deg", "stretch", "corner_shift", "residual_px", "num_matches"):
            assert row[name] == pytest.approx(measured[name])


def test_types_are_those_of_the_columns(folder: Path) -> None:
    table = ebb.open_dataset(folder).to_pandas()
    assert table["residual_px"].dtype == np.float64
    assert table["num_matches"].dtype == pd.Int32Dtype()
    assert table["exposure_gain_red"].dtype == np.float64
    assert pd.api.types.is_datetime64_any_dtype(table["captured_at_wide"])
    assert list(table.columns[:3]) == ["pair_id", "split", "status"]


def test_a_split_lists_its_own_pairs(folder: Path) -> None:
    table = ebb.open_dataset(folder).split("test").to_pandas()
    assert table["split"].tolist() == ["test"]
    assert table["status"].tolist() == ["ok"]


def test_the_shards_of_a_dataset_folder_alone(folder: Path) -> None:
    table = ebb.open_dataset(folder / "shards").to_pandas()
    assert len(table) == 2
    assert "status" not in table
