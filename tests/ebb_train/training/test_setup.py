"""Checks before the first step, and two processes on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric

from ebb.command import run_verb
from ebb.errors import EbbError, ExitCode, MissingDependency, UsageError
from ebb.stop import Terminated
from ebb_train.cli import app
from ebb_train.models.weights import read_pynet
from ebb_train.settings import ComputeSettings, FitSettings
from ebb_train.stages import read_schedule
from ebb_train.training.setup import (
    ProcessLost,
    as_launched,
    check_batches,
    claim,
    is_first_here,
    launch,
    one_voice,
)
from ebb_train.training.trainer import Diverged
from tests.helpers.datasets import record, write_set

ROOT = Path(__file__).parents[3]
SCHEDULE = "[[level]]\nlevel = 7\niterations = 3\nbatch = 4\n"


def test_a_batch_must_divide_among_the_devices() -> None:
    schedule = read_schedule("paper")
    check_batches(schedule.down_to(5), ComputeSettings(devices=5, nodes=2))
    with pytest.raises(UsageError, match="level 4: a batch of 14 does not divide among 10 devices"):
        check_batches(schedule, ComputeSettings(devices=5, nodes=2))


def test_torchrun_says_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert as_launched(ComputeSettings(devices=2)) == ComputeSettings(devices=2)
    assert is_first_here()
    for name, value in (("LOCAL_WORLD_SIZE", "4"), ("WORLD_SIZE", "12"), ("LOCAL_RANK", "3")):
        monkeypatch.setenv(name, value)
    assert as_launched(ComputeSettings(loaders=1)) == ComputeSettings(loaders=1, devices=4, nodes=3)
    assert not is_first_here()


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"LOCAL_WORLD_SIZE": "x"}, "LOCAL_WORLD_SIZE is 'x'"),
        ({"LOCAL_WORLD_SIZE": "2"}, "WORLD_SIZE is 'not set'"),
        ({"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "3"}, "WORLD_SIZE is '3'"),
        ({"WORLD_SIZE": "-1"}, "WORLD_SIZE is '-1'"),
        ({"RANK": "first"}, "RANK is 'first'"),
        ({"LOCAL_RANK": "1.5"}, "LOCAL_RANK is '1.5'"),
        ({"MASTER_PORT": ""}, "MASTER_PORT is ''"),
    ],
)
def test_invalid_variables_of_a_launcher(
    values: dict[str, str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError, match=rf"the environment variable {name} \(torchrun sets it"):
        as_launched(ComputeSettings())


def test_errors_of_lightning_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise ValueError("invalid literal for int(): 'x'")

    monkeypatch.setattr("lightning_fabric.Fabric", refuse)
    with pytest.raises(UsageError, match="cannot read the environment of this job: invalid literal"):
        launch(FitSettings(), ComputeSettings(device="cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_missing_devices() -> None:
    with pytest.raises(MissingDependency, match=r"2 GPUs are asked for, and PyTorch sees 0 .*--device cpu"):
        launch(FitSettings(), ComputeSettings(device="cuda", devices=2))
    assert launch(FitSettings(), ComputeSettings()).device.type == "cpu"


def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        launch(FitSettings(precision="fp16"), ComputeSettings(device="cpu"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_of_the_network(precision: Any, dtype: torch.dtype) -> None:
    fabric = launch(FitSettings(precision=precision), ComputeSettings(device="cpu"))
    with fabric.autocast():
        assert torch.nn.functional.conv2d(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 3, 3)).dtype == dtype


def test_a_folder_in_use_by_another_run(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    folder = claim(fabric, tmp_path, {"seed": 0})
    assert folder is not None
    folder.close()
    with pytest.raises(UsageError, match="seed is 0, not 1"):
        claim(fabric, tmp_path, {"seed": 1})


@dataclass
class OneOfTwo:
    """One process of a run of two, as seen by the setup."""

    is_global_zero: bool
    heard: object = None
    world_size: int = 2

    def broadcast(self, value: object) -> object:
        return value if self.is_global_zero else self.heard


def one_of_two(*, is_first: bool, heard: object = None) -> Any:
    return OneOfTwo(is_first, heard)


def test_all_processes_end_if_the_folder_is_locked(tmp_path: Path) -> None:
    assert claim(one_of_two(is_first=False, heard=ExitCode.DONE), tmp_path, {}) is None
    assert not list(tmp_path.iterdir())
    with pytest.raises(SystemExit) as left:
        claim(one_of_two(is_first=False, heard=ExitCode.LOCKED), tmp_path, {})
    assert left.value.code == 75


CONNECTION_LOST = RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:20389")


@pytest.mark.parametrize(
    ("happens", "said", "code"),
    [
        (Diverged("no number"), Diverged, 3),
        (KeyboardInterrupt(), KeyboardInterrupt, 130),
        (Terminated(), Terminated, 143),
        (CONNECTION_LOST, ProcessLost, 3),
        (torch.distributed.DistNetworkError("no route"), ProcessLost, 3),
    ],
)
def test_notes_of_all_processes_are_printed_once(
    happens: BaseException, said: type[BaseException], code: int
) -> None:
    with pytest.raises(said), one_voice(one_of_two(is_first=True)):
        raise happens
    with pytest.raises(SystemExit) as left, one_voice(one_of_two(is_first=False)):
        raise happens
    assert left.value.code == code


@pytest.mark.parametrize("happens", [RuntimeError("shapes do not match"), EbbError("a pair is damaged")])
def test_an_error_of_one_process_is_reported_by_it(happens: Exception) -> None:
    for is_first in (True, False):
        with pytest.raises(type(happens), match=str(happens)), one_voice(one_of_two(is_first=is_first)):
            raise happens


def fit_command(folder: Path, out: str, *flags: str) -> list[str]:
    return [
        "fit", str(folder / "set"), "--out", str(folder / out), "--schedule", str(folder / "schedule.toml"),
        "--level", "7", "--width", "0.015625", "--device", "cpu", "--loaders", "0", "--log-every", "1",
        "--validate-on", "train", *flags,
    ]  # fmt: skip


def fit_by_script(folder: Path, command: list[str]) -> None:
    """Train in a new process, which starts the others with the same file and arguments."""
    script = folder / "fit.py"
    script.write_text("from ebb_train.cli import main\nmain()\n")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("3 steps") == 1  # only one process reports


@pytest.mark.usefixtures("one_torch_thread")
def test_two_processes_make_the_same_steps_as_one(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [[record(i) for i in range(5)]])
    (tmp_path / "schedule.toml").write_text(SCHEDULE)
    assert run_verb(app, fit_command(tmp_path, "one")) == ExitCode.DONE
    fit_by_script(tmp_path, fit_command(tmp_path, "two", "--devices", "2"))
    one, two = (
        [json.loads(line) for line in (tmp_path / run / "log.jsonl").read_text().splitlines()]
        for run in ("one", "two")
    )
    assert [line.get("step") for line in two] == [1, 2, 3, 3]
    assert two[0]["loss"] == pytest.approx(one[0]["loss"], rel=1e-5)
    assert two[0]["gradient_norm"] == pytest.approx(one[0]["gradient_norm"], rel=1e-3)
    (single, _), (double, _) = (read_pynet(tmp_path / run / "level-7.safetensors") for run in ("one", "two"))
    assert all(abs(single[name] - double[name]).max() < 1e-3 for name in single)
    assert two[-1]["pairs"] == 5
    assert two[-1]["validation"]["psnr"] == pytest.approx(one[-1]["validation"]["psnr"], abs=0.05)
