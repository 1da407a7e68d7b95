"""The gates: each figure at its limit, the order, the words, what a figure that is no number does."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.errors import Reason, Rejected, Status
from ebb.quality.gates import AlignmentFigures, check_alignment, coverage
from ebb.settings import AlignSettings

SETTINGS = AlignSettings()
GOOD = AlignmentFigures(
    num_matches=900,
    num_inliers=850,
    inlier_ratio=850 / 900,
    coverage=0.75,
    residual_px=0.2,
    scale_min=0.99,
    scale_max=1.01,
    rotation_deg=-0.4,
    perspective=0.002,
    corner_shift=0.02,
    overlap=0.93,
)
BAD = [
    ("num_inliers", 23, Reason.TOO_FEW_INLIERS, "23 inliers, fewer than 40"),
    ("inlier_ratio", 0.2, Reason.TOO_FEW_INLIERS, "20% of the matches agree, less than 35%"),
    ("coverage", 0.125, Reason.TOO_FEW_INLIERS, "inliers in 12% of the frame, less than 25%"),
    ("scale_min", 0.05, Reason.IMPLAUSIBLE_MOTION, "scale 0.050, outside 0.9 to 1.1"),
    ("scale_max", 1.234, Reason.IMPLAUSIBLE_MOTION, "scale 1.234, outside 0.9 to 1.1"),
    ("scale_min", -1.0, Reason.IMPLAUSIBLE_MOTION, "scale -1.000, outside 0.9 to 1.1"),
    ("rotation_deg", -7.5, Reason.IMPLAUSIBLE_MOTION, "rolled by 7.5 degrees, more than 5"),
    ("perspective", 0.3, Reason.IMPLAUSIBLE_MOTION, "perspective changes by 30.0% towards a corner"),
    ("overlap", 0.41, Reason.LOW_OVERLAP, "the common crop is 41% of the frame, less than 60%"),
]


def test_a_good_pair_passes() -> None:
    check_alignment(GOOD, SETTINGS)


@pytest.mark.parametrize(("figure", "value", "reason", "message"), BAD)
def test_each_gate_says_the_number_and_the_limit(
    figure: str, value: float, reason: Reason, message: str
) -> None:
    figures = dataclasses.replace(GOOD, **{figure: value})
    with pytest.raises(Rejected) as caught:
        check_alignment(figures, SETTINGS)
    assert caught.value.reason is reason
    assert caught.value.status is Status.REJECTED
    assert caught.value.message.startswith(message)
    assert caught.value.figures == figures.as_dict()


def test_the_first_gate_in_order_decides() -> None:
    in_order = {figure: (value, message) for figure, value, _, message in reversed(BAD)}
    failing = {figure: value for figure, (value, _) in in_order.items()}
    for figure, _, _, message in BAD:
        if figure in failing and in_order[figure][1] == message:
            with pytest.raises(Rejected) as caught:
                check_alignment(dataclasses.replace(GOOD, **failing), SETTINGS)
            assert caught.value.message.startswith(message)
            del failing[figure]
    assert not failing


@pytest.mark.parametrize(
    ("figure", "limit"),
    [
        ("num_inliers", SETTINGS.min_inliers),
        ("inlier_ratio", SETTINGS.min_inlier_ratio),
        ("coverage", SETTINGS.min_coverage),
        ("scale_min", 1 - SETTINGS.max_scale_change),
        ("scale_max", 1 + SETTINGS.max_scale_change),
        ("rotation_deg", SETTINGS.max_rotation_deg),
        ("rotation_deg", -SETTINGS.max_rotation_deg),
        ("perspective", SETTINGS.max_scale_change),
        ("overlap", SETTINGS.min_overlap),
    ],
)
def test_the_limit_itself_passes(figure: str, limit: float) -> None:
    check_alignment(dataclasses.replace(GOOD, **{figure: limit}), SETTINGS)


@pytest.mark.parametrize("figure", sorted({figure for figure, *_ in BAD}))
def test_not_a_number_does_not_pass(figure: str) -> None:
    with pytest.raises(Rejected):
        check_alignment(dataclasses.replace(GOOD, **{figure: float("nan")}), SETTINGS)


def test_every_limit_is_a_setting() -> None:
    loose = AlignSettings(
        min_inliers=10,
        min_inlier_ratio=0.1,
        min_coverage=0.1,
        max_scale_change=0.96,
        max_rotation_deg=10,
        min_overlap=0.3,
    )
    for figure, value, *_ in BAD:
        if value > 0 or figure == "rotation_deg":
            check_alignment(dataclasses.replace(GOOD, **{figure: value}), loose)


def test_figures_are_plain_numbers() -> None:
    assert all(isinstance(value, int | float) for value in GOOD.as_dict().values())


def test_coverage_counts_cells() -> None:
    size = Size(400, 200)
    one_per_cell = np.array([[x, y] for x in (50, 150, 250, 350) for y in (25, 75, 125, 175)], np.float32)
    assert coverage(one_per_cell, size) == 1.0
    assert coverage(one_per_cell[:4], size) == 0.25
    assert coverage(np.repeat(one_per_cell[:1], 50, axis=0), size) == 1 / 16
    assert coverage(one_per_cell, size, grid=2) == 1.0


def test_coverage_of_nothing_is_zero() -> None:
    assert coverage(np.empty((0, 2), np.float32), Size(400, 200)) == 0.0


def test_the_outermost_pixels_belong_to_the_outermost_cells() -> None:
    corners = np.array([[-0.5, -0.5], [399.49, 199.49], [399.5, 199.5]], np.float32)
    assert coverage(corners, Size(400, 200)) == 2 / 16


@given(count=st.integers(1, 60), seed=st.integers(0, 1000))
def test_coverage_never_falls_when_points_are_added(count: int, seed: int) -> None:
    points = (np.random.default_rng(seed).uniform(0, 1, (count, 2)) * (400, 200)).astype(np.float32)
    size = Size(400, 200)
    assert 0 < coverage(points[: count // 2 + 1], size) <= coverage(points, size) <= 1
