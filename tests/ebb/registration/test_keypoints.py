"""Keypoints: location against a known warp, descriptors against their definition, the spread, bad photos."""

import cv2
import numpy as np
import pytest

from ebb.registration.keypoints import CELLS_PER_SIDE, Keypoints, detect, root_sift, spread

SHAPE = (240, 360)


def texture(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Noise at several scales: keypoints everywhere."""
    rng = np.random.default_rng(seed)
    layers = [cv2.GaussianBlur(rng.normal(size=shape), (0, 0), sigma) * sigma for sigma in (1.5, 4, 9)]
    total = sum(layers)
    return np.clip(np.rint(128 + 45 * total / total.std()), 0, 255).astype(np.uint8)


def test_types_and_shapes() -> None:
    found = detect(texture(0), 300)
    assert len(found) == len(found.points) == len(found.descriptors) == len(found.sizes) == 300
    assert found.points.shape == (300, 2)
    assert found.descriptors.shape == (300, 128)
    assert {found.points.dtype, found.descriptors.dtype, found.sizes.dtype} == {np.dtype(np.float32)}


def test_points_lie_inside_the_frame() -> None:
    points = detect(texture(0), 500).points
    assert (points >= -0.5).all()
    assert (points < np.array(SHAPE[::-1]) - 0.5).all()


def test_a_blob_is_located_at_its_centre() -> None:
    y, x = np.mgrid[:101, :121]
    centre = np.array([60.3, 50.8])
    blob = 40 + 180 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 5.0**2))
    found = detect(np.rint(blob).astype(np.uint8), 50)
    distances = np.linalg.norm(found.points - centre, axis=1)
    assert distances.min() < 0.1


def test_descriptors_have_unit_length() -> None:
    norms = np.linalg.norm(detect(texture(0), 300).descriptors, axis=1)
    np.testing.assert_allclose(norms, 1.0, atol=1e-5)


def test_root_sift_is_the_hellinger_kernel() -> None:
    rng = np.random.default_rng(1)
    histograms = rng.uniform(0, 255, (2, 128)).astype(np.float32)
    p, q = histograms / histograms.sum(axis=1, keepdims=True)
    first, second = root_sift(histograms)
    assert first @ second == pytest.approx(np.sum(np.sqrt(p * q)), abs=1e-6)


def test_root_sift_of_zeros_is_zeros() -> None:
    np.testing.assert_array_equal(root_sift(np.zeros((1, 128), np.float32)), 0)


def test_the_same_photo_gives_the_same_bytes() -> None:
    first, second = (detect(texture(2), 400) for _ in range(2))
    assert first.points.tobytes() == second.points.tobytes()
    assert first.descriptors.tobytes() == second.descriptors.tobytes()


def test_the_order_does_not_depend_on_threads() -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = detect(texture(2), 400)
        cv2.setNumThreads(2)
        together = detect(texture(2), 400)
    finally:
        cv2.setNumThreads(threads)
    assert alone.descriptors.tobytes() == together.descriptors.tobytes()


@pytest.mark.parametrize("gray", [np.zeros(SHAPE, np.uint8), np.full(SHAPE, 255, np.uint8)])
def test_a_photo_without_texture_has_no_keypoints(gray: np.ndarray) -> None:
    found = detect(gray, 100)
    assert len(found) == 0
    assert found.points.shape == (0, 2)
    assert found.descriptors.shape == (0, 128)
    assert found.sigmas_px.shape == (0,)


def test_a_blurred_dark_photo_still_has_keypoints() -> None:
    blurred = cv2.GaussianBlur(texture(3), (0, 0), 4)
    dark = np.rint(blurred * 0.2).astype(np.uint8)
    lowes_threshold = len(cv2.SIFT.create(contrastThreshold=0.09).detect(dark, None))
    assert len(detect(dark, 2000)) > max(50, 3 * lowes_threshold)


def test_large_keypoints_have_less_weight() -> None:
    found = Keypoints(np.zeros((2, 2), np.float32), np.zeros((2, 128), np.float32), np.float32([2, 40]))
    small, large = found.sigmas_px
    assert 0.1 < small < 0.15
    assert large > 1.0


def corner_heavy(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """200 strong points in one corner cell, 100 weaker ones over the frame."""
    crowd = rng.uniform(0, 20, (200, 2))
    others = rng.uniform(0, 1, (100, 2)) * SHAPE[::-1]
    points = np.concatenate([crowd, others]).astype(np.float32)
    responses = np.concatenate([rng.uniform(2, 3, 200), rng.uniform(1, 2, 100)]).astype(np.float32)
    return points, responses


def test_a_textured_corner_does_not_use_up_the_budget() -> None:
    points, responses = corner_heavy(np.random.default_rng(4))
    kept = spread(points, responses, SHAPE, 180)
    by_response = np.argsort(-responses)[:180]
    assert (by_response < 200).all()
    assert (kept >= 200).sum() >= 60


def test_the_strongest_of_each_cell_comes_first() -> None:
    points, responses = corner_heavy(np.random.default_rng(5))
    first = spread(points, responses, SHAPE, 250)[0]
    assert first == responses.argmax()


def test_the_choice_does_not_depend_on_the_order_of_detection() -> None:
    rng = np.random.default_rng(6)
    points, responses = corner_heavy(rng)
    shuffled = rng.permutation(len(points))
    kept = spread(points, responses, SHAPE, 120)
    kept_of_shuffled = shuffled[spread(points[shuffled], responses[shuffled], SHAPE, 120)]
    np.testing.assert_array_equal(kept, kept_of_shuffled)


def test_everything_is_kept_when_the_budget_allows() -> None:
    points, responses = corner_heavy(np.random.default_rng(7))
    assert sorted(spread(points, responses, SHAPE, 1000)) == list(range(300))


def test_selected_keypoints_cover_an_even_texture() -> None:
    points = detect(texture(8), 200).points
    cells = np.unique((points * CELLS_PER_SIDE / SHAPE[::-1]).astype(int), axis=0)
    assert len(cells) > 0.8 * CELLS_PER_SIDE**2
