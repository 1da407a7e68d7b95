"""Numbers of votes, against published tables and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ebb.errors import UsageError
from ebb_train.study.sample_size import (
    images_for_difference,
    votes_for_difference,
    votes_for_half_width,
    votes_for_share,
)


def test_the_published_tables() -> None:
    widths = [votes_for_half_width(h, 0.8) for h in (0.3, 0.2, 0.1, 0.05, 0.02)]
    assert widths == [28, 62, 246, 984, 6147]
    differences = [votes_for_difference(d, s) for d in (0.02, 0.1, 0.2) for s in (0.7, 0.9)]
    assert differences == [19230, 31788, 770, 1272, 193, 318]
    assert [votes_for_share(share) for share in (0.537, 0.6, 0.65)] == [1431, 194, 85]


def test_correlation_halves_and_the_sign_does_not_matter() -> None:
    assert votes_for_difference(-0.1, 0.7, correlation=0.5) == math.ceil(votes_for_difference(0.1, 0.7) / 2)
    assert votes_for_share(0.463) == votes_for_share(0.537)


def test_the_number_of_images_has_the_promised_power() -> None:
    count = images_for_difference(0.2, 0.6)
    differences = np.random.default_rng(0).normal(0.2, 0.6, (4000, count))
    z = differences.mean(axis=1) / (differences.std(axis=1, ddof=1) / math.sqrt(count))
    assert (z > 1.96).mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    "call",
    [
        lambda: votes_for_half_width(0, 1),
        lambda: votes_for_half_width(0.1, math.inf),
        lambda: votes_for_difference(0, 1),
        lambda: votes_for_difference(0.1, 1, correlation=1),
        lambda: votes_for_difference(0.1, 1, power=0.4),
        lambda: votes_for_share(0.5),
        lambda: votes_for_share(1.0),
    ],
)
def test_other_numbers_are_refused(call: object) -> None:
    with pytest.raises(UsageError):
        call()  # type: ignore[operator]
