"""Data sets written from arrays, read back by others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

import ebb
from ebb_train.data.sources import open_source
from tests.helpers.captures import scene
from tests.helpers.datasets import photos


def test_pyarrow_reads_the_written_arrays(tmp_path: Path) -> None:
    ebb.write_dataset(tmp_path / "set", train=(photos(n) for n in range(5)), val=[(*photos(5)[:2], None)])
    source = open_source(tmp_path / "set")
    for number in range(5):
        found = source.read(number)
        for name, image in zip(("wide", "shallow", "depth"), photos(number), strict=True):
            np.testing.assert_array_equal(getattr(found, name), image)
    (row,) = pq.read_table(tmp_path / "set" / "val-00000-of-00001.parquet").to_pylist()
    assert (row["depth"], row["depth_provider"], row["source_wide"]) == (None, "none", "val-000000-wide")
    assert np.array_equal(
        cv2.imdecode(np.frombuffer(row["wide"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB), photos(5)[0]
    )
    assert ebb.open_dataset(tmp_path / "set").verify(workers=1).problems == []


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        ebb.write_dataset(tmp_path / name, test=[photos(0), photos(1)])
    files = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert files == ["DATASET.json", "test-00000-of-00001.parquet"]
    for name in files:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_large_sets_are_several_shards(tmp_path: Path) -> None:
    dataset = ebb.write_dataset(tmp_path, train=[photos(n) for n in range(4)], shard_size=1e-6)
    assert len(list(tmp_path.glob("train-*-of-00004.parquet"))) == 4
    assert len(dataset) == 4


def test_float_depth_is_scaled(tmp_path: Path) -> None:
    wide, shallow, _ = photos(0)
    depth = np.tile(np.linspace(2, 4, 48), (32, 1))
    (pair,) = ebb.write_dataset(tmp_path, train=[(wide, shallow, depth)])
    assert pair.depth is not None
    np.testing.assert_array_equal(pair.depth, np.rint(255 * (depth - 2) / 2))


def test_an_aligned_pair_keeps_its_measurements(tmp_path: Path) -> None:
    aligned = ebb.align_pair(scene(3), scene(3), ebb.AlignSettings(height=256, min_blur_px=0))
    (pair,) = ebb.write_dataset(tmp_path, train=[aligned])
    np.testing.assert_array_equal(pair.wide, aligned.wide)
    assert pair.record.motion_model == aligned.registration.motion_model
    assert pair.record.H_shallow_to_wide == tuple(aligned.registration.H_shallow_to_wide.ravel())
    assert pair.record.crop_width == aligned.registration.crop.width
    measured = aligned.registration.measurements
    assert pair.record.measurements["num_matches"] == measured.num_matches
    assert pair.record.measurements["residual_px"] == measured.residual_px


def test_bad_arrays_and_folders_are_refused(tmp_path: Path) -> None:
    wide, shallow, depth = photos(0)
    for pair, message in (
        (
            (wide, shallow[:-1], None),
            r"train-000000: the array must have shape \(64, 96, 3\) .*, not \(63, 96, 3\) ",
        ),
        ((wide / 255, shallow, None), "type float64"),
        ((wide[..., 0], shallow, None), r"not \(64, 96\) of type"),
        ((wide, shallow, depth[:-1]), r"must have shape \(32, 48\)"),
        ((wide, shallow, np.full((32, 48), np.nan)), "not finite"),
    ):
        with pytest.raises(ebb.UsageError, match=message):
            ebb.write_dataset(tmp_path / "set", train=[pair])
        assert not (tmp_path / "set").exists()
    with pytest.raises(ebb.UsageError, match="no pairs to write"):
        ebb.write_dataset(tmp_path / "set")
    with pytest.raises(ebb.UsageError, match="val-000000-wide: the same pair occurs twice"):
        ebb.write_dataset(tmp_path / "other", train=[photos(0)], val=[photos(0)])
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "notes.txt").touch()
    with pytest.raises(ebb.UsageError, match="no pairs to write"):
        ebb.write_dataset(tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["notes.txt"]
    assert len(ebb.write_dataset(tmp_path / "other", train=[photos(0)])) == 1, (
        "nothing was left of the failure"
    )
    ebb.write_dataset(tmp_path / "full", train=[photos(0)])
    with pytest.raises(ebb.OutputError, match="already contains shards"):
        ebb.write_dataset(tmp_path / "full", train=[photos(1)])
