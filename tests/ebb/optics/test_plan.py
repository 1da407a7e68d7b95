"""Plans: determined by seed and index, plausible as photographs, bad in the asked share."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import Reason, UsageError
from ebb.optics.plan import BAD_KINDS, EXPECTED_REASONS, Kind, Stream, plan_pair


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
    assert set(kinds) == set(Kind)
    assert {plan_pair(0, index, bad_share=0).kind for index in range(50)} == {Kind.GOOD}


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


def test_each_kind_goes_wrong_in_its_own_way() -> None:
    plans = {kind: plan_pair(0, 1, bad_share=1, bad_kinds=[kind]) for kind in BAD_KINDS}
    assert plans[Kind.MOVED_SUBJECT].subject_shift != 0
    assert plans[Kind.MISSING_PARTNER].missing in ("wide", "shallow")
    assert plans[Kind.OVEREXPOSED].shallow.gain_ev > 2.5
    assert abs(plans[Kind.PARALLAX].pose.translation_m[0]) >= 0.04
    assert abs(np.log(plans[Kind.MISSED_FOCUS].shallow.focus_ratio)) > 0.4
    assert plans[Kind.UNRELATED].missing == ""
    assert all(plan.file_format == "dng" and plan.wide.name.endswith(".DNG") for plan in plans.values())


def test_every_kind_has_its_reason() -> None:
    assert set(EXPECTED_REASONS) == set(Kind)
    assert EXPECTED_REASONS[Kind.GOOD] == ()
    assert EXPECTED_REASONS[Kind.PARALLAX][0] is Reason.PARALLAX
    assert EXPECTED_REASONS[Kind.MISSING_PARTNER] == (Reason.MISSING_PARTNER,)


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
def test_plans_that_make_no_sense(arguments: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plan_pair(**arguments)
