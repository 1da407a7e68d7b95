"""Export writes folders that other projects read; export followed by import is lossless."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ebb.dataset.index import read_index
from ebb.errors import DatasetLocked, OutputError
from ebb.formats.png import decode_png
from ebb.progress import SilentProgress
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, ShardSettings
from ebb.stages import export, import_, shard
from ebb.temporary import sole_writer
from ebb.workspace import Workspace, open_workspace
from tests.helpers.datasets import read_records
from tests.helpers.settings import RUN


@pytest.fixture
def sharded(ready: Workspace) -> Workspace:
    shard.run(ready, ShardSettings(test=1, val=0), SilentProgress())
    return ready


def run(
    workspace: Workspace, folder: Path, layout: str, image_format: export.ImageFormat
) -> export.ExportReport:
    return export.run(workspace.shards, folder, layout, image_format, RUN, SilentProgress())


def pixels(workspace: Workspace) -> set[tuple[str, bytes, bytes, bytes]]:
    found = set()
    for name in read_index(workspace.shards).shards:
        for record in read_records(workspace.shards / name):
            images = [
                decode_png(data).tobytes() for data in (record.wide, record.shallow, record.depth or b"")
            ]
            found.add((name.partition("-")[0], *images))
    return found


def test_import_after_export_gives_the_same_pixels(sharded: Workspace, tmp_path: Path) -> None:
    report = run(sharded, tmp_path / "out", "ebb", "png")
    assert report.splits == {"train": 2, "test": 1}
    with open_workspace(tmp_path / "again", create=True) as workspace:
        taken = import_.run(
            workspace, Request(source=tmp_path / "out"), AlignSettings(), RUN, SilentProgress()
        )
        assert (taken.ok, taken.rejected, taken.failed) == (3, 0, 0)
        shard.run(workspace, ShardSettings(), SilentProgress())
        assert pixels(workspace) == pixels(sharded)


def test_jpeg_is_quality_95_with_half_chroma(sharded: Workspace, tmp_path: Path) -> None:
    run(sharded, tmp_path / "out", "ebb", "jpeg")
    wide = Image.open(io.BytesIO((tmp_path / "out" / "train" / "original" / "0.jpg").read_bytes()))
    record = next(iter(read_records(sharded.shards / "train-00000-of-00001.parquet")))
    reference = Image.fromarray(decode_png(record.wide))
    reference.save(buffer := io.BytesIO(), "jpeg", quality=95, subsampling=2)
    again = Image.open(buffer)
    assert wide.quantization == again.quantization  # type: ignore[attr-defined]
    error = np.asarray(wide).astype(float) - np.asarray(again)
    assert np.abs(error).mean() < 0.5
    depth = decode_png((tmp_path / "out" / "train" / "original_depth" / "0.png").read_bytes())
    assert depth.shape[::-1] == (record.width // 2, record.height // 2)


@pytest.mark.parametrize(
    ("layout", "names"),
    [
        ("bokehlicious", ["test/gt/0.png", "test/in/0.png", "train/gt/0.png", "train/gt/1.png"]),
        ("ebokehnet", ["test/0_src.png", "test/0_tgt.png", "train/0_src.png", "train/0_tgt.png"]),
    ],
)
def test_other_layouts(sharded: Workspace, tmp_path: Path, layout: str, names: list[str]) -> None:
    run(sharded, tmp_path / "out", layout, "png")
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")
    )
    assert found[:4] == names
    assert len(found) == 6


def test_an_interrupted_export_is_resumed_without_mixing(sharded: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(sharded, out, "ebb", "png")
    path = out / "train" / "bokeh" / "1.png"
    sound = path.read_bytes()
    path.unlink()
    run(sharded, out, "ebb", "png")
    assert path.read_bytes() == sound
    with pytest.raises(OutputError, match="the folder is not empty"):
        run(sharded, out, "ebb", "jpeg")


def test_leftovers_of_a_killed_export_are_removed(sharded: Workspace, tmp_path: Path) -> None:
    """Also of one that was killed while it wrote its first file."""
    out = tmp_path / "out"
    (out / "train" / "original").mkdir(parents=True)
    for path in (out / ".ebb-export.json.77.tmp", out / "train" / "original" / ".0.png.77.tmp"):
        path.write_bytes(b"half")
    with pytest.raises(OutputError, match="the folder is not empty: train"):
        run(sharded, out, "ebb", "png")
    (out / "train").rename(tmp_path / "train")
    run(sharded, out, "ebb", "png")
    (tmp_path / "train" / "original" / ".0.png.77.tmp").rename(out / "train" / ".0.png.77.tmp")
    run(sharded, out, "ebb", "png")
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]


def test_two_exports_to_one_folder_are_refused(sharded: Workspace, tmp_path: Path) -> None:
    run(sharded, tmp_path / "out", "ebb", "png")
    with sole_writer(tmp_path / "out"), pytest.raises(DatasetLocked):
        run(sharded, tmp_path / "out", "ebb", "png")
