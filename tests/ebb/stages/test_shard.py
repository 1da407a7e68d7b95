"""Shards: content, splits and reproducibility."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ebb import results
from ebb.dataset.record import Record
from ebb.errors import InvalidInput, OutputError, Reason, Status
from ebb.formats.png import decode_png
from ebb.progress import SilentProgress
from ebb.settings import AlignSettings, DepthSettings, IngestSettings, ShardSettings
from ebb.stages import align, depth, ingest, shard
from ebb.workspace import Workspace, open_workspace
from tests.helpers.datasets import read_records
from tests.helpers.series import write_series
from tests.helpers.settings import ALIGN, RUN


def run(workspace: Workspace, **settings: object) -> shard.ShardReport:
    return shard.run(workspace, ShardSettings(**settings), SilentProgress())  # type: ignore[arg-type]


def contents(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(workspace.shards.iterdir())}


def test_rows_contain_the_results_of_the_stages(ready: Workspace) -> None:
    report = run(ready, test=1, val=1)
    assert report.splits == {"train": 1, "val": 1, "test": 1}
    assert (report.num_shards, report.left_out) == (3, 0)
    records = {
        record.pair_id: record for path in ready.shards.glob("*.parquet") for record in read_records(path)
    }
    for pair_id, row in ready.state.stage_rows(results.ALIGN).items():
        record = records[pair_id]
        assert row.value is not None
        assert record.wide == (ready.pair(pair_id) / "wide.png").read_bytes()
        assert record.depth == (ready.pair(pair_id) / "depth.png").read_bytes()
        assert list(record.H_shallow_to_wide or ()) == list(row.value.H_shallow_to_wide or ())
        assert list(record.defocus_map or ()) == list(row.value.defocus_map or ())
        assert record.measurements.items() <= row.value.measurements.items()
        assert record.measurements["num_inliers"] > 12
        assert (record.f_number_wide, record.f_number_shallow) == (16, 1.8)
        assert record.depth_provider == "sidecar"
        assert record.source_wide.startswith("IMG_")


def test_float_depth_is_packed_with_its_range(ready: Workspace) -> None:
    depth.run(ready, DepthSettings(provider="sidecar", keep_float=True), RUN, SilentProgress())
    run(ready, test=0, val=0)
    (path,) = ready.shards.glob("*.parquet")
    for record in read_records(path):
        assert record.depth_float16 == (ready.pair(record.pair_id) / "depth.npy").read_bytes()
        made = ready.state.stage_rows(results.DEPTH)[record.pair_id].value
        assert made is not None
        assert (record.depth_min, record.depth_max) == (made.depth_min, made.depth_max)
    depth.run(ready, DepthSettings(provider="sidecar"), RUN, SilentProgress())
    run(ready, test=0, val=0)
    assert {record.depth_float16 for record in read_records(path)} == {None}


def test_datasets_and_pandas_read_the_shards(
    ready: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    run(ready, test=1, val=0)
    files = {"train": str(ready.shards / "train-*.parquet"), "test": str(ready.shards / "test-*.parquet")}
    loaded = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 2, "test": 1}
    row = loaded["train"][0]
    stored = (ready.pair(row["pair_id"]) / "shallow.png").read_bytes()
    assert (np.asarray(row["shallow"]) == decode_png(stored)).all()
    assert row["depth"].size == (row["width"] // 2, row["height"] // 2)
    table = pd.read_parquet(next(ready.shards.glob("train-*.parquet")))
    assert table["wide"][0]["bytes"].startswith(b"\x89PNG")


def test_the_same_run_gives_the_same_bytes(ready: Workspace) -> None:
    run(ready, test=1, val=0)
    first = contents(ready)
    run(ready, test=1, val=0)
    assert contents(ready) == first


def test_small_shards_and_no_leftovers(ready: Workspace) -> None:
    assert run(ready, test=0, val=0, shard_size=0.01).num_shards == 3
    assert run(ready, test=0, val=0).num_shards == 1
    assert sorted(contents(ready)) == ["DATASET.json", "README.md", "train-00000-of-00001.parquet"]


def test_a_pair_keeps_its_split_whatever_the_settings(ready: Workspace) -> None:
    run(ready, test=1, val=0)
    before = ready.state.splits()
    run(ready, test=2, val=1)
    assert ready.state.splits() == before


@pytest.mark.parametrize("name", ["write_shard", "render_card", "index_text"])
def test_an_interruption_keeps_the_finished_shards(
    ready: Workspace, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run(ready)
    before = contents(ready)
    monkeypatch.setattr(shard, name, lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(ready, test=1, val=0, shard_size=0.01)
    assert contents(ready) == before


def test_card_and_index_contain_no_local_path(ready: Workspace) -> None:
    run(ready)
    for name in ("README.md", "DATASET.json"):
        assert str(ready.root.parent).encode() not in contents(ready)[name]
    counts = json.loads(contents(ready)["DATASET.json"])["counts"]
    assert counts == {"ok": 3}


def test_a_model_is_given_by_its_name_without_path(ready: Workspace) -> None:
    settings = ready.settings(DepthSettings)
    ready.save_settings(depth=replace(settings, model=str(ready.root / "nets" / "a.onnx")))
    run(ready)
    assert json.loads(contents(ready)["DATASET.json"])["settings"]["depth"]["model"] == "a.onnx"


def test_nothing_to_shard(aligned: Workspace) -> None:
    with pytest.raises(InvalidInput, match="of 3 pairs, none is aligned and has its depth map"):
        run(aligned)


def test_rejected_pairs_stay_out_and_are_counted(ready: Workspace) -> None:
    align.run(ready, AlignSettings(height=256, min_overlap=0.99), RUN, SilentProgress())
    with pytest.raises(InvalidInput, match="of 3 pairs, none is aligned"):
        run(ready)


def test_the_set_is_cut_at_a_quality_without_aligning_again(ready: Workspace) -> None:
    rows = ready.state.stage_rows(results.ALIGN)
    ranks = sorted(row.value.measurements["quality_rank"] for row in rows.values() if row.value)
    splits = dict(ready.state.splits())
    report = run(ready, test=1, val=1, min_quality=ranks[1])
    kept = [record for path in ready.shards.glob("*.parquet") for record in read_records(path)]
    assert sorted(record.measurements["quality_rank"] for record in kept) == ranks[1:]
    assert report.left_out == 1
    assert report.reasons == {Reason.LOW_QUALITY: 1}
    with pytest.raises(shard.NothingReady, match="no pair has a quality of 1"):
        run(ready, test=1, val=1, min_quality=1.0)
    assert run(ready, test=1, val=1).left_out == 0
    assert splits.items() <= ready.state.splits().items()


def test_depth_maps_of_two_recipes_are_not_mixed(ready: Workspace) -> None:
    (pair_id, *_) = ready.state.stage_rows(results.DEPTH)
    row = ready.state.stage_rows(results.DEPTH)[pair_id]
    depth.run(ready, DepthSettings(provider="none"), RUN, SilentProgress())
    ready.state.put_stage(row)
    with pytest.raises(InvalidInput, match="depth maps were made in 2 ways"):
        run(ready)


def test_a_damaged_photo_is_not_packed(ready: Workspace) -> None:
    (pair_id, *_) = ready.state.stage_rows(results.ALIGN)
    path = ready.pair(pair_id) / "wide.png"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="not the file that was written"):
        run(ready)


def test_a_pipe_in_place_of_a_photo_is_not_waited_for(ready: Workspace) -> None:
    photo = next(ready.pairs.glob("*/wide.png"))
    photo.unlink()
    os.mkfifo(photo)
    with pytest.raises(InvalidInput, match=r"wide\.png: cannot be read: not a regular file"):
        run(ready)


def test_a_missing_photo_keeps_the_finished_shards(ready: Workspace) -> None:
    run(ready)
    before = contents(ready)
    (pair_id, *_) = ready.state.stage_rows(results.ALIGN)
    path = ready.pair(pair_id) / "shallow.png"
    path.unlink()
    with pytest.raises(
        InvalidInput, match=r"shallow\.png: .* is gone \(run ebb align .* and ebb depth .*: they make it"
    ):
        run(ready)
    assert contents(ready) == before
    align.run(ready, ready.settings(AlignSettings), RUN, SilentProgress())
    run(ready)
    assert contents(ready) == before


def test_a_file_in_place_of_the_folder(ready: Workspace) -> None:
    ready.shards.touch()
    with pytest.raises(OutputError, match="shards: cannot write it: a file is where a folder should be"):
        run(ready)


def test_near_duplicates_in_two_splits_are_reported(ready: Workspace) -> None:
    assert run(ready, test=1, val=1).near_duplicates_across_splits == []
    rows = ready.state.stage_rows(results.ALIGN)
    for row in rows.values():
        assert row.value is not None
        ready.state.put_stage(replace(row, value=replace(row.value, perceptual_hash="0" * 16)))
    report = run(ready, test=1, val=1)
    assert report.near_duplicates_across_splits == [sorted(rows)]
    assert "1 such groups" in (ready.shards / "README.md").read_text(encoding="utf-8")


def broken(workspace: Workspace, pair_id: str) -> None:
    row = workspace.state.stage_rows(results.ALIGN)[pair_id]
    workspace.state.put_stage(
        replace(row, status=Status.ERROR, reason=Reason.OUT_OF_MEMORY, value=None, outputs={})
    )


@pytest.mark.parametrize("number", range(3))
def test_temporary_failures_leave_no_trace(ready: Workspace, tmp_path: Path, number: int) -> None:
    shutil.copytree(ready.root, tmp_path / "untroubled")
    with open_workspace(tmp_path / "untroubled") as untroubled:
        run(untroubled, test=1, val=1)
        expected = contents(untroubled)
    rows = ready.state.stage_rows(results.ALIGN)
    pair_id = sorted(rows)[number]
    broken(ready, pair_id)
    assert run(ready, test=1, val=1).left_out == 1
    ready.state.put_stage(rows[pair_id])
    assert run(ready, test=1, val=1).left_out == 0
    assert contents(ready) == expected


def test_splits_are_restored_if_the_state_is_lost(ready: Workspace) -> None:
    (pair_id, *others) = ready.state.stage_rows(results.ALIGN)
    ready.state.put_splits({pair_id: "val", **dict.fromkeys(others, "test")})
    assert run(ready).splits == {"train": 0, "val": 1, "test": 2}
    ready.state._db.execute("DELETE FROM splits")
    assert run(ready).splits == {"train": 0, "val": 1, "test": 2}


# --- series ----------------------------------------------------------------------------------------------


def records_of(workspace: Workspace) -> dict[str, tuple[str, Record]]:
    """pair_id → split and record."""
    return {
        record.pair_id: (path.name.partition("-")[0], record)
        for path in workspace.shards.glob("*.parquet")
        for record in read_records(path)
    }


def test_pairs_of_a_series_are_in_one_split_and_name_their_scene(series: Workspace) -> None:
    report = run(series, test=1, val=0)
    assert (report.splits, report.scenes) == (
        {"train": 3, "val": 0, "test": 3},
        {"train": 1, "val": 0, "test": 1},
    )
    index = json.loads((series.shards / "DATASET.json").read_text())
    assert index["scenes"] == report.scenes
    assert "| train | 1 | 3 | 1 |" in (series.shards / "README.md").read_text(encoding="utf-8")
    found = records_of(series)
    for scene in {record.scene for _, record in found.values()}:
        members = [(split, record) for split, record in found.values() if record.scene == scene]
        assert len({split for split, _ in members}) == 1
        assert len({record.wide for _, record in members}) == 1
        assert len({record.depth for _, record in members}) == 1
        assert sorted(record.f_number_shallow or 0 for _, record in members) == [1.8, 2.8, 8.0]
        assert {record.f_number_wide for _, record in members} == {16.0}
    assert {record.near_duplicates for _, record in found.values()} == {""}
    assert report.near_duplicates_across_splits == []


def test_a_series_keeps_its_split_when_it_grows_and_when_its_first_photo_is_gone(series: Workspace) -> None:
    raw = series.root.parent / "raw"
    run(series, test=1, val=0)
    before = {record.source_wide: split for split, record in records_of(series).values()}
    write_series(raw, 0, (4.0,))
    (raw / "IMG_0104.JPG").unlink()  # f/1.8, after which the pairs of the scene are named
    ingest.run(series, raw, IngestSettings(series=True), RUN, SilentProgress())
    align.run(series, ALIGN, RUN, SilentProgress())
    depth.run(series, DepthSettings(provider="sidecar"), RUN, SilentProgress())
    assert run(series, test=0.9, val=0).left_out == 0
    after = records_of(series)
    assert {(record.source_wide, split) for split, record in after.values()} == set(before.items())
    assert len({record.scene for _, record in after.values()}) == 2
    series.state._db.execute("DELETE FROM splits")
    assert run(series, test=0.9, val=0).left_out == 0
    assert {(record.source_wide, split) for split, record in records_of(series).values()} == set(
        before.items()
    )


def test_near_duplicates_of_series_name_scenes(series: Workspace) -> None:
    rows = series.state.stage_rows(results.ALIGN)
    for row in rows.values():
        assert row.value is not None
        series.state.put_stage(replace(row, value=replace(row.value, perceptual_hash="0" * 16)))
    report = run(series, test=1, val=0)
    assert report.near_duplicates_across_splits == [sorted(rows)]
    assert {record.near_duplicates for _, record in records_of(series).values()} == {min(rows)}
