"""Plans: determined by seed and index, plausible as photographs, with the requested share of defects."""

import dataclasses
from collections import Counter
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px
from ebb.errors import Reason, UsageError
from ebb.simulation.plan import BAD_KINDS, EXPECTED_REASONS, PairKind, Stream, plan_pair


def test_a_plan_depends_on_seed_and_index_alone() -> None:
    assert plan_pair(3, 7) == plan_pair(3, 7)
    assert plan_pair(3, 7) != plan_pair(3, 8)
    assert plan_pair(3, 7) != plan_pair(4, 7)
    one, other = plan_pair(3, 7).rng(Stream.SCENE), plan_pair(3, 7).rng(Stream.WIDE_NOISE)
    assert one.random() != other.random()


def test_share_of_bad_pairs() -> None:
    kinds = Counter(plan_pair(0, index, bad_share=0.25).kind for index in range(800))
    bad = sum(kinds[kind] for kind in BAD_KINDS)
    assert bad / 800 == pytest.approx(0.25, abs=0.05)
    assert set(kinds) == set(PairKind)
    assert {plan_pair(0, index, bad_share=0).kind for index in range(50)} == {PairKind.GOOD}


def test_both_shots_are_exposed_alike_within_a_third_of_a_stop() -> None:
    for index in range(100):
        plan = plan_pair(1, index, bad_share=0)
        shots = (plan.wide, plan.shallow)
        light = [float(s.exposure_time_s) * s.iso / s.f_number**2 for s in shots]
        recorded = np.log2(light[0] / light[1])
        assert abs(recorded) < 0.35
        assert plan.wide.gain_ev - plan.shallow.gain_ev == pytest.approx(recorded, abs=0.4)
        assert plan.wide.iso in (100, 200, 400, 800, 1600)


def test_times_and_names_run_in_shooting_order() -> None:
    plans = [plan_pair(2, index) for index in range(40)]
    orders = set()
    for plan, following in pairwise(plans):
        first, second = sorted((plan.wide, plan.shallow), key=lambda shot: shot.captured_at)
        assert first.name < second.name
        assert timedelta(seconds=2.5) <= second.captured_at - first.captured_at <= timedelta(seconds=9)
        soonest = min(following.wide.captured_at, following.shallow.captured_at)
        assert soonest - second.captured_at > timedelta(seconds=300)
        orders.add(first is plan.wide)
    assert orders == {True, False}


def test_portrait_plans_swap_the_frame() -> None:
    plans = [plan_pair(0, index, size=Size(96, 64)) for index in range(60)]
    assert {plan.size for plan in plans if plan.orientation >= 5} == {Size(64, 96)}
    assert {plan.size for plan in plans if plan.orientation < 5} == {Size(96, 64)}


def test_each_kind_has_its_own_defect() -> None:
    plans = {kind: plan_pair(0, 1, bad_share=1, bad_kinds=[kind]) for kind in BAD_KINDS}
    assert plans[PairKind.MOVED_SUBJECT].subject_shift != 0
    assert plans[PairKind.MISSING_PARTNER].missing in ("wide", "shallow")
    assert plans[PairKind.OVEREXPOSED].shallow.gain_ev > 2.5
    assert abs(plans[PairKind.PARALLAX].pose.translation_m[0]) >= 0.04
    assert abs(np.log(plans[PairKind.MISSED_FOCUS].shallow.focus_ratio)) > 0.4
    assert plans[PairKind.UNRELATED].missing == ""
    assert all(plan.file_format == "dng" and plan.wide.name.endswith(".DNG") for plan in plans.values())


