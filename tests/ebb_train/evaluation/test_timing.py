"""Latency and memory; no number is asserted that depends on the machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import EbbError, InvalidInput
from ebb_train.baselines.gaussian import Gaussian
from ebb_train.baselines.identity import Identity
from ebb_train.data.sources import Photos
from ebb_train.evaluation.settings import TimingSettings
from ebb_train.evaluation.timing import measure, time_model
from tests.helpers.datasets import photos

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8
    from ebb_train.baselines.model import Picture


class Counting(Identity):
    """Counts its renderings."""

    def __init__(self) -> None:
        self.count = 0

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:
        self.count += 1
        return super().render(wide, depth)


class Deadly(Identity):
    """A model that ends its process."""

    name = "deadly"

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:
        os._exit(9)


class Hungry(Identity):
    """Holds 400 MB for a moment."""

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:
        np.ones(50_000_000)
        return super().render(wide, depth)


PAIR = Photos("a", *photos(0))


def test_the_first_rendering_is_not_timed() -> None:
    model = Counting()
    timing = measure(model, PAIR, TimingSettings(repeats=3))
    assert model.count == 4
    assert timing.repeats == 3
    assert timing.latency_ms > 0
    assert timing.iqr_ms >= 0


def test_every_model_is_timed_in_a_separate_process() -> None:
    settings = TimingSettings(repeats=1, threads=1)
    small, large = (time_model(model, PAIR, settings) for model in (Identity(), Hungry()))
    assert large.peak_memory_mb - small.peak_memory_mb == pytest.approx(400, abs=60)
    assert small.gpu_memory_mb is None


def test_a_model_that_dies_is_named() -> None:
    with pytest.raises(EbbError, match="deadly: the timing failed: the worker left with exit code 9"):
        time_model(Deadly(), PAIR, TimingSettings(repeats=1))


def test_the_error_of_a_model_is_reported() -> None:
    with pytest.raises(InvalidInput, match="needs depth"):
        time_model(Gaussian(0.04), PAIR._replace(depth=None), TimingSettings(repeats=1))
