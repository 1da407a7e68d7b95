"""Motion from matches, and from pixels: known warps, unrelated textures, rendered pairs."""

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import Reason, Rejected
from ebb.geometry.homography import apply, corner_error_px, rescale_homography
from ebb.geometry.models import Motion, MotionModel
from ebb.registration import motion
from ebb.registration.keypoints import detect
from ebb.registration.matching import match

MIN_INLIERS = 12
estimate = partial(motion.estimate, min_inliers=MIN_INLIERS)

SAMPLE = Path(__file__).parents[3] / "data" / "sample"
SIZE = Size(480, 320)
FRAME = Size(1536, 1024)
SIMILARITY = np.array([[1.01, -0.006, 4.0], [0.006, 1.01, -3.0], [0.0, 0.0, 1.0]])
HOMOGRAPHY = np.array([[1.012, -0.004, 14.0], [0.006, 1.009, -9.0], [6e-6, -4e-6, 1.0]])


def texture(seed: int, size: Size = SIZE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (size.height, size.width)
    layers = [cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma) * sigma for sigma in (1.5, 4, 9)]
    total = sum(layers)
    return np.clip(128 + 40 * total / total.std(), 0, 255)


def photographed(scene: np.ndarray, *, blur: float, gain: float, noise: float, seed: int) -> np.ndarray:
    blurred = cv2.GaussianBlur(scene, (0, 0), blur) if blur else scene
    noisy = blurred * gain + np.random.default_rng(seed).normal(0, noise, scene.shape)
    return np.rint(np.clip(noisy, 0, 255)).astype(np.uint8)


def aligned(shallow: np.ndarray, wide: np.ndarray, threshold_px: float = 1.5) -> Motion:
    a, b = detect(shallow, 1500), detect(wide, 1500)
    pairs = match(a, b, 0.8)
    sigmas = np.hypot(a.sigmas_px[pairs[:, 0]], b.sigmas_px[pairs[:, 1]])
    size = Size(wide.shape[1], wide.shape[0])
    return estimate(a.points[pairs[:, 0]], b.points[pairs[:, 1]], size, threshold_px, sigmas_px=sigmas)


