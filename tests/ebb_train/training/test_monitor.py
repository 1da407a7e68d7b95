"""Log, scores and pictures during a run."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from lightning_fabric import Fabric

from ebb_train.losses import Loss
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.models.weights import read_weights
from ebb_train.settings import LevelPlan, MonitorSettings
from ebb_train.training.checkpoint import Position
from ebb_train.training.eta import Workload
from ebb_train.training.monitor import Monitor
from ebb_train.training.run_folder import RunFolder
from ebb_train.training.trainer import Trainer
from ebb_train.training.validation import Example, Validation, Validator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ebb.errors import Reason, Status

STEPS = Workload(steps={"level-7": 6, "level-6": 4}, costs={"level-7": 1.0, "level-6": 2.0})
IDENTITY: dict[str, Any] = {"network": {}, "schedule": {}, "settings": {}, "dataset": {}}


class Told:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def start(self, stage: str, total: int) -> None:
        self.lines.append(f"{stage} {total}")

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        self.lines.append(name)

    def tell(self, text: str) -> None:
        self.lines.append(text)

    def finish(self) -> None:
        self.lines.append("finish")


class Scores:
    """Validations with given PSNR."""

    num_pairs = 2

    def __init__(self, *psnr: float) -> None:
        self._psnr = list(psnr)

    def validate(self, network: PyNet, fabric: Fabric) -> Validation:
        grey = np.full((64, 64, 3), 128, np.uint8)
        shown = Example("ab", grey, None, grey.astype(np.float32) / 255, grey)
        return Validation(scores={"psnr": self._psnr.pop(0)} if self._psnr else {}, examples=(shown,))


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    network = PyNet(PyNetConfig(level=7, width=1 / 64))
    plan = LevelPlan(level=7, iterations=6, batch=2)
    return Trainer(Fabric(accelerator="cpu", devices=1), network, plan, Loss(plan.loss))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    with closing(RunFolder(tmp_path / "run", IDENTITY)) as made:
        yield made


def watch(folder: RunFolder | None, *psnr: float, told: Told | None = None, every: int = 2) -> Monitor:
    settings = MonitorSettings(log_every=2, validate_every=every)
    return Monitor(settings, STEPS, cast("Validator", Scores(*psnr)), told or Told(), folder, 0)


def at(step: int) -> Position:
    return Position(stage="level-7", step=step, total=step)


def log(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder.path / "log.jsonl").read_text().splitlines()]


def test_log_lines_are_means_since_the_previous_line(folder: RunFolder) -> None:
    told = Told()
    with closing(watch(folder, told=told)) as shows:
        shows.start("level-7", 1)
        for step, loss in ((2, 0.5), (3, 0.4), (4, 0.2), (5, 0.1), (6, float("inf"))):
            shows.step(at(step), {"loss": loss, "l1": 1.0}, 4)
            shows.advance(at(step))
        shows.finish()
    lines = log(folder)
    assert [(line["step"], line.get("loss")) for line in lines] == [
        (2, 0.5),
        (4, pytest.approx(0.3)),
        (6, None),
    ]
    assert all(line["samples_per_s"] > 0 and line["l1"] == 1 for line in lines)
    assert told.lines[0] == "level 7 5"
    assert told.lines[1].startswith("loss 0.5000, ")
    assert told.lines[1].endswith(" left in all")
    assert told.lines[2:4] == ["2", "3"]
    assert told.lines[-1] == "finish"


def test_the_remaining_time_excludes_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 100.0, 102.0, 106.0, 110.0])  # start, end of step 1, the lines at 2, 4 and 6
    monkeypatch.setattr("ebb_train.training.monitor.time.monotonic", lambda: next(clock))
    told = Told()
    shows = watch(None, told=told)
    shows.start("level-7", 0)
    for step in range(1, 7):
        shows.step(at(step), {"loss": 0.5}, 4)
        shows.advance(at(step))
    assert [line for line in told.lines if "left" in line] == [
        "loss 0.5000, 24 s left in all",  # (4 steps + 4 of twice the cost) of 2 s
        "loss 0.5000, 20 s left in all",
        "loss 0.5000, 16 s left in all",
    ]


def test_the_best_weights_are_kept(folder: RunFolder, trainer: Trainer) -> None:
    kept = []
    with closing(watch(folder, 20.0, 22.0, 21.0)) as shows:
        for step in range(1, 7):
            shows.validate_if_due(at(step), trainer)
            path = folder.best_weights("level-7")
            kept.append(read_weights(path)[1].source.rpartition(" ")[2] if path.exists() else "")
    assert kept == ["", "2", "2", "4", "4", "4"]
    assert [line["validation"]["psnr"] for line in log(folder)] == [20, 22, 21]
    assert folder.best_score("level-7", "psnr") == 22


def test_the_best_score_is_known_after_a_resume(folder: RunFolder, trainer: Trainer) -> None:
    for psnr in (22.0, 21.0):
        with closing(watch(folder, psnr)) as shows:
            shows.validate_if_due(at(2 if psnr > 21 else 4), trainer)
    assert read_weights(folder.best_weights("level-7"))[1].source.endswith("step 2")


def test_pictures_and_page_at_the_end_of_a_level_at_least(folder: RunFolder, trainer: Trainer) -> None:
    with closing(watch(folder, every=1000)) as shows:
        shows.validate_if_due(at(5), trainer)
        assert not (folder.path / "report.html").exists()
        shows.validate_if_due(at(6), trainer)
    assert (folder.path / "report.html").exists()
    assert (folder.path / "pictures" / "level-7.png").exists()
    assert not folder.best_weights("level-7").exists()  # nothing was scored
    assert not (folder.path / "log.jsonl").exists()


def test_other_processes_write_nothing(tmp_path: Path, trainer: Trainer) -> None:
    with closing(watch(None, 20.0)) as shows:
        shows.start("level-7", 0)
        for step in (1, 2):
            shows.step(at(step), {"loss": 0.5}, 4)
            shows.validate_if_due(at(step), trainer)
    assert list(tmp_path.iterdir()) == []
