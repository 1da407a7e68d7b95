"""The verbs ``export``, ``import`` and ``simulate``: how their results end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb.cli import app
from ebb.command import run_verb
from ebb.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.pipeline import PipelineReport


@pytest.mark.parametrize(
    ("layout", "after"),
    [
        ("ebb", "ebb-train fit {out} --out runs/first --schedule smoke --width 0.125 --in-channels 3"),
        ("bokehlicious", "train with the code of bokehlicious on this folder"),
    ],
)
def test_export_names_its_folder_and_what_to_do_with_it(
    layout: str, after: str, finished: PipelineReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["export", str(out), "--layout", layout, "--dataset", finished.dataset, "--json"]
    assert run_verb(app, command) == ExitCode.DONE
    values = json.loads(capsys.readouterr().out)
    assert values["look_at"] == [str(out)]
    assert values["next"] == after.format(out=out)


def test_import_of_a_folder_without_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["import", str(tmp_path), "--dataset", str(tmp_path / "set")]) == 4
    assert "no pairs here" in capsys.readouterr().err


def test_simulate_takes_no_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["simulate", str(tmp_path / "made"), "--dataset", "set"]) == ExitCode.USAGE
    assert "--dataset" in capsys.readouterr().err
