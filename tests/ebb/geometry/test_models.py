"""IRLS against SciPy's least squares, and the families against their definitions."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from ebb.arrays import Size
from ebb.geometry import models
from ebb.geometry.homography import corner_error_px, transfer_error_px
from ebb.geometry.models import GENERATORS, Matches, MotionModel, refine_irls, robust_start
from ebb.simulation.hand_motion import CameraPose, pose_homography

SIZE = Size(1536, 1024)
SIMILARITY = np.array([[1.01, -0.006, 14.0], [0.006, 1.01, -9.0], [0.0, 0.0, 1.0]])
HOMOGRAPHY = np.array([[1.012, -0.004, 14.0], [0.006, 1.009, -9.0], [2e-6, -1e-6, 1.0]])
TRANSLATION = np.array([[1.0, 0.0, 14.0], [0.0, 1.0, -9.0], [0.0, 0.0, 1.0]])
POSE = CameraPose(rotation_deg=(0.4, -0.3, 0.5), focal_ratio=1.02)
TURN = pose_homography(POSE, 3000.0, SIZE)
TRUTH = {
    MotionModel.TRANSLATION: TRANSLATION,
    MotionModel.SIMILARITY: SIMILARITY,
    MotionModel.ROTATION: TURN,
    MotionModel.HOMOGRAPHY: HOMOGRAPHY,
}
every_model = pytest.mark.parametrize("model", MotionModel)
linear_models = pytest.mark.parametrize("model", GENERATORS)


def matches(H: np.ndarray, count: int, noise: float = 0.0, seed: int = 0) -> Matches:
    rng = np.random.default_rng(seed)
    shallow = rng.uniform(0, 1, (count, 2)) * SIZE
    mapped = np.column_stack([shallow, np.ones(count)]) @ H.T
    wide = mapped[:, :2] / mapped[:, 2:] + rng.normal(0, noise, (count, 2))
    return Matches.isotropic(shallow, wide, np.ones(count), SIZE)


@linear_models
def test_generators_are_independent_with_last_entry_zero(model: MotionModel) -> None:
    flat = GENERATORS[model].reshape(len(GENERATORS[model]), 9)
    assert (
        np.linalg.matrix_rank(flat)
        == len(flat)
        == {"translation": 2, "similarity": 4, "homography": 8}[model]
    )
    np.testing.assert_array_equal(flat[:, 8], 0)


@every_model
def test_irls_recovers_an_exact_motion_from_the_identity(model: MotionModel) -> None:
    found = refine_irls(matches(TRUTH[model], 40), model, np.eye(3))
    assert corner_error_px(found, TRUTH[model], SIZE).max() < 1e-6
    assert found[2, 2] == 1.0


def test_irls_keeps_a_similarity_a_similarity() -> None:
    H = refine_irls(matches(HOMOGRAPHY, 60, noise=0.5), MotionModel.SIMILARITY, np.eye(3))
    np.testing.assert_allclose(H[2], (0, 0, 1), atol=1e-15)
    np.testing.assert_allclose([H[0, 0], H[1, 0]], [H[1, 1], -H[0, 1]], atol=1e-12)


def test_irls_is_the_least_squares_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "CAUCHY_WIDTH", 1e9)  # all weights equal
    noisy = matches(HOMOGRAPHY, 60, noise=0.4)

    def residuals(values: np.ndarray) -> np.ndarray:
        H = np.append(values, 1.0).reshape(3, 3)
        mapped = np.column_stack([noisy.shallow, np.ones(len(noisy))]) @ H.T
        return (mapped[:, :2] / mapped[:, 2:] - noisy.wide).ravel()

    scipys = least_squares(
        residuals, HOMOGRAPHY.ravel()[:8], x_scale="jac", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    found = refine_irls(noisy, MotionModel.HOMOGRAPHY, HOMOGRAPHY)
    assert corner_error_px(found, np.append(scipys.x, 1.0).reshape(3, 3), SIZE).max() < 1e-3


def test_stray_matches_hardly_move_the_fit() -> None:
    stray = matches(HOMOGRAPHY, 200, noise=0.1)
    stray.wide[:20] += 1.4  # all pull the same way, inside a threshold of 2 px
    plain = np.abs(corner_error_px(refine_irls(stray, MotionModel.HOMOGRAPHY, HOMOGRAPHY), HOMOGRAPHY, SIZE))
    assert plain.max() < 0.15


def test_well_located_matches_weigh_more() -> None:
    mixed = matches(SIMILARITY, 200, noise=0.05)
    mixed.wide[100:] += np.random.default_rng(1).normal(0, 1.0, (100, 2))
    told = Matches.isotropic(mixed.shallow, mixed.wide, np.repeat([0.05, 1.0], 100), SIZE)
    errors = [
        corner_error_px(refine_irls(known, MotionModel.SIMILARITY, SIMILARITY), SIMILARITY, SIZE).mean()
        for known in (told, mixed)
    ]
    assert errors[0] < errors[1]
    assert errors[0] < 0.03


def test_collinear_matches_keep_undetermined_parameters() -> None:
    on_a_line = matches(np.eye(3), 30)
    on_a_line.shallow[:, 1] = on_a_line.wide[:, 1] = 500
    found = refine_irls(on_a_line, MotionModel.HOMOGRAPHY, np.eye(3))
    np.testing.assert_allclose(found, np.eye(3), atol=1e-9)


@every_model
def test_robust_start_survives_half_the_matches_being_wrong(model: MotionModel) -> None:
    half = matches(TRUTH[model], 200, noise=0.2)
    half.wide[::2] = np.random.default_rng(2).uniform(0, 1, (100, 2)) * SIZE
    H = robust_start(half, model, 1.5)
    assert H is not None
    assert corner_error_px(H, TRUTH[model], SIZE).max() < 3


@every_model
def test_robust_start_is_repeatable(model: MotionModel) -> None:
    noisy = matches(TRUTH[model], 100, noise=1.0)
    first, second = (robust_start(noisy, model, 1.5) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_model
def test_robust_start_of_coincident_matches_is_none_or_fits(model: MotionModel) -> None:
    point = np.full((20, 2), 5.0)
    H = robust_start(Matches.isotropic(point, point, np.ones(20), SIZE), model, 1.5)
    assert H is None or not (transfer_error_px(H, point, point) > 1.5).any()


def test_subset_and_errors() -> None:
    few = matches(SIMILARITY, 5)
    few.wide[3] += (3, 4)
    errors = few.error_px(SIMILARITY)
    np.testing.assert_allclose(errors, [0, 0, 0, 5, 0], atol=1e-9)
    assert len(few.subset(errors < 1)) == 4


@pytest.mark.parametrize("count", [1, 2, 3, 4, 501, 502])
def test_median_is_that_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).random(count)
    assert models._median(values) == np.median(values)


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_shift_without_perspective_is_a_rotation_with_a_long_focal_length(noise: float) -> None:
    """The focal length diverges without affecting other parameters."""
    found = refine_irls(matches(TRANSLATION, 100, noise=noise), MotionModel.ROTATION, TRANSLATION)
    assert corner_error_px(found, TRANSLATION, SIZE).max() < 0.02 + 2 * noise


def test_matches_of_half_the_size_are_those_of_the_photo() -> None:
    whole = matches(TURN, 30)
    half = whole.at_scale(0.5, Size(SIZE.width // 2, SIZE.height // 2))
    again = half.at_scale(2, SIZE)
    np.testing.assert_allclose(again.wide, whole.wide, atol=1e-9)
    np.testing.assert_allclose(again.whitened_error(TRANSLATION), whole.whitened_error(TRANSLATION))
    assert half.wide.mean() == pytest.approx(whole.wide.mean() / 2, abs=0.3)
    both = Matches.joined([whole, again])
    assert len(both) == 60
    np.testing.assert_allclose(both.shallow[30:], whole.shallow, atol=1e-9)
