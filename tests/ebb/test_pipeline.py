"""Stages in a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ebb.errors import EbbError, ExitCode, MissingDependency, UsageError
from ebb.pipeline import PipelineReport, import_and_shard, run_pipeline
from ebb.progress import SilentProgress
from ebb.report.summary import pipeline_text
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, DepthSettings, IngestSettings, RunSettings, ShardSettings
from tests.helpers.captures import scene, shot, write_card
from tests.helpers.ebb_release import release
from tests.helpers.published import write_data_set
from tests.helpers.settings import SETTINGS


def import_(dataset: Path, source: Path, **request: bool) -> PipelineReport:
    settings = AlignSettings(height=0), ShardSettings(), RunSettings(workers=1)
    return import_and_shard(dataset, Request(source=source, **request), *settings, SilentProgress())


def test_missing_weights_end_it_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.JPG").touch()
    settings = replace(SETTINGS, depth=DepthSettings(provider="megadepth"))
    with pytest.raises(MissingDependency):
        run_pipeline(tmp_path / "set", tmp_path / "raw", settings, SilentProgress())
    assert not (tmp_path / "set").exists()


def test_splits_of_more_pairs_than_there_are_end_it_before_alignment(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 1)
    settings = replace(SETTINGS, shard=ShardSettings(test=99, val=0))
    with pytest.raises(UsageError, match="--test 99 and --val 0 are more than all 1 pairs"):
        run_pipeline(tmp_path / "set", tmp_path / "raw", settings, SilentProgress())
    assert not (tmp_path / "set" / "pairs").exists()


def test_a_second_run_changes_no_byte(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 2)
    report = run_pipeline(tmp_path / "set", tmp_path / "raw", SETTINGS, SilentProgress())
    assert report.exit_code(1.0) is ExitCode.DONE
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*.[ph]*") if path.is_file()}
    again = run_pipeline(tmp_path / "set", tmp_path / "raw", SETTINGS, SilentProgress())
    assert [stage.unchanged for stage in again.stages] == [2, 2]
    assert {path: path.read_bytes() for path in before} == before
    assert again.as_dict()["shard"]["splits"] == {"train": 1, "val": 0, "test": 1}


def test_failures_of_any_stage_show_in_the_exit_code(finished) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    assert finished.exit_code(1.0) is ExitCode.ITEMS_FAILED


def test_without_a_usable_pair_all_reasons_are_reported(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "IMG_0001.JPG").write_bytes(shot(scene(1), 16, 0))
    (raw / "IMG_0002.JPG").write_bytes(shot(scene(1), 8, 4))
    report = run_pipeline(tmp_path / "set", raw, SETTINGS, SilentProgress())
    assert report.exit_code(1.0) is ExitCode.INVALID_INPUT
    assert "no two files make a pair" in str(report.problem)
    text = pipeline_text(report)
    assert text.startswith("2 files, 2 captures, 0 pairs")
    assert "IMG_0002.JPG  other_f_number" in text
    assert report.as_dict()["ingest"]["not_used"][1]["reason"] == "other_f_number"
    assert report.as_dict()["shard"] is None
    assert Path(report.page).exists()

    (raw / "IMG_0003.JPG").write_bytes(shot(scene(2), 1.8, 8))
    report = run_pipeline(tmp_path / "set", raw, SETTINGS, SilentProgress())
    assert report.exit_code(1.0) is ExitCode.INVALID_INPUT
    assert "of 1 pair, none is aligned and has its depth map" in str(report.problem)
    assert "IMG_0003.JPG  align  too_few_" in pipeline_text(report)


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        (None, IngestSettings(), "not a folder"),
        ([], IngestSettings(), "no files here .* is it mounted"),
        (
            ["a.txt", "b.md"],
            IngestSettings(),
            "no photo in this folder, 2 other files .*name",
        ),
        (["a.JPG"], IngestSettings(pairs=Path("no.csv")), "no.csv: cannot read the pairs file: No such file"),
    ],
)
def test_a_run_that_cannot_start_creates_no_dataset(
    files: list[str] | None, settings: IngestSettings, message: str, tmp_path: Path
) -> None:
    raw, made = tmp_path / "raw", tmp_path / "set"
    if files is not None:
        raw.mkdir()
        for name in files:
            (raw / name).touch()
    with pytest.raises(EbbError, match=message):
        run_pipeline(made, raw, replace(SETTINGS, ingest=settings), SilentProgress())
    with pytest.raises(EbbError, match="not a folder|no pairs here"):
        import_(made, raw)
    assert not made.exists()


def test_import_and_shard(tmp_path: Path) -> None:
    report = import_(tmp_path / "set", release(tmp_path / "EBB"))
    assert report.exit_code(1.0) is ExitCode.DONE
    assert report.as_dict()["import"]["ok"] == 3
    card = Path(report.shards.folder, "README.md").read_text(encoding="utf-8")
    assert "3 pairs were imported without changes from an existing data set" in card
    assert Path(report.contact_sheet).exists()
    assert Path(report.as_dict()["report"]).exists()
    assert Path(report.refused_list).read_text().count("too_few_") >= 3
    assert report.to_look_at[-1] == report.refused_list
    assert "Imported pairs beyond a limit" in Path(report.page).read_text()


def test_import_that_registers_again(tmp_path: Path) -> None:
    folder = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted", "strangers"])
    report = import_(tmp_path / "set", folder, realign=True)
    assert report.exit_code(1.0) is ExitCode.DONE
    values = report.as_dict()
    assert [values[stage]["ok"] for stage in ("import", "align", "depth")] == [3, 2, 2]
    card = Path(report.shards.folder, "README.md").read_text(encoding="utf-8")
    assert "2 pairs of an existing data set were registered again" in card
    assert Path(report.refused_list).read_text().count("\n") == 2
