"""What is refused before the first step; two processes on the CPU, as on two GPUs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from ebb.errors import MissingDependency, UsageError
from ebb_train.fit.setup import check_batches, claim, launch
from ebb_train.models.weights import read_pynet
from ebb_train.settings import ComputeSettings, FitSettings, read_schedule
from tests.photo_sets import record, write_set

ROOT = Path(__file__).parents[3]
SCHEDULE = "[[level]]\nlevel = 7\niterations = 3\nbatch = 4\n"


def test_a_batch_must_divide_among_the_devices() -> None:
    schedule = read_schedule("paper")
    check_batches(schedule.down_to(5), 10)
    with pytest.raises(UsageError, match="level 4: a batch of 14 does not divide among 10 devices"):
        check_batches(schedule, 10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_devices_that_are_not_there() -> None:
    with pytest.raises(MissingDependency, match=r"0 GPUs are there \(--device cpu"):
        launch(FitSettings(), ComputeSettings(device="cuda"))
    assert launch(FitSettings(), ComputeSettings()).device.type == "cpu"


def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        launch(FitSettings(precision="fp16"), ComputeSettings(device="cpu"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_of_the_network(precision: Any, dtype: torch.dtype) -> None:
    fabric = launch(FitSettings(precision=precision), ComputeSettings(device="cpu"))
    with fabric.autocast():
        assert torch.nn.functional.conv2d(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 3, 3)).dtype == dtype


def test_a_folder_that_another_run_has(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    folder = claim(fabric, tmp_path, {"seed": 0})
    assert folder is not None
    folder.close()
    with pytest.raises(UsageError, match="seed is 0, not 1"):
        claim(fabric, tmp_path, {"seed": 1})


def fit_by_command(folder: Path, out: str, *flags: str) -> list[dict[str, float]]:
    """Train in processes of their own; the lines of the log."""
    script = folder / "fit.py"  # the second process starts the same file with the same words
    script.write_text("from ebb_train.cli import main\nmain()\n")
    command = [
        "fit", str(folder / "set"), "--out", str(folder / out), "--schedule", str(folder / "schedule.toml"),
        "--level", "7", "--width", "0.015625", "--device", "cpu", "--loaders", "0", "--log-every", "1",
        "--validate-on", "train", *flags,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("3 steps") == 1  # one process speaks
    return [json.loads(line) for line in (folder / out / "log.jsonl").read_text().splitlines()]


def test_two_processes_take_the_steps_of_one(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [[record(i) for i in range(5)]])
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    one, two = fit_by_command(tmp_path, "one"), fit_by_command(tmp_path, "two", "--devices", "2")
    assert [line.get("step") for line in two] == [1, 2, 3, 3]
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-5)
    assert two[0]["gradient_norm"] == pytest.approx(one[0]["gradient_norm"], rel=1e-3)
    (single, _), (double, _) = (read_pynet(tmp_path / run / "level-7.safetensors") for run in ("one", "two"))
    assert all(abs(single[name] - double[name]).max() < 1e-3 for name in single)
    assert two[-1]["pairs"] == 5
    assert two[-1]["validation"]["psnr"] == pytest.approx(one[-1]["validation"]["psnr"], abs=0.05)