def test_every_kind_has_its_reason() -> None:
    assert set(EXPECTED_REASONS) == set(PairKind)
    assert EXPECTED_REASONS[PairKind.GOOD] == ()
    assert EXPECTED_REASONS[PairKind.PARALLAX][0] is Reason.PARALLAX
    assert EXPECTED_REASONS[PairKind.MISSED_FOCUS][0] is Reason.MISSED_FOCUS
    assert EXPECTED_REASONS[PairKind.MISSING_PARTNER] == (Reason.MISSING_PARTNER,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1, "index": 0}, "neither may be negative"),
        ({"seed": 0, "index": -1}, "neither may be negative"),
        ({"seed": 0, "index": 0, "bad_share": 1.5}, "from 0 to 1"),
        ({"seed": 0, "index": 0, "bad_kinds": []}, "at least one kind"),
        ({"seed": 0, "index": 0, "size": Size(97, 64)}, "must be even"),
    ],
)
def test_invalid_plans_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_pair(**arguments)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(0, 5000))
def test_hand_motion_is_within_realistic_limits(seed: int, index: int) -> None:
    """Rotations below half a degree, shifts below a millimetre, focus breathing below 2 %."""
    pose = plan_pair(seed, index, bad_share=0).pose
    assert np.abs(pose.rotation_deg).max() <= 0.45
    assert np.abs(pose.translation_m).max() <= 0.0008
    assert abs(pose.focal_ratio - 1) < 0.0161


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(0, 1000))
def test_good_pairs_do_not_depend_on_how_many_are_bad(seed: int, index: int) -> None:
    mixed = plan_pair(seed, index, bad_share=0.5)
    if mixed.kind is PairKind.GOOD:
        assert mixed == plan_pair(seed, index, bad_share=0) == plan_pair(seed, index, bad_share=0.1)
    else:
        assert mixed == plan_pair(seed, index, bad_share=0.5, bad_kinds=BAD_KINDS)
        assert plan_pair(seed, index, bad_share=0.9).kind is mixed.kind


def test_the_format_changes_only_the_names() -> None:
    dng, jpeg = (plan_pair(5, 9, file_format=file_format) for file_format in ("dng", "jpeg"))
    assert jpeg.wide.name == dng.wide.name.replace(".DNG", ".JPG")
    assert (
        dataclasses.replace(
            jpeg,
            file_format="dng",
            wide=dataclasses.replace(jpeg.wide, name=dng.wide.name),
            shallow=dataclasses.replace(jpeg.shallow, name=dng.shallow.name),
        )
        == dng
    )


def test_names_are_unique_and_without_gaps() -> None:
    names = [name for i in range(60) for name in (plan_pair(8, i).wide.name, plan_pair(8, i).shallow.name)]
    assert sorted(names) == [f"IMG_{number:04d}.DNG" for number in range(1, 121)]


def test_shutter_speeds_are_those_of_a_dial() -> None:
    """One over a whole number below a third of a second, tenths above; never twice a third of a stop off."""
    for index in range(150):
        plan = plan_pair(4, index)
        for shot in (plan.wide, plan.shallow):
            time = shot.exposure_time_s
            assert time.numerator == 1 or 10 % time.denominator == 0
        if plan.wide.iso < 1600:
            assert plan.wide.exposure_time_s <= Fraction(1, 13), "no hand holds that"


def test_orientations_are_those_of_hand_held_cameras() -> None:
    turned = Counter(plan_pair(0, index).orientation for index in range(600))
    assert set(turned) == {1, 3, 6, 8}
    assert turned[1] / 600 == pytest.approx(0.65, abs=0.06)
    assert turned[8] > turned[6] > turned[3]


def test_a_sideways_step_causes_parallax_of_many_pixels() -> None:
    """f·t·(1/near − 1/far): more than ten times what one homography may leave."""
    focal_px = 50 / 22.3 * 1296
    for index in range(60):
        step = plan_pair(1, index, bad_share=1, bad_kinds=[PairKind.PARALLAX]).pose.translation_m
        for near, far in ((1.2, 6.0), (4.0, 20.0)):
            assert focal_px * abs(step[0]) * (1 / near - 1 / far) > 15


def test_a_missed_focus_is_far_outside_the_depth_of_field() -> None:
    lens, pixels = Lens(50, 1.8), PixelGrid(22.3, 1296)
    for index in range(60):
        ratio = plan_pair(1, index, bad_share=1, bad_kinds=[PairKind.MISSED_FOCUS]).shallow.focus_ratio
        for subject in (1.2, 4.0):
            assert abs(coc_px(lens, pixels, subject * ratio, subject)) > 5


def test_both_files_can_be_the_missing_one() -> None:
    missing = {
        plan_pair(0, index, bad_share=1, bad_kinds=[PairKind.MISSING_PARTNER]).missing for index in range(20)
    }
    assert missing == {"wide", "shallow"}


def test_an_overexposed_shot_was_exposed_too_long() -> None:
    for index in range(30):
        plan = plan_pair(2, index, bad_share=1, bad_kinds=[PairKind.OVEREXPOSED])
        light = [float(s.exposure_time_s) * s.iso / s.f_number**2 for s in (plan.shallow, plan.wide)]
        assert np.log2(light[0] / light[1]) > 2.5, "EXIF tells of it as well"
