"""The number of threads of a level: requested, recorded or measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings
from ebb_train.training import threads
from ebb_train.training.context import TrainingContext, open_context
from ebb_train.training.threads import REPEATS, Threads, _training_step, fewest_threads
from tests.helpers.datasets import record, write_set

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Clock:
    """Time passes in steps alone, by the number of threads."""

    def __init__(self, seconds: Mapping[int, float], first: float = 0.0) -> None:
        self.now, self.steps = 0.0, 0
        self._seconds, self._first = seconds, first

    def step(self) -> None:
        self.steps += 1
        self.now += self._first if self.steps == 1 and self._first else self._seconds[torch.get_num_threads()]

    def read(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "fewest"),
    [
        ({1: 1.0}, 1),
        ({2: 0.5, 1: 1.0}, 2),
        ({2: 2.7, 1: 1.0}, 1),
        ({2: 1.0, 1: 1.09}, 1),
        ({6: 0.3, 3: 0.2, 2: 0.5, 1: 1.0}, 3),
        ({8: 0.3, 4: 0.4, 2: 0.7, 1: 1.2}, 8),
    ],
)
def test_the_fastest_number_is_found(
    seconds: dict[int, float], fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock({number: value / 10 for number, value in seconds.items()})
    monkeypatch.setattr(threads.time, "perf_counter", clock.read)
    assert fewest_threads(clock.step, max(seconds)) == fewest


@pytest.mark.parametrize(
    ("seconds", "fewest", "steps"),
    [
        ({8: 15.0, 4: 30.0}, 8, 2),
        ({8: 60.0, 4: 30.0, 2: 50.0}, 4, 3),
        ({2: 5.8, 1: 0.25}, 1, 2 + REPEATS),  # width 1/8 on a busy machine with two cores
    ],
)
def test_a_long_step_is_done_once(
    seconds: dict[int, float], fewest: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(seconds)
    monkeypatch.setattr(threads.time, "perf_counter", clock.read)
    assert fewest_threads(clock.step, max(seconds)) == fewest
    assert clock.steps == steps


def test_the_warm_up_step_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({2: 0.1, 1: 0.2}, first=1.9)
    monkeypatch.setattr(threads.time, "perf_counter", clock.read)
    assert fewest_threads(clock.step, 2) == 2
    assert clock.steps >= 2 * (1 + REPEATS)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[TrainingContext]:
    dataset = write_set(tmp_path / "set", [[record(0), record(1)]])
    config, settings = PyNetConfig(level=6, width=1 / 64), FitSettings(schedule="smoke", crop=64)
    compute = ComputeSettings(device="cpu", loaders=0)
    with open_context(dataset, tmp_path / "run", config, settings, compute) as found:
        yield found


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of threads that were asked about; the answer is 3."""
    asked: list[int] = []

    def measure(_: Callable[[], object], most: int) -> int:
        asked.append(most)
        return 3

    monkeypatch.setattr(threads, "fewest_threads", measure)
    return asked


def test_a_level_is_measured_once_and_recorded(context: TrainingContext, measured: list[int]) -> None:
    plan = context.schedule.rows[0]
    torch.set_num_threads(4)
    for _ in range(2):
        with closing(Threads(context)) as chosen:
            chosen.use_for(plan)
            assert torch.get_num_threads() == 3
        assert torch.get_num_threads() == 4
    assert measured == [4]
    assert context.folder is not None
    assert context.folder.threads(plan.key) == 3
    torch.set_num_threads(1)


def test_what_is_requested_takes_precedence(context: TrainingContext, measured: list[int]) -> None:
    plan = context.schedule.rows[0]
    requested = replace(context, compute=replace(context.compute, threads=2))
    with closing(Threads(requested)) as chosen:
        chosen.use_for(plan)
        assert torch.get_num_threads() == 2
    assert measured == []
    with closing(Threads(context)) as chosen:
        chosen.use_for(plan)
        assert torch.get_num_threads() == 2, "recorded"


def test_one_thread_needs_no_measurement(context: TrainingContext, measured: list[int]) -> None:
    with closing(Threads(context)) as chosen:
        chosen.use_for(context.schedule.rows[0])
    assert measured == []


def test_measuring_does_not_change_the_random_numbers(context: TrainingContext) -> None:
    before = torch.get_rng_state()
    torch.set_num_threads(2)
    with closing(Threads(context)) as chosen:
        chosen.use_for(context.schedule.rows[0])
    torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_measured_step_is_a_training_step(
    context: TrainingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of crops through the network of the level, forward and backward."""
    shapes: list[torch.Size] = []
    backward = torch.Tensor.backward
    monkeypatch.setattr(torch.Tensor, "backward", lambda loss: (shapes.append(loss.shape), backward(loss)))
    plan = context.schedule.rows[1]
    _training_step(context, plan)()
    assert shapes == [torch.Size([])]
