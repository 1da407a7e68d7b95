"""Numbers found on train pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.progress import SilentProgress
from ebb_train.baselines.calibration import best_of, make_small, train_pairs
from ebb_train.data.sources import Photos, open_source
from tests.helpers.datasets import photos, record, write_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.pixels import Floats


def test_pairs_are_spread_over_the_split(tmp_path: Path) -> None:
    source = open_source(write_set(tmp_path, [[record(number) for number in range(9)]]))
    found = train_pairs(source, 3)
    assert [pair.pair_id for pair in found] == [record(number).pair_id for number in (0, 4, 8)]
    assert len(train_pairs(source, 100)) == 9
    assert train_pairs(None) == []


def test_a_pair_is_reduced_with_its_depth() -> None:
    pair = Photos("a", *photos(0, 600, 400))
    small = make_small(pair, 300)
    assert small.depth is not None
    assert (small.wide.shape, small.shallow.shape, small.depth.shape) == (
        (200, 300, 3),
        (200, 300, 3),
        (100, 150),
    )
    assert abs(float(small.wide.mean()) - float(pair.wide.mean())) < 0.5
    assert make_small(small, 300) is small


def test_the_first_of_the_best_values_is_chosen() -> None:
    pair = Photos("a", np.full((8, 8, 3), 51, np.uint8), np.full((8, 8, 3), 102, np.uint8), None)

    def render(value: float, photos: Photos) -> Floats:
        return (photos.wide * np.float32(value / 255)).astype(np.float32)

    progress = SilentProgress()
    assert best_of((1, 1.5, 2, 3), [pair], render, 9, progress) == 2
    assert best_of((0.5, 1.0), [], render, 9, progress) == 9
    assert best_of((5, 4), [pair], lambda value, photos: render(2, photos), 9, progress) == 5
