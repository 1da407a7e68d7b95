"""Which network an export verb takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode
from ebb_train import cli
from ebb_train.export import repair_network
from ebb_train.export.networks import is_lens
from tests.helpers.repair import colour_network


def test_a_file_of_that_name_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_lens(Path("lens"))
    assert not is_lens(Path("runs/lens"))
    (tmp_path / "lens").mkdir()
    assert not is_lens(Path("lens"))


def test_the_verbs_export_the_network_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(repair_network, "packaged_network", lambda: colour_network(gain=4.0))
    assert run_verb(cli.app, ["export-onnx", "lens", "a.onnx"]) == ExitCode.DONE
    command = ["export-tflite", "lens", "a.tflite", "--size", "64x64", "--runs", "0"]
    assert run_verb(cli.app, command) == ExitCode.DONE
    assert "GPU delegate: supports all operations" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"a.onnx", "a.tflite", "a.md"}


def test_other_paths_are_weights_of_pynet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("onnx", "tflite"):
        command = [f"export-{verb}", str(tmp_path / "lens"), str(tmp_path / f"a.{verb}")]
        assert run_verb(cli.app, command) == ExitCode.INVALID_INPUT
        assert "no such weights file" in capsys.readouterr().err
