"""Matching against OpenCV's brute-force matcher and against pairs known by construction."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.registration import matching
from ebb.registration.keypoints import Keypoints
from ebb.registration.matching import match


def keypoints(descriptors: np.ndarray, points: np.ndarray | None = None) -> Keypoints:
    count = len(descriptors)
    if points is None:
        points = np.column_stack([np.arange(count) * 3, np.arange(count) * 2])
    return Keypoints(points.astype(np.float32), descriptors.astype(np.float32), np.ones(count, np.float32))


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def random_descriptors(rng: np.random.Generator, count: int) -> np.ndarray:
    return unit(np.abs(rng.normal(size=(count, 128)))).astype(np.float32)


def opencv_matches(a: np.ndarray, b: np.ndarray, ratio: float) -> set[tuple[int, int]]:
    """Mutual nearest neighbours that pass the ratio test both ways, the long way round."""
    passing = []
    for queries, candidates in ((a, b), (b, a)):
        nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(queries, candidates, k=2)
        passing.append({(m.queryIdx, m.trainIdx) for m, n in nearest if m.distance < ratio * n.distance})
    return passing[0] & {(i, j) for j, i in passing[1]}


@pytest.mark.parametrize("ratio", [0.7, 0.8, 0.95])
def test_agrees_with_opencv(ratio: float) -> None:
    rng = np.random.default_rng(0)
    a = random_descriptors(rng, 300)
    b = unit(np.concatenate([a[rng.permutation(300)[:180]], random_descriptors(rng, 90)]))
    b = unit(np.abs(b + rng.normal(0, 0.04, b.shape))).astype(np.float32)
    found = {tuple(pair) for pair in match(keypoints(a), keypoints(b), ratio)}
    assert len(found) > 50
    assert found == opencv_matches(a, b, ratio)


def test_a_permutation_is_undone() -> None:
    rng = np.random.default_rng(1)
    a = random_descriptors(rng, 200)
    order = rng.permutation(200)
    pairs = match(keypoints(a), keypoints(a[order]), 0.8)
    np.testing.assert_array_equal(pairs[:, 0], np.arange(200))
    np.testing.assert_array_equal(order[pairs[:, 1]], pairs[:, 0])


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    a = random_descriptors(rng, 150)
    b = unit(np.abs(a + rng.normal(0, 0.03, a.shape)))
    whole = match(keypoints(a), keypoints(b), 0.9)
    monkeypatch.setattr(matching, "BLOCK_ROWS", 17)
    np.testing.assert_array_equal(match(keypoints(a), keypoints(b), 0.9), whole)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), count_a=st.integers(0, 40), count_b=st.integers(0, 40))
def test_one_to_one(seed: int, count_a: int, count_b: int) -> None:
    rng = np.random.default_rng(seed)
    pool = random_descriptors(rng, 10)
    a, b = (
        keypoints(
            unit(np.abs(pool[rng.integers(0, 10, count)] + rng.normal(0, 0.02, (count, 128)))),
            rng.integers(0, 6, (count, 2)),
        )
        for count in (count_a, count_b)
    )
    pairs = match(a, b, 0.99)
    assert pairs.shape == (len(pairs), 2)
    assert pairs.dtype == np.int64
    for column, side in enumerate((a, b)):
        assert len(np.unique(pairs[:, column])) == len(pairs)
        assert len(np.unique(side.points[pairs[:, column]], axis=0)) == len(pairs)


def test_a_keypoint_with_two_descriptors_counts_once() -> None:
    rng = np.random.default_rng(3)
    a = random_descriptors(rng, 6)
    points = np.array([[10, 10], [10, 10], [50, 5], [90, 7], [10.2, 10.1], [33, 3]])
    pairs = match(keypoints(a, points), keypoints(a), 0.8)
    assert len(pairs) == 4
    assert len({0, 1, 4} & set(pairs[:, 0])) == 1


def test_repeated_texture_does_not_pass_the_ratio_test() -> None:
    rng = np.random.default_rng(4)
    tile = random_descriptors(rng, 1)
    wall = unit(np.abs(np.repeat(tile, 30, axis=0) + rng.normal(0, 0.01, (30, 128))))
    again = unit(np.abs(np.repeat(tile, 30, axis=0) + rng.normal(0, 0.01, (30, 128))))
    assert len(match(keypoints(wall), keypoints(again), 0.8)) == 0


@pytest.mark.parametrize(("count_a", "count_b"), [(0, 0), (0, 5), (5, 0), (1, 5)])
def test_too_few_keypoints_match_nothing(count_a: int, count_b: int) -> None:
    rng = np.random.default_rng(5)
    a, b = (keypoints(random_descriptors(rng, count).reshape(-1, 128)) for count in (count_a, count_b))
    assert match(a, b, 0.8).shape == (0, 2)


def test_keypoints_out_of_reach_are_ignored() -> None:
    """A twin on the other side of the frame makes the ratio test fail; a small reach hides it."""
    rng = np.random.default_rng(9)
    a, here = random_descriptors(rng, 40), rng.uniform(0, 300, (40, 2))
    twins = unit(np.abs(np.concatenate([a, a]) + rng.normal(0, 0.02, (80, 128))))
    places = np.concatenate([here + np.array([5, 3]), here + np.array([700, 0])])
    assert len(match(keypoints(a, here), keypoints(twins, places), 0.8)) == 0
    pairs = match(keypoints(a, here), keypoints(twins, places), 0.8, reach_px=50)
    np.testing.assert_array_equal(pairs, np.column_stack([np.arange(40)] * 2))


def test_keypoints_of_another_size_are_ignored() -> None:
    a = keypoints(random_descriptors(np.random.default_rng(10), 30))
    large = Keypoints(a.points, a.descriptors, a.sizes * 2)
    assert len(match(a, large, 0.8)) == 30
    assert len(match(a, large, 0.8, reach_px=20)) == 0
