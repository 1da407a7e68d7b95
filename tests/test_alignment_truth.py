"""Alignment against the truth: a small version of the benchmarks in ``benchmarks/alignment*.py``.

The sample captures have exact truth; one group of the study has six pairs that must align, two with unrelated
scenes, and two in which something is wrong.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks import alignment
from benchmarks.alignment_pairs import GOOD_PER_SCENE, PAIRS_PER_GROUP, pairs_of_group
from benchmarks.alignment_study import study_pair
from ebb.arrays import Size
from ebb.simulation.plan import PairKind

FRAME = Size(576, 384)
SEED, GROUP = 3, 1
EXACT = [pair for pair in alignment.PAIRS if pair[0] in {"s01_table", "s02_garden"}]


@pytest.mark.parametrize("pair", EXACT, ids=[pair[0] for pair in EXACT])
def test_rotations_are_estimated_within_a_twentyfifth_of_a_pixel(pair: tuple[str, str, str, int]) -> None:
    found = alignment.measure(*pair, alignment.read_truth()[pair[0]])
    assert found["mean_px"] <= 0.04
    assert found["p100_px"] <= 0.2


def test_with_parallax_the_regions_in_focus_are_aligned() -> None:
    name = "s03_street_parallax"
    (pair,) = (pair for pair in alignment.PAIRS if pair[0] == name)
    assert alignment.measure(*pair, alignment.read_truth()[name])["mean_px"] <= 0.1


@pytest.fixture(scope="module")
def study() -> list[dict[str, Any]]:
    """Verdicts on a group of simulated pairs, at 56 % of the size of the study."""
    return [study_pair(pair) for pair in pairs_of_group(SEED, GROUP, FRAME)]


def of_kind(study: list[dict[str, Any]], kind: PairKind) -> Iterator[dict[str, Any]]:
    return (row for row in study if row["kind"] == kind)


def test_no_pair_is_accepted_wrongly(study: list[dict[str, Any]]) -> None:
    assert len(study) == PAIRS_PER_GROUP
    assert [row for row in study if row["verdict"] == "accepted wrong"] == []


def test_good_pairs_are_accepted_to_a_fraction_of_a_pixel_in_focus(study: list[dict[str, Any]]) -> None:
    good = list(of_kind(study, PairKind.GOOD))
    assert len(good) == 2 * GOOD_PER_SCENE
    assert [row.get("message") for row in good if row["status"] != "ok"] == []
    assert np.median([row["focus_px"] for row in good]) < 0.15


def test_unrelated_scenes_are_rejected(study: list[dict[str, Any]]) -> None:
    assert [row["status"] for row in of_kind(study, PairKind.UNRELATED)] == ["rejected"] * 2


def test_exposure_is_within_a_twentieth_of_a_stop(study: list[dict[str, Any]]) -> None:
    errors = [abs(row["ev_error"]) for row in of_kind(study, PairKind.GOOD) if row["status"] == "ok"]
    assert max(errors) <= 0.05
    assert np.median(errors) <= 0.02


def test_equal_groups_are_equal_and_others_are_not() -> None:
    small = Size(192, 128)
    first, again = (next(pairs_of_group(SEED, GROUP, small)) for _ in range(2))
    other = next(pairs_of_group(SEED, GROUP + 1, small))
    assert first.shallow.tobytes() == again.shallow.tobytes()
    assert first.plan == again.plan
    assert first.plan.pose != other.plan.pose
