"""The verbs ``export``, ``import`` and ``simulate``: how their results end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ebb.cli import app
from ebb.command import run_verb
from ebb.errors import ExitCode
from tests.helpers.datasets import read_records
from tests.helpers.published import write_data_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.pipeline import PipelineReport


@pytest.mark.parametrize(
    ("layout", "after"),
    [
        ("ebb", "ebb-train fit {out} --out runs/first --schedule smoke --width 0.125"),
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
    told = capsys.readouterr().err
    assert "no pairs here" in told
    assert "realbokeh (train/in/1_f22.JPG and train/gt/1/1_f2.0.JPG)" in told
    assert "--pairs with a CSV file of the columns wide and shallow" in told
    assert told.count("\n") == 1
    assert run_verb(app, ["import", str(tmp_path), "--layout", "coco"]) == ExitCode.USAGE
    assert "vabd" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_import_tells_the_same_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, root = write_data_set(tmp_path / "EBB", "ebb", ["good", "shifted"]), tmp_path / "set"
    (folder / "train/original_depth/2.png").unlink()
    command = ["import", str(folder), "--dataset", str(root), "--workers", "1", "--val", "0"]
    assert run_verb(app, [*command, "--json"]) == ExitCode.DONE
    values = json.loads(capsys.readouterr().out)
    found = values["import"]
    assert (found["layout"], found["splits"], found["ok"]) == ("ebb", {"train": 2}, 2)
    assert (found["with_depth"], found["without_depth"], found["files_ignored"]) == (1, 1, 0)
    assert (found["limits"], found["would_refuse"]) == ("profile clean", 1)
    assert found["would_refuse_for"] == {"misaligned": 1}
    assert [pair["refused_for"] for pair in values["pairs"]] == [[], ["misaligned"]]
    assert values["refused_list"] == values["look_at"][-1] == str(root / "refused.csv")
    assert values["shard"]["splits"]["train"] == 2
    assert run_verb(app, [*command, "--refuse", "--profile", "paper"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert "1 of 2 would be refused by profile paper (1 misaligned): see refused.csv" in told
    assert "depth maps: 1 pairs with, 1 without" in told
    assert "the limits refuse it: misaligned: what is in focus is 7.2" in told
    assert "1 pair left out" in told
    assert run_verb(app, ["shard", "--dataset", str(root), "--refuse=false", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["splits"]["train"] == 2


def test_import_registers_again_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, root = write_data_set(tmp_path / "VABD", "vabd", ["shifted"]), tmp_path / "set"
    command = ["import", str(folder), "--dataset", str(root), "--realign", "--height", "150", "--json"]
    assert run_verb(app, [*command, "--workers", "1"]) == ExitCode.DONE
    values = json.loads(capsys.readouterr().out)
    assert (values["align"]["ok"], values["depth"]["ok"]) == (1, 1)
    assert "refused_list" not in values
    (path,) = (root / "shards").glob("*.parquet")
    (record,) = read_records(path)
    assert (record.height, record.f_number_wide, record.f_number_shallow) == (150, 16.0, 1.8)
    assert record.depth_provider == "import"


def test_simulate_takes_no_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(app, ["simulate", str(tmp_path / "made"), "--dataset", "set"]) == ExitCode.USAGE
    assert "--dataset" in capsys.readouterr().err
