"""Errors of depth networks: what each does to a map whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import UsageError
from ebb_train.lens.depth_errors import HARD, STRENGTHS, DepthErrors, corrupt_depth, corrupt_pair


def square(side: int = 64, half: int = 12) -> np.ndarray:
    """A near square in front of a far background."""
    depth = np.full((side, side), 0.2, np.float32)
    middle = side // 2
    depth[middle - half : middle + half, middle - half : middle + half] = 0.8
    return depth


def near(depth: np.ndarray) -> int:
    return int((depth > 0.5).sum())


@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(STRENGTHS)), height=st.integers(1, 70))
def test_depth_stays_a_depth_map(seed: int, name: str, height: int) -> None:
    depth = np.random.default_rng(seed).random((height, 41), np.float32)
    found = corrupt_depth(depth, STRENGTHS[name], np.random.default_rng(seed))
    assert found.shape == depth.shape
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_array_equal(found, corrupt_depth(depth, STRENGTHS[name], np.random.default_rng(seed)))


@given(seed=st.integers(0, 2**32))
def test_without_errors_nothing_changes(seed: int) -> None:
    depth = np.random.default_rng(seed).random((33, 20), np.float32)
    np.testing.assert_array_equal(corrupt_depth(depth, DepthErrors(), np.random.default_rng(seed)), depth)
    assert STRENGTHS["none"] == DepthErrors()


@given(seed=st.integers(0, 2**32), level=st.floats(0, 1, width=32))
def test_a_flat_map_stays_flat_without_noise(seed: int, level: float) -> None:
    errors = DepthErrors(shift_px=3, grow_px=5, blur_px=3, reduced=1, merged=1, thin=1, holes=1)
    found = corrupt_depth(np.full((32, 48), level, np.float32), errors, np.random.default_rng(seed))
    np.testing.assert_allclose(found, level, atol=1e-6)


@given(seed=st.integers(0, 2**32), largest=st.floats(0.5, 3))
def test_edges_move_at_most_as_far_as_they_may(seed: int, largest: float) -> None:
    depth = square()
    found = corrupt_depth(depth, DepthErrors(shift_px=largest), np.random.default_rng(seed)) > 0.5
    y, x = np.mgrid[:64, :64]
    # Distance in the direction of the larger coordinate, from the outline of the square.
    outside = np.maximum(np.maximum(20 - x, x - 43), np.maximum(20 - y, y - 43))
    assert not found[outside > largest + 1].any()
    assert found[outside < -largest - 1].all()


def test_near_surfaces_mostly_grow() -> None:
    depth = square()
    areas = np.array(
        [
            near(corrupt_depth(depth, DepthErrors(grow_px=5), np.random.default_rng(seed)))
            for seed in range(60)
        ]
    )
    assert 0.6 < (areas > near(depth)).mean() < 0.9
    assert areas.min() >= (24 - 10) ** 2
    assert areas.max() <= (24 + 10) ** 2


@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_blur_softens_edges_by_its_width(sigma: float) -> None:
    step = np.zeros((16, 64), np.float32)
    step[:, 32:] = 1
    found = corrupt_depth(step, DepthErrors(blur_px=sigma), np.random.default_rng(3))[8]
    slope = np.diff(found)
    width = np.sqrt((slope * (np.arange(63) - 31) ** 2).sum() / slope.sum())
    assert sigma / 2 - 0.1 <= width <= sigma + 0.1


def test_a_quarter_of_the_resolution_keeps_means_of_blocks() -> None:
    depth = np.random.default_rng(0).random((64, 64), np.float32)
    found = corrupt_depth(depth, DepthErrors(reduced=1), np.random.default_rng(1))
    assert found.mean() == pytest.approx(depth.mean(), abs=0.01)
    assert found.std() < 0.4 * depth.std()


def test_rounding_is_to_8_bits() -> None:
    depth = np.random.default_rng(0).random((32, 32), np.float32)
    found = corrupt_depth(depth, DepthErrors(rounded=1), np.random.default_rng(1)) * 255
    np.testing.assert_allclose(found, np.rint(found), atol=1e-4)
    assert np.abs(found / 255 - depth).max() <= 0.5 / 255 + 1e-6


@given(seed=st.integers(0, 2**32), noise=st.floats(0.01, 0.1))
def test_noise_is_relative_smooth_and_limited(seed: int, noise: float) -> None:
    found = corrupt_depth(
        np.full((64, 64), 0.5, np.float32), DepthErrors(noise=noise), np.random.default_rng(seed)
    )
    assert np.abs(found / 0.5 - 1).max() <= noise + 1e-5
    assert np.abs(np.diff(found, axis=0)).max() < noise / 8


def test_thin_things_vanish_and_thick_ones_stay() -> None:
    depth = square()
    depth[5] = 0.9
    found = corrupt_depth(depth, DepthErrors(thin=1), np.random.default_rng(0))
    assert (found[5] == np.float32(0.2)).all()
    assert found[32, 32] == np.float32(0.8)


def test_holes_are_closed() -> None:
    depth = square()
    depth[31:34, 31:34] = 0.2
    found = corrupt_depth(depth, DepthErrors(holes=1), np.random.default_rng(0))
    assert found[32, 32] == np.float32(0.8)


def test_merged_surfaces_have_one_depth() -> None:
    depth = np.full((32, 32), 0.4, np.float32)
    depth[:, 16:] = 0.45
    found = corrupt_depth(depth, DepthErrors(merged=1), np.random.default_rng(0))
    assert len(np.unique(found)) == 1
    assert 0.4 < found[0, 0] < 0.45


def test_scaling() -> None:
    half = HARD.scaled(0.5)
    assert (half.shift_px, half.grow_px, half.thin) == (1.5, 2.5, 0.1)
    assert HARD.scaled(4).rounded == 1
    assert HARD.scaled(0) == DepthErrors()


@pytest.mark.parametrize("values", [{"shift_px": -1}, {"thin": 1.5}, {"noise": float("nan")}])
def test_values_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(values))} of depth errors is out of range"):
        DepthErrors(**values)


@pytest.mark.parametrize(
    "depth", [np.zeros((0, 4)), np.zeros(4), np.full((4, 4), 1.5), np.full((4, 4), np.nan)]
)
def test_other_arrays_are_refused(depth: np.ndarray) -> None:
    with pytest.raises(UsageError, match="inverse depth must be"):
        corrupt_depth(depth.astype(np.float32), HARD, np.random.default_rng(0))


@given(seed=st.integers(0, 2**32), name=st.sampled_from(sorted(STRENGTHS)))
def test_the_aligned_map_has_the_slowly_varying_error_alone(seed: int, name: str) -> None:
    depth, errors = square(), STRENGTHS[name]
    wrong, aligned = corrupt_pair(depth, errors, np.random.default_rng(seed))
    np.testing.assert_array_equal(wrong, corrupt_depth(depth, errors, np.random.default_rng(seed)))
    ratio = aligned / depth
    assert np.abs(ratio - 1).max() <= errors.noise + 1e-6
    assert np.abs(np.diff(ratio, axis=0)).max() <= errors.noise / 5, "no edges"
    if not errors.noise:
        np.testing.assert_array_equal(aligned, depth)


def test_without_edge_errors_both_maps_agree() -> None:
    depth = np.random.default_rng(0).random((48, 64)).astype(np.float32)
    wrong, aligned = corrupt_pair(depth, DepthErrors(noise=0.1), np.random.default_rng(1))
    np.testing.assert_array_equal(wrong, aligned)
    assert not np.array_equal(wrong, depth)
