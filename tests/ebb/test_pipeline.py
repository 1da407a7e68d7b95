"""Stages in a row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ebb.console import SilentProgress
from ebb.errors import ExitCode, MissingDependency
from ebb.pipeline import import_and_shard, run_pipeline
from ebb.settings import DepthSettings, RunSettings, ShardSettings
from tests.captures import write_card
from tests.ebb.conftest import SETTINGS
from tests.ebb.stages.test_import_ import release


def test_missing_weights_end_it_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    settings = replace(SETTINGS, depth=DepthSettings(provider="megadepth"))
    with pytest.raises(MissingDependency):
        run_pipeline(tmp_path / "set", tmp_path, settings, SilentProgress())
    assert not (tmp_path / "set").exists()


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


def test_import_and_shard(tmp_path: Path) -> None:
    report = import_and_shard(
        tmp_path / "set", release(tmp_path / "EBB"), ShardSettings(), RunSettings(workers=1), SilentProgress()
    )
    assert report.exit_code(1.0) is ExitCode.DONE
    assert report.as_dict()["import"]["ok"] == 3
    card = Path(report.shards.folder, "README.md").read_text(encoding="utf-8")
    assert "3 pairs were taken as they are from an existing data set" in card
    assert Path(report.contact_sheet).exists()
    assert Path(report.as_dict()["report"]).exists()
