"""Model selection: richer models are taken when, and only when, they predict better."""

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.geometry.models import Matches, Motion, MotionModel, refine_irls
from ebb.registration.model_selection import CAP, error_cap, folds, held_out_error, select_model
from ebb.simulation.hand_motion import CameraPose, pose_homography

SIZE = Size(1536, 1024)
SIMILARITY = np.array([[1.01, -0.006, 14.0], [0.006, 1.01, -9.0], [0.0, 0.0, 1.0]])
TURN = pose_homography(CameraPose(rotation_deg=(0.5, -0.4, 0.6), focal_ratio=1.02), 2500.0, SIZE)
KEYSTONE = np.array([[1.012, -0.004, 14.0], [0.006, 1.009, -9.0], [2e-5, -1e-5, 1.0]])


def matches(H: np.ndarray, seed: int = 0, count: int = 400, sigma: float = 0.2) -> Matches:
    rng = np.random.default_rng(seed)
    shallow = rng.uniform(0, 1, (count, 2)) * SIZE
    wide = apply(H, shallow) + rng.normal(0, sigma, (count, 2))
    return Matches.isotropic(shallow, wide, np.full(count, sigma), SIZE)


def climb(seen: Matches) -> MotionModel:
    inliers = np.ones(len(seen), bool)
    fits = [Motion(refine_irls(seen, kind, np.eye(3)), inliers, kind) for kind in MotionModel]
    return select_model(seen, fits).kind


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("H", "kind"),
    [
        (np.array([[1.0, 0, 8], [0, 1, 3], [0, 0, 1]]), MotionModel.TRANSLATION),
        (SIMILARITY, MotionModel.SIMILARITY),
        (TURN, MotionModel.ROTATION),
        (KEYSTONE, MotionModel.HOMOGRAPHY),
    ],
)
def test_each_motion_selects_its_own_model(H: np.ndarray, kind: MotionModel, seed: int) -> None:
    assert climb(matches(H, seed)) is kind


def test_too_few_matches_for_a_homography() -> None:
    assert climb(matches(KEYSTONE, count=60)) is not MotionModel.HOMOGRAPHY


def test_one_outlier_does_not_change_the_selection() -> None:
    seen = matches(SIMILARITY)
    seen.wide[0] += 500
    assert climb(seen) is MotionModel.SIMILARITY


def test_every_match_is_held_out_once() -> None:
    seen = matches(SIMILARITY)
    for grid in (4, 16):
        np.testing.assert_array_equal(np.sum(folds(seen, grid), axis=0), 1)


def test_held_out_error_of_the_right_model_is_that_of_the_noise() -> None:
    """A 2-D error with unit variance in each direction has mean √(π/2)."""
    seen = matches(SIMILARITY, count=2000)
    assert held_out_error(seen, MotionModel.SIMILARITY, SIMILARITY, 100.0) == pytest.approx(1.2533, rel=0.05)


def test_the_cap_is_at_least_five_expected_deviations() -> None:
    exact = matches(SIMILARITY, sigma=1e-9)
    assert error_cap(Matches.isotropic(exact.shallow, exact.wide, np.ones(400), SIZE), SIMILARITY) == CAP
