"""The verb that gives a trained network an adjustable aperture."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ebb.errors import ExitCode
from ebb_train.cli import main
from ebb_train.models.network import save_pynet
from ebb_train.models.strength import load_strength
from tests.helpers.datasets import record, write_set
from tests.helpers.networks import lively_network

if TYPE_CHECKING:
    from pathlib import Path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    return int(ended.value.code or 0)


def test_a_run_and_its_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [replace(record(i), f_number_shallow=number) for i, number in enumerate((2.0, 4.0))]
    pairs, weights, out = write_set(tmp_path / "set", [rows]), tmp_path / "base.safetensors", tmp_path / "run"
    save_pynet(weights, lively_network(level=6), source="a test")
    command = ["fit-strength", pairs, "--checkpoint", weights, "--out", out, "--crop", 64, "--json"]
    assert run(*command, "--steps", 1, "--batch", 1, "--film=false") == ExitCode.DONE
    values = json.loads(capsys.readouterr().out)
    assert values["f_numbers"] == [2.0, 4.0]
    assert values["next"].endswith("--aperture 2.8,8")
    assert not load_strength(out / "strength.safetensors").strength_config.film


def test_a_set_of_one_aperture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = write_set(tmp_path / "set", [[replace(record(0), f_number_shallow=1.8)]])
    save_pynet(tmp_path / "w", lively_network(level=7), source="a test")
    code = run("fit-strength", pairs, "--checkpoint", tmp_path / "w", "--out", tmp_path / "run")
    assert code == ExitCode.INVALID_INPUT
    assert "all train pairs are of f/1.8 (make one of a series of exposures" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
