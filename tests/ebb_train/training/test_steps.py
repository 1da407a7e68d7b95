"""Steps of a level that are stopped by a signal: none is lost, and no bit differs after a resume."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch

from ebb.errors import ExitCode
from ebb.progress import SilentProgress
from ebb.stop import run_stoppable
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import read_pynet
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings
from ebb_train.training.checkpoint import FOLDER, WEIGHTS
from ebb_train.training.steps import STOPPING, all_or_none
from ebb_train.training.trainer import Trainer
from ebb_train.training.training import FitReport, fit
from ebb_train.training.validation import Validator
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lightning_fabric import Fabric

    from ebb.errors import Reason, Status
    from ebb_train.data.dataset import Batch
    from ebb_train.models.network import PyNet
    from ebb_train.training.validation import Validation

CONFIG = PyNetConfig(level=6, width=1 / 64)
STEPS = {7: 3, 6: 4}
"""Steps 2, 3, 5 and 7 are validated."""

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set and a schedule."""
    path = tmp_path_factory.mktemp("steps")
    write_set(path / "set", [[record(i) for i in range(3)]])
    rows = [f"[[level]]\nlevel = {n}\niterations = {k}\nbatch = 1\ncrop = 64\n" for n, k in STEPS.items()]
    (path / "schedule.toml").write_text("\n".join(rows))
    return path


def train(
    folder: Path,
    out: Path,
    note: Callable[[str], None] = lambda _: None,
    progress: SilentProgress | None = None,
) -> FitReport:
    """A run, or the rest of one; its checkpoints are those of level ends and stops."""
    return fit(
        folder / "set",
        out,
        CONFIG,
        FitSettings(schedule=str(folder / "schedule.toml"), ema=0.5),
        ComputeSettings(device="cpu", loaders=0, checkpoint_every=100),
        MonitorSettings(log_every=1, validate_every=2, validate_on="train"),
        note=note,
        progress=progress,
    )


@pytest.fixture(scope="module")
def straight(folder: Path) -> Path:
    """A run without a stop."""
    train(folder, folder / "straight")
    return folder / "straight"


def log(run: Path) -> list[dict[str, Any]]:
    """All lines of the log, without times."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "samples_per_s"} for line in lines]


def assert_same_run(run: Path, straight: Path) -> None:
    for name in [f"level-{number}{which}.safetensors" for number in STEPS for which in ("", "-best")]:
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    last = f"{FOLDER}/{sum(STEPS.values()):08d}/{WEIGHTS}"
    kept, expected = (read_pynet(path / last)[0] for path in (run, straight))
    assert all((kept[name] == values).all() for name, values in expected.items())
    for level in STEPS:
        name = f"pictures/level-{level}.png"
        assert (run / name).read_bytes() == (straight / name).read_bytes()
    assert log(run) == log(straight)


def signal_before_step(steps: int, number: int) -> Callable[[Trainer, Iterator[Batch]], dict[str, float]]:
    """A step that a signal reaches before it begins."""
    done, step = [0], Trainer.step

    def signalled(trainer: Trainer, batches: Iterator[Batch]) -> dict[str, float]:
        done[0] += 1
        if done[0] == steps:
            os.kill(os.getpid(), number)
        return step(trainer, batches)

    return signalled


class Counted(SilentProgress):
    """Progress that keeps the steps it is told of."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        self.steps.append(name)


def test_progress_counts_the_step_in_which_it_is_stopped(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Counted()
    monkeypatch.setattr(Trainer, "step", signal_before_step(2, signal.SIGINT))
    assert run_stoppable(lambda: train(folder, tmp_path, progress=progress).steps) == 128 + signal.SIGINT
    assert progress.steps == ["1", "2"]


@pytest.mark.parametrize(
    ("number", "steps", "where"),
    [
        (signal.SIGTERM, 1, "after step 1 of level 7"),
        (signal.SIGINT, 3, "after step 3 of level 7"),
        (signal.SIGTERM, 5, "after step 2 of level 6"),
        (signal.SIGINT, 7, "after step 4 of level 6"),
    ],
)
def test_a_stop_in_the_middle_of_a_step_loses_none(
    folder: Path,
    straight: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    steps: int,
    where: str,
) -> None:
    """The last step of a level, one with a validation, and one without either."""
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", signal_before_step(steps, number))
        assert run_stoppable(lambda: train(folder, tmp_path).steps) == 128 + number
    assert capfd.readouterr().err == f"{STOPPING}\nstopped {where}; run the same command again to go on\n"
    notes: list[str] = []
    assert train(folder, tmp_path, notes.append).resumed_at == steps
    assert notes == [f"resuming {where}"]
    assert_same_run(tmp_path, straight)


@pytest.mark.parametrize(("validation", "steps"), [(1, 2), (4, 7)])
def test_a_stop_in_a_validation_repeats_it(
    folder: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation: int, steps: int
) -> None:
    done, validate = [0], Validator.validate

    def signalled(validator: Validator, network: PyNet, fabric: Fabric) -> Validation:
        done[0] += 1
        if done[0] == validation:
            os.kill(os.getpid(), signal.SIGTERM)
        return validate(validator, network, fabric)

    with monkeypatch.context() as patch:
        patch.setattr(Validator, "validate", signalled)
        assert run_stoppable(lambda: train(folder, tmp_path).steps) == ExitCode.TERMINATED
    assert train(folder, tmp_path).resumed_at == steps
    assert_same_run(tmp_path, straight)


def test_a_step_that_is_cut_off_is_not_saved(
    folder: Path, straight: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a second Ctrl-C in a notebook: the weights may be partly those of the next step."""
    done, step = [0], Trainer.step

    def cut_off(trainer: Trainer, batches: Iterator[Batch]) -> dict[str, float]:
        done[0] += 1
        terms = step(trainer, batches)
        if done[0] == 5:
            raise KeyboardInterrupt
        return terms

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", cut_off)
        with pytest.raises(KeyboardInterrupt, match="stopped before the first step of level 6; run the same"):
            train(folder, tmp_path)
    assert train(folder, tmp_path).resumed_at == 3
    assert_same_run(tmp_path, straight)


@pytest.mark.parametrize(("processes", "order"), [(1, ["signal"]), (2, ["step", "signal"])])
def test_one_of_several_processes_is_not_stopped_between_two_steps(processes: int, order: list[str]) -> None:
    """The others would wait for it in the next step."""
    seen: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: seen.append("signal"))
    try:
        with all_or_none(cast("Fabric", SimpleNamespace(world_size=processes))):
            os.kill(os.getpid(), signal.SIGTERM)
            seen.append("step")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen[: len(order)] == order
    assert torch.get_num_threads() == 1