def points_of(H: np.ndarray, count: int, noise: float = 0.2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shallow = rng.uniform(0, 1, (count, 2)) * FRAME
    wide = apply(H, shallow) + rng.normal(0, noise, (count, 2))
    return shallow.astype(np.float32), wide.astype(np.float32)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(("blur", "gain", "noise"), [(0, 1.0, 1.0), (1.5, 0.8, 2.0), (2.5, 1.15, 2.0)])
def test_a_known_warp_is_recovered(seed: int, blur: float, gain: float, noise: float) -> None:
    wide = texture(seed)
    seen_from_shallow = cv2.warpPerspective(
        wide, SIMILARITY, SIZE, flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
    )  # shallow(x) = wide(H x)
    shallow = photographed(seen_from_shallow, blur=blur, gain=gain, noise=noise, seed=seed)
    motion = aligned(shallow, photographed(wide, blur=0, gain=1, noise=1, seed=seed + 50))
    assert corner_error_px(motion.H_shallow_to_wide, SIMILARITY, SIZE).mean() < 0.3


@pytest.mark.parametrize("seed", range(3))
def test_unrelated_textures_are_rejected(seed: int) -> None:
    a, b = (
        photographed(texture(number), blur=0, gain=1, noise=1, seed=number) for number in (seed, seed + 100)
    )
    with pytest.raises(Rejected) as caught:
        aligned(a, b)
    assert caught.value.reason in {Reason.TOO_FEW_MATCHES, Reason.TOO_FEW_INLIERS}


def test_photos_without_texture_are_rejected() -> None:
    black = np.zeros((320, 480), np.uint8)
    with pytest.raises(Rejected, match=f"0 matches, fewer than {MIN_INLIERS}"):
        aligned(black, black)


def test_a_rotation_of_the_camera_needs_a_homography() -> None:
    motion = estimate(*points_of(HOMOGRAPHY, 400), FRAME, 1.5)
    assert motion.kind is MotionModel.HOMOGRAPHY
    assert corner_error_px(motion.H_shallow_to_wide, HOMOGRAPHY, FRAME).mean() < 0.15


@pytest.mark.parametrize("seed", range(4))
def test_a_similarity_explains_a_similarity(seed: int) -> None:
    motion = estimate(*points_of(SIMILARITY, 400, seed=seed), FRAME, 1.5)
    assert motion.kind is MotionModel.SIMILARITY
    assert motion.inliers.mean() > 0.99


def test_a_homography_without_support_is_not_chosen() -> None:
    shallow, wide = points_of(HOMOGRAPHY, 60)
    assert estimate(shallow, wide, FRAME, 6.0).kind is MotionModel.SIMILARITY


def test_a_homography_supported_in_a_corner_only_is_not_chosen() -> None:
    shallow, _ = points_of(SIMILARITY, 300)
    squeezed = (shallow * 0.3).astype(np.float32)
    bent = apply(HOMOGRAPHY, squeezed).astype(np.float32)
    assert estimate(squeezed, bent, FRAME, 3.0).kind is not MotionModel.HOMOGRAPHY


def test_the_simpler_model_extrapolates_better() -> None:
    """Why models are selected: noisy matches in the middle, error at the corners."""
    models = (MotionModel.SIMILARITY, MotionModel.HOMOGRAPHY)
    errors = np.empty((8, len(models)))
    for seed, row in enumerate(errors):
        shallow, wide = points_of(SIMILARITY, 2000, noise=0.6, seed=seed)
        middle = (np.abs(shallow - np.array(FRAME) / 2) < np.array(FRAME) / 6).all(axis=1)
        for column, model in enumerate(models):
            H = estimate(shallow[middle], wide[middle], FRAME, 3.0, model=model).H_shallow_to_wide
            row[column] = corner_error_px(H, SIMILARITY, FRAME).mean()
    similarity, homography = np.median(errors, axis=0)
    assert similarity < homography / 3


@pytest.mark.parametrize("model", [MotionModel.SIMILARITY, MotionModel.ROTATION, MotionModel.HOMOGRAPHY])
def test_a_named_model_is_the_one_fitted(model: MotionModel) -> None:
    assert estimate(*points_of(SIMILARITY, 200), FRAME, 1.5, model=model).kind is model


def test_a_shift_is_explained_by_a_translation() -> None:
    shift = np.array([[1.0, 0.0, 7.3], [0.0, 1.0, -2.1], [0.0, 0.0, 1.0]])
    kinds = [estimate(*points_of(shift, 400, seed=seed), FRAME, 1.5).kind for seed in range(4)]
    assert kinds.count(MotionModel.TRANSLATION) >= 3


def test_plain_ransac_stays_available() -> None:
    points = points_of(HOMOGRAPHY, 400)
    H = estimate(*points, FRAME, 1.5, robust="ransac", model=MotionModel.HOMOGRAPHY).H_shallow_to_wide
    assert corner_error_px(H, HOMOGRAPHY, FRAME).mean() < 0.15


def test_inliers_are_the_matches_that_agree() -> None:
    shallow, wide = points_of(SIMILARITY, 200, noise=0.1)
    wide[::4] += 40
    motion = estimate(shallow, wide, FRAME, 1.5)
    np.testing.assert_array_equal(np.flatnonzero(~motion.inliers), np.arange(0, 200, 4))


def test_too_few_matches() -> None:
    shallow, wide = points_of(SIMILARITY, MIN_INLIERS - 1)
    with pytest.raises(Rejected, match=r"11 matches, fewer than 12 \(the photos have too little") as caught:
        estimate(shallow, wide, FRAME, 1.5)
    assert caught.value.reason is Reason.TOO_FEW_MATCHES
    assert caught.value.measurements == {"num_matches": 11}


def test_random_matches_have_no_motion() -> None:
    rng = np.random.default_rng(0)
    shallow, wide = (rng.uniform(0, 1000, (60, 2)).astype(np.float32) for _ in range(2))
    with pytest.raises(Rejected, match=r"no motion brings 12 of 60 matches within 1\.5 px") as caught:
        estimate(shallow, wide, FRAME, 1.5)
    assert caught.value.reason is Reason.TOO_FEW_INLIERS


@pytest.mark.parametrize("axis", [0, 1])
def test_matches_on_a_line_do_not_break_it(axis: int) -> None:
    shallow, wide = points_of(np.eye(3), 100, noise=0.1)
    shallow[:, axis] = wide[:, axis] = 300
    motion = estimate(shallow, wide, FRAME, 1.5)
    assert motion.kind in (MotionModel.TRANSLATION, MotionModel.SIMILARITY)
    assert np.isfinite(motion.H_shallow_to_wide).all()


def test_equal_matches_give_equal_motions() -> None:
    first, second = (estimate(*points_of(HOMOGRAPHY, 300), FRAME, 1.5) for _ in range(2))
    assert first.H_shallow_to_wide.tobytes() == second.H_shallow_to_wide.tobytes()


def sample_gray(name: str, height: int = 768) -> tuple[np.ndarray, tuple[float, float]]:
    photo = cv2.imdecode(np.fromfile(SAMPLE / "captures" / name, np.uint8), cv2.IMREAD_GRAYSCALE)
    size = Size(round(photo.shape[1] * height / photo.shape[0]), height)
    scale = (size.width / photo.shape[1], size.height / photo.shape[0])
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA), scale


def test_a_rendered_pair_is_within_a_tenth_of_a_pixel() -> None:
    (shallow, scale), (wide, _) = sample_gray("IMG_0302.JPG"), sample_gray("IMG_0301.JPG")
    truth = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))["pairs"][0]["H_jpeg"]
    expected = rescale_homography(np.linalg.inv(truth), scale, scale)
    motion = aligned(shallow, wide, 1.5 * 768 / 1024)
    assert motion.kind is MotionModel.ROTATION
    assert corner_error_px(motion.H_shallow_to_wide, expected, Size(1152, 768)).mean() < 0.1


def test_two_different_scenes_are_rejected() -> None:
    (shallow, _), (wide, _) = sample_gray("IMG_0308.JPG"), sample_gray("IMG_0307.JPG")
    with pytest.raises(Rejected):
        aligned(shallow, wide)


def test_the_threshold_counts_pixels_at_1024_px_height() -> None:
    """Points of a photo half as high miss by half as many of their pixels."""
    rng = np.random.default_rng(4)
    places = rng.uniform(0, 500, (200, 2)).astype(np.float32)
    missed = places + rng.normal(0, 1.0, places.shape).astype(np.float32)
    size = Size(768, 512)
    shift = MotionModel.TRANSLATION
    full = estimate(places, missed, size, 1.5, min_inliers=5, model=shift)
    half = estimate(places / 2, missed / 2, Size(384, 256), 1.5, min_inliers=5, model=shift, unit_px=2.0)
    assert abs(int(full.inliers.sum()) - int(half.inliers.sum())) <= 4
    assert 0 < full.inliers.sum() < 200
