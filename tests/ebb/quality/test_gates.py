"""The gates: each figure at its limit, the order, the words, what a figure that is no number does."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.errors import Reason, Rejected, Status
from ebb.quality.gates import AlignmentFigures, check_alignment, check_clipping, coverage
from ebb.settings import AlignSettings

SETTINGS = AlignSettings()
GOOD = AlignmentFigures(
    num_matches=900,
    num_inliers=850,
    inlier_ratio=850 / 900,
    coverage=0.75,
    keypoint_residual_px=0.2,
    scale_min=0.99,
    scale_max=1.01,
    stretch=0.0004,
    rotation_deg=-0.4,
    perspective=0.002,
    corner_shift=0.02,
    overlap=0.93,
    focus_share=0.3,
    residual_px=0.05,
    residual_p95_px=0.2,
    focus_mismatch=0.02,
    focus_correlation=0.97,
    sharpness_wide=0.03,
    sharpness_shallow=0.025,
    defocus_px=16.0,
    similarity=0.98,
    changed_share=0.01,
    parallax_px=1.2,
    exposure_gain=1.1,
    exposure_gain_red=1.1,
    exposure_gain_blue=1.08,
    vignetting_ev=-0.8,
    clipped_wide=0.01,
    clipped_shallow=0.02,
)
BAD = [
    ("num_inliers", 13, Reason.TOO_FEW_INLIERS, "13 inliers, fewer than 15"),
    ("inlier_ratio", 0.2, Reason.TOO_FEW_INLIERS, "20% of the matches agree, less than 35%"),
    ("coverage", 0.125, Reason.TOO_FEW_INLIERS, "inliers in 12% of the frame, less than 25%"),
    ("keypoint_residual_px", 1.3, Reason.TOO_FEW_INLIERS, "half of the inliers are 1.30 px or more from the"),
    ("scale_min", 0.05, Reason.IMPLAUSIBLE_MOTION, "scale 0.050, outside 0.9 to 1.1"),
    ("scale_max", 1.234, Reason.IMPLAUSIBLE_MOTION, "scale 1.234, outside 0.9 to 1.1"),
    ("scale_min", -1.0, Reason.IMPLAUSIBLE_MOTION, "scale -1.000, outside 0.9 to 1.1"),
    ("stretch", 0.064, Reason.PARALLAX, "the motion stretches the photo by 6.4% in one direction"),
    ("rotation_deg", -7.5, Reason.IMPLAUSIBLE_MOTION, "rolled by 7.5 degrees, more than 5"),
    ("perspective", 0.3, Reason.IMPLAUSIBLE_MOTION, "perspective changes by 30.0% towards a corner"),
    ("overlap", 0.41, Reason.LOW_OVERLAP, "the common crop is 41% of the frame, less than 60%"),
    ("focus_share", 0.001, Reason.MISSED_FOCUS, "0.1% of the frame is sharp in both photos, less than 4.0%"),
    ("parallax_px", 23.4, Reason.PARALLAX, "a quarter of the frame is displaced by 23.4 px or more"),
    ("similarity", 0.62, Reason.LOW_SIMILARITY, "the photos correlate by 0.62, less than 0.9"),
    ("changed_share", 0.2, Reason.LOW_SIMILARITY, "20% of the frame shows something else, more than 3%"),
    ("focus_mismatch", 0.5, Reason.LOW_SIMILARITY, "50% of what is sharp in both photos differs"),
    ("residual_px", 0.8, Reason.LOW_SIMILARITY, "what is in focus is 0.80 px apart after alignment"),
    (
        "residual_p95_px",
        3.2,
        Reason.LOW_SIMILARITY,
        "a part of what is in focus is 3.2 px apart after alignment",
    ),
    ("exposure_gain", 10.0, Reason.EXPOSURE_MISMATCH, "the shallow photo is 3.3 stops brighter"),
    ("exposure_gain", 0.1, Reason.EXPOSURE_MISMATCH, "the shallow photo is 3.3 stops darker"),
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
    assert caught.value.measurements == figures.as_dict()


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
        ("keypoint_residual_px", SETTINGS.max_keypoint_residual_px),
        ("scale_min", 1 - SETTINGS.max_scale_change),
        ("scale_max", 1 + SETTINGS.max_scale_change),
        ("stretch", SETTINGS.max_stretch),
        ("rotation_deg", SETTINGS.max_rotation_deg),
        ("rotation_deg", -SETTINGS.max_rotation_deg),
        ("perspective", SETTINGS.max_scale_change),
        ("overlap", SETTINGS.min_overlap),
        ("focus_share", SETTINGS.min_focus_share),
        ("parallax_px", SETTINGS.max_parallax_px),
        ("similarity", SETTINGS.min_similarity),
        ("changed_share", SETTINGS.max_changed),
        ("focus_mismatch", SETTINGS.max_focus_mismatch),
        ("residual_px", SETTINGS.max_residual_px),
        ("residual_p95_px", SETTINGS.max_residual_p95_px),
        ("exposure_gain", 2**SETTINGS.max_exposure_ev),
        ("exposure_gain", 2**-SETTINGS.max_exposure_ev),
    ],
)
def test_the_limit_itself_passes(figure: str, limit: float) -> None:
    check_alignment(dataclasses.replace(GOOD, **{figure: limit}), SETTINGS)


@pytest.mark.parametrize("figure", sorted({figure for figure, *_ in BAD} - {"parallax_px", "focus_mismatch"}))
def test_not_a_number_does_not_pass(figure: str) -> None:
    with pytest.raises(Rejected):
        check_alignment(dataclasses.replace(GOOD, **{figure: float("nan")}), SETTINGS)


@pytest.mark.parametrize("figure", ["parallax_px", "focus_mismatch"])
def test_what_cannot_be_measured_is_left_out_of_the_figures(figure: str) -> None:
    unknown = dataclasses.replace(GOOD, **{figure: float("nan")})
    check_alignment(unknown, SETTINGS)
    assert figure not in unknown.as_dict()


def test_a_burnt_out_photo_is_rejected_before_anything_else() -> None:
    check_clipping(0.0, SETTINGS.max_clipped, SETTINGS)
    with pytest.raises(
        Rejected, match="80% of the shallow photo is overexposed, 1% of the wide one"
    ) as caught:
        check_clipping(0.01, 0.8, SETTINGS)
    assert caught.value.reason is Reason.EXPOSURE_MISMATCH


def test_every_limit_is_a_setting() -> None:
    loose = AlignSettings(
        min_inliers=10,
        min_inlier_ratio=0.1,
        min_coverage=0.1,
        max_keypoint_residual_px=2,
        max_scale_change=0.96,
        max_stretch=0.1,
        max_rotation_deg=10,
        min_overlap=0.3,
        min_focus_share=0.0005,
        max_parallax_px=50,
        min_similarity=0.5,
        max_changed=0.3,
        max_focus_mismatch=0.6,
        max_residual_px=1.0,
        max_residual_p95_px=5,
        max_exposure_ev=4,
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
