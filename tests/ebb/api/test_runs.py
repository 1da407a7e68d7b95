"""Whole runs as a library: the same as the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import ebb
from ebb.cli import main
from tests.helpers.captures import write_card


def test_a_run_is_that_of_the_command_line(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 1)
    heard: list[tuple[str, int, int]] = []
    report = ebb.run_pipeline(
        str(tmp_path / "raw"),
        tmp_path / "library",
        align=ebb.AlignSettings(height=192),
        depth=ebb.DepthSettings(provider="sidecar"),
        run=ebb.RunSettings(workers=1),
        progress=lambda *what: heard.append(what),
    )
    assert report.problem is None
    assert [stage for stage, done, total in heard if done == total] == ["ingest", "align", "depth", "shard"]
    command = ["run", str(tmp_path / "raw"), "--dataset", str(tmp_path / "command"), "--height", "192"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--provider", "sidecar", "--workers", "1", "--quiet"])
    assert ended.value.code == 0
    for path in (tmp_path / "library" / "shards").iterdir():
        assert path.read_bytes() == (tmp_path / "command" / "shards" / path.name).read_bytes()


def test_a_run_without_a_pair_says_why(tmp_path: Path) -> None:
    write_card(tmp_path / "raw", 1)
    next((tmp_path / "raw").glob("*2.JPG")).unlink()
    depth, run = ebb.DepthSettings(provider="none"), ebb.RunSettings(workers=1)
    report = ebb.run_pipeline(tmp_path / "raw", tmp_path / "set", depth=depth, run=run)
    assert "no two files make a pair" in str(report.problem)
    assert report.status.pairs == []


def test_missing_folders_and_weights_are_reported_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ebb.InvalidInput):
        ebb.run_pipeline(tmp_path / "nothing", tmp_path / "set")
    write_card(tmp_path / "raw", 1)
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    with pytest.raises(ebb.MissingDependency, match="ebb weights download megadepth"):
        ebb.run_pipeline(tmp_path / "raw", tmp_path / "set")
    assert not (tmp_path / "set").exists()
