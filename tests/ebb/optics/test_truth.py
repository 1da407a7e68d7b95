"""The truth row: homographies that are each other's inverse, values a table can hold."""

import json

import numpy as np

from ebb.optics.motion import pose_homography
from ebb.optics.plan import BAD_KINDS, Kind, plan_pair
from ebb.optics.truth import pair_truth


def test_good_pair() -> None:
    plan = plan_pair(0, 2, bad_share=0)
    truth = pair_truth(plan, 2900.0, (2.0, 2.0))
    assert (truth.expected, truth.reasons, truth.kind) == ("aligned", (), Kind.GOOD)
    forth = np.reshape(truth.H_wide_to_shallow, (3, 3))
    back = np.reshape(truth.H_shallow_to_wide, (3, 3))
    np.testing.assert_array_equal(forth, pose_homography(plan.pose, 2900.0, plan.size, 2.0))
    product = forth @ back
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-9)
    np.testing.assert_array_equal(np.reshape(truth.R, (3, 3)), plan.pose.rotation)
    assert truth.exposure_difference_ev == plan.shallow.gain_ev - plan.wide.gain_ev
    assert truth.depth == plan.wide.name.replace(".DNG", "_depth.png")


def test_bad_pairs_say_why() -> None:
    for kind in BAD_KINDS:
        truth = pair_truth(plan_pair(0, 0, bad_share=1, bad_kinds=[kind]), 2900.0, (2.0, 3.0))
        assert truth.expected == "rejected"
        assert truth.reasons
        assert (truth.H_wide_to_shallow is None) == (kind is Kind.UNRELATED)


def test_rows_are_plain_values() -> None:
    row = pair_truth(plan_pair(0, 0, bad_share=1), 2900.0, (2.0, 3.0)).as_row()
    assert json.loads(json.dumps(row))["kind"] in {str(kind) for kind in BAD_KINDS}
    assert type(row["kind"]) is str
