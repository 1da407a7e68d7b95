"""The gates: limits, order, messages and NaN."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import Reason, Rejected, Status
from ebb.measurements import Measurements
from ebb.quality.gates import check_alignment, check_measured, failing, quality_rank, rejections
from ebb.settings import AlignSettings

SETTINGS = AlignSettings()
GOOD = Measurements(
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
    changed_in_focus=0.0,
    uncertainty_px=0.01,
    defocus_px=16.0,
    defocus_p90_px=31.0,
    defocus_native_px=31.0,
    unexplained=0.03,
    similarity=0.98,
    changed_share=0.01,
    parallax_px=1.2,
    exposure_gain=1.1,
    exposure_gain_red=1.1,
    exposure_gain_blue=1.08,
    brightening_ev=0.0,
    cut_off_share=0.01,
    vignetting_ev=-0.8,
    clipped_wide=0.01,
    clipped_shallow=0.02,
)
BAD = [
    ("num_inliers", 11, Reason.TOO_FEW_INLIERS, "11 inliers, fewer than 12"),
    ("inlier_ratio", 0.1, Reason.TOO_FEW_INLIERS, "10% of the matches agree, less than 20%"),
    ("coverage", 0.0625, Reason.TOO_FEW_INLIERS, "inliers in 6% of the frame, less than 10%"),
    ("scale_min", 0.05, Reason.IMPLAUSIBLE_MOTION, "scale 0.050, outside 0.9 to 1.1"),
    ("scale_max", 1.234, Reason.IMPLAUSIBLE_MOTION, "scale 1.234, outside 0.9 to 1.1"),
    ("scale_min", -1.0, Reason.IMPLAUSIBLE_MOTION, "scale -1.000, outside 0.9 to 1.1"),
    ("stretch", 0.064, Reason.PARALLAX, "the motion stretches the photo by 6.4% in one direction"),
    ("rotation_deg", -7.5, Reason.IMPLAUSIBLE_MOTION, "rolled by 7.5 degrees, more than 5"),
    ("perspective", 0.3, Reason.IMPLAUSIBLE_MOTION, "perspective changes by 30.0% towards a corner"),
    ("overlap", 0.41, Reason.LOW_OVERLAP, "the common crop is 41% of the frame, less than 70%"),
    (
        "focus_share",
        0.001,
        Reason.MISSED_FOCUS,
        "0.1% of the area with detail is sharp in both photos, less than 1.5%",
    ),
    ("changed_share", 0.7, Reason.LOW_SIMILARITY, "70% of the area with structure differs at equal blur"),
    ("focus_mismatch", 0.5, Reason.LOW_SIMILARITY, "50% of the area in focus does not match the"),
    ("changed_in_focus", 0.06, Reason.LOW_SIMILARITY, "6.0% of the frame is in focus and changed between"),
    ("residual_px", 0.8, Reason.LOW_SIMILARITY, "the residual in focus is 0.80 px, more than 0.3 px"),
    (
        "residual_p95_px",
        3.2,
        Reason.LOW_SIMILARITY,
        "part of the area in focus is off by 3.2 px, more than 1 px",
    ),
    (
        "defocus_native_px",
        6.0,
        Reason.TOO_LITTLE_BLUR,
        "nine tenths of the shallow photo have a blur of 6.0 px or",
    ),
    ("unexplained", 0.7, Reason.LOW_SIMILARITY, "blur does not explain 70% of the detail, more than 40%"),
    ("exposure_gain", 10.0, Reason.EXPOSURE_MISMATCH, "the shallow photo is 3.3 stops brighter"),
    ("exposure_gain", 0.1, Reason.EXPOSURE_MISMATCH, "the shallow photo is 3.3 stops darker"),
]


def test_a_good_pair_passes() -> None:
    check_alignment(GOOD, SETTINGS)


@pytest.mark.parametrize(("name", "value", "reason", "message"), BAD)
def test_each_gate_reports_the_value_and_the_limit(
    name: str, value: float, reason: Reason, message: str
) -> None:
    measurements = dataclasses.replace(GOOD, **{name: value})
    with pytest.raises(Rejected) as caught:
        check_alignment(measurements, SETTINGS)
    assert caught.value.reason is reason
    assert caught.value.status is Status.REJECTED
    assert caught.value.message.startswith(message)
    assert caught.value.measurements == measurements.as_dict()


def test_the_first_gate_in_order_decides() -> None:
    in_order = {name: (value, message) for name, value, _, message in reversed(BAD)}
    failing = {name: value for name, (value, _) in in_order.items()}
    for name, _, _, message in BAD:
        if name in failing and in_order[name][1] == message:
            with pytest.raises(Rejected) as caught:
                check_alignment(dataclasses.replace(GOOD, **failing), SETTINGS)
            assert caught.value.message.startswith(message)
            del failing[name]
    assert not failing


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("num_inliers", SETTINGS.min_inliers),
        ("inlier_ratio", SETTINGS.min_inlier_ratio),
        ("coverage", SETTINGS.min_coverage),
        ("scale_min", 1 - SETTINGS.max_scale_change),
        ("scale_max", 1 + SETTINGS.max_scale_change),
        ("stretch", SETTINGS.max_stretch),
        ("rotation_deg", SETTINGS.max_rotation_deg),
        ("rotation_deg", -SETTINGS.max_rotation_deg),
        ("perspective", SETTINGS.max_scale_change),
        ("overlap", SETTINGS.min_overlap),
        ("focus_share", SETTINGS.min_focus_share),
        ("changed_share", SETTINGS.max_changed_share),
        ("focus_mismatch", SETTINGS.max_focus_mismatch),
        ("changed_in_focus", SETTINGS.max_changed_in_focus),
        ("defocus_native_px", SETTINGS.min_blur_px),
        ("unexplained", SETTINGS.max_unexplained),
        ("residual_px", SETTINGS.max_residual_px),
        ("residual_p95_px", SETTINGS.max_residual_p95_px),
        ("exposure_gain", 2**SETTINGS.max_exposure_ev),
        ("exposure_gain", 2**-SETTINGS.max_exposure_ev),
    ],
)
def test_the_limit_itself_passes(name: str, limit: float) -> None:
    check_alignment(dataclasses.replace(GOOD, **{name: limit}), SETTINGS)


@pytest.mark.parametrize("name", sorted({name for name, *_ in BAD} - {"changed_share", "focus_mismatch"}))
def test_nan_does_not_pass(name: str) -> None:
    with pytest.raises(Rejected):
        check_alignment(dataclasses.replace(GOOD, **{name: float("nan")}), SETTINGS)


@pytest.mark.parametrize("name", ["focus_mismatch"])
def test_what_cannot_be_measured_is_left_out(name: str) -> None:
    unknown = dataclasses.replace(GOOD, **{name: float("nan")})
    check_alignment(unknown, SETTINGS)
    assert name not in unknown.as_dict()


def test_an_overexposed_photo_is_rejected_first() -> None:
    check_measured({"clipped_wide": 0.0, "clipped_shallow": SETTINGS.max_clipped}, SETTINGS)
    check_measured({"clipped_wide": 0.9, "clipped_shallow": 0.0}, SETTINGS)
    with pytest.raises(
        Rejected, match="80% of the shallow photo is overexposed, 1% of the wide one"
    ) as caught:
        check_measured({"clipped_wide": 0.01, "clipped_shallow": 0.8}, SETTINGS)
    assert caught.value.reason is Reason.EXPOSURE_MISMATCH
    assert caught.value.measurements == {"clipped_wide": 0.01, "clipped_shallow": 0.8}


MATCHED = AlignSettings(match_exposure=True)


@pytest.mark.parametrize(
    ("changes", "unchanged", "matched"),
    [
        ({"exposure_gain": 2.8}, "1.5 stops brighter, the limit is 1", ""),
        ({"exposure_gain": 0.35, "brightening_ev": 1.5}, "1.5 stops darker, the limit is 1", ""),
        ({"brightening_ev": 2.0, "cut_off_share": 0.1}, "", ""),
        (
            {"exposure_gain": 0.18, "brightening_ev": 2.5},
            "2.5 stops darker, the limit is 1",
            "2.5 stops darker, more than the 2 that a gain repairs",
        ),
        ({"cut_off_share": 0.36}, "", "highlights are cut off in 36% of the shallow photo, more than 10%"),
    ],
)
def test_matched_exposure_has_the_limits_of_what_a_gain_repairs(
    changes: dict[str, float], unchanged: str, matched: str
) -> None:
    measured = dataclasses.replace(GOOD, **changes)
    for settings, message in ((SETTINGS, unchanged), (MATCHED, matched)):
        found = rejections(measured, settings)
        assert [one.reason for one in found] == [Reason.EXPOSURE_MISMATCH] * bool(message)
        assert all(message in one.message for one in found)
        assert (quality_rank(measured, settings.ranking) < 0.5) == bool(message)


def test_all_rejecting_gates_are_reported() -> None:
    bad = dataclasses.replace(GOOD, overlap=0.1, stretch=0.5, residual_px=3.0)
    found = [rejection.reason for rejection in rejections(bad, SETTINGS)]
    assert found == [Reason.PARALLAX, Reason.LOW_OVERLAP, Reason.LOW_SIMILARITY]


def test_every_limit_is_a_setting() -> None:
    loose = AlignSettings(
        min_inliers=10,
        min_inlier_ratio=0.05,
        min_coverage=0.05,
        max_scale_change=0.96,
        max_stretch=0.1,
        max_rotation_deg=10,
        min_overlap=0.3,
        min_focus_share=0.0005,
        max_changed_in_focus=0.1,
        min_blur_px=1,
        max_unexplained=0.9,
        max_changed_share=0.8,
        max_focus_mismatch=0.6,
        max_residual_px=1.0,
        max_residual_p95_px=5,
        max_exposure_ev=4,
    )
    for name, value, *_ in BAD:
        if value > 0 or name == "rotation_deg":
            check_alignment(dataclasses.replace(GOOD, **{name: value}), loose)


@pytest.mark.parametrize(("name", "value", "reason", "message"), BAD)
def test_quality_is_a_half_at_the_limits_and_less_beyond(
    name: str, value: float, reason: Reason, message: str
) -> None:
    assert 0.5 < quality_rank(GOOD) < 1
    assert quality_rank(dataclasses.replace(GOOD, **{name: value})) < 0.5, (reason, message)
    assert quality_rank(dataclasses.replace(GOOD, **{name: float("nan")})) in (0.0, quality_rank(GOOD))


@given(st.floats(0.0, 3.0), st.floats(0.0, 3.0))
def test_quality_falls_with_every_measurement_that_gets_worse(first: float, second: float) -> None:
    """It agrees with the gates: pairs with 0.5 or more pass, others do not."""
    better, worse = sorted((first, second))
    ranks = [quality_rank(dataclasses.replace(GOOD, residual_px=value)) for value in (better, worse)]
    assert ranks[0] >= ranks[1]
    passed = not rejections(dataclasses.replace(GOOD, residual_px=worse), SETTINGS)
    assert passed == (ranks[1] >= 0.5)


def test_measurements_are_plain_numbers() -> None:
    assert all(isinstance(value, int | float) for value in GOOD.as_dict().values())


def test_stored_measurements_fail_as_new_ones_do() -> None:
    bad = dataclasses.replace(GOOD, rotation_deg=9.0, residual_px=0.8)
    found = failing(bad.as_dict(), SETTINGS)
    assert list(found) == ["rotation_deg", "residual_px"]
    expected = [(one.reason, one.message) for one in rejections(bad, SETTINGS)]
    assert [(one.reason, one.message) for one in found.values()] == expected
    assert failing(GOOD.as_dict(), SETTINGS) == {}


def test_what_was_not_stored_could_not_be_measured() -> None:
    known = {
        name: value for name, value in GOOD.as_dict().items() if name not in ("clipped_wide", "residual_px")
    }
    assert list(failing(known, SETTINGS)) == ["residual_px", "clipped_shallow"]
    assert failing({}, SETTINGS).keys() >= {"num_inliers", "overlap"}
