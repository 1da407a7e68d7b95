"""Texts of results."""

from __future__ import annotations

from collections import Counter

from ebb.errors import Status
from ebb.pipeline import PipelineReport
from ebb.report.summary import (
    MAX_LISTED,
    export_text,
    ingest_text,
    pair_table,
    pipeline_text,
    preview_text,
    shard_text,
    stage_text,
    status_text,
    verify_text,
)
from ebb.runner.stage import StageReport
from ebb.stages.export import ExportReport
from ebb.stages.ingest import IngestReport
from ebb.stages.shard import ShardReport
from ebb.stages.verify import VerifyReport


def test_ingest_reports_every_reason_with_advice(finished: PipelineReport) -> None:
    assert finished.ingested is not None
    text = ingest_text(finished.ingested)
    assert text.startswith("10 files, 7 captures, 3 pairs")
    assert "broken [1].JPG" not in text, "the progress has reported it"
    assert "unreadable           1  " in text
    assert "missing_partner" in text
    assert "raise --max-gap" in text


def test_a_dry_run_lists_the_pairs(finished: PipelineReport) -> None:
    assert finished.ingested is not None
    text = preview_text(finished.ingested)
    assert text.startswith(ingest_text(finished.ingested))
    for pair in finished.status.pairs:
        assert any(pair.wide in line and pair.shallow in line for line in text.splitlines())
    listed = finished.ingested.as_dict()["pairs"]
    assert {one["pair_id"] for one in listed} == {pair.pair_id for pair in finished.status.pairs}


def test_long_lists_are_cut(finished: PipelineReport) -> None:
    assert finished.ingested is not None
    lonely = [row for row in finished.ingested.rows if row.status is Status.REJECTED]
    report = type(finished.ingested)(folder="x", rows=lonely * 2 * MAX_LISTED)
    text = ingest_text(report)
    assert f"… and {2 * len(lonely) * MAX_LISTED - MAX_LISTED} more in captures.parquet" in text


def test_stage_text() -> None:
    report = StageReport(stage="align", total=3, ok=2, rejected=1, reasons=Counter({"parallax": 1}))
    text = stage_text(report)
    assert text.startswith("align: 2 ok, 1 rejected, 0 failed\n")
    assert "shoot again without moving it" in text
    assert stage_text(StageReport(stage="depth", ok=2, unchanged=2)).endswith(
        "(2 unchanged since the last run)"
    )


def test_pipeline_text_ends_with_the_pages(finished: PipelineReport) -> None:
    text = pipeline_text(finished)
    listed = f"ebb status --pairs --dataset {finished.dataset}"
    assert (
        f"1 pair left out (1 too_few_inliers): see {listed}\nsplits may still change: 1 camera file" in text
    )
    assert finished.to_look_at == [finished.page, finished.contact_sheet]
    assert finished.shards.folder in text
    for pair in finished.status.pairs:
        assert pair.pair_id in text


def test_status_lists_pairs_on_request(finished: PipelineReport) -> None:
    assert finished.status.pairs[0].pair_id not in status_text(finished.status, with_pairs=False)
    text = status_text(finished.status, with_pairs=True)
    assert text.endswith(pair_table(finished.status.pairs))
    assert "align     2         1       0     0" in text


def test_series_are_told_with_their_scenes() -> None:
    ingested = IngestReport(folder="f", num_files=9, num_captures=8, num_pairs=6, num_scenes=2, num_further=1)
    assert ingest_text(ingested).splitlines() == [
        "9 files, 8 captures, 6 pairs of 2 scenes",
        "1 scene holds photos at further apertures; --series uses them",
    ]
    ingested = IngestReport(folder="f", wide_f_numbers={"f/16": 2, "f/8": 1})
    assert ingest_text(ingested).endswith("\nwide photos: f/16 in 2 scenes, f/8 in 1 scene")
    shards = ShardReport(
        folder="f", splits={"train": 4, "test": 2}, scenes={"train": 2, "test": 1}, num_shards=2
    )
    assert shard_text(shards) == "shards: f (2 files, 0.0 MB: 4 train, 2 test; 3 scenes)"


def test_short_texts() -> None:
    shards = ShardReport(folder="f", splits={"train": 2}, num_shards=1, num_bytes=1500000, left_out=1)
    assert shard_text(shards).startswith("shards: f (1 file, 1.5 MB: 2 train)\n1 pair left out")
    assert "note:" not in shard_text(shards)
    shards.near_duplicates_across_splits = [["a", "b"], ["c", "d", "e"]]
    assert shard_text(shards).endswith("near-duplicates in more than one split: 2 groups, such as a b")
    shards.num_unread = 1
    assert "splits may still change: 1 camera file cannot be read; repair or remove" in shard_text(shards)
    assert verify_text(VerifyReport(num_files=3, num_rows=2)).endswith("no problems")
    assert verify_text(VerifyReport(problems=["a: b"])) == "0 files, 0 rows checked: 1 problem"
    few = ShardReport(folder="f", splits={"train": 1, "val": 0, "test": 2})
    assert "\nnote: only 1 of 3 pairs for training: the splits are drawn from" in shard_text(few)
    none = ShardReport(folder="f", splits={"train": 0, "val": 0, "test": 1})
    assert "\nnote: no pair for training: " in shard_text(none)
    report = ExportReport(folder="f", layout="ebb", image_format="png", splits=Counter(train=2))
    assert export_text(report) == "exported to f (ebb layout, png): 2 train"
