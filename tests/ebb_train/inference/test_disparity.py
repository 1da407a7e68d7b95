"""Inverse depth for the lens: its range, and its edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ebb.errors import UsageError
from ebb_train.inference.disparity import SHARP, fit_to_photo, normalise, steepness
from ebb_train.inference.lens import LensModel

MAPS = arrays(np.float32, (6, 8), elements=st.floats(-1000, 1000, width=32))


@given(MAPS)
def test_the_range_and_the_order(depth: np.ndarray) -> None:
    found = normalise(depth)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1
    order = np.argsort(depth.ravel(), kind="stable")
    assert (np.diff(found.ravel()[order]) >= 0).all()


@given(MAPS, st.floats(0.01, 100), st.floats(-100, 100))
def test_scale_and_offset_have_no_effect(depth: np.ndarray, scale: float, offset: float) -> None:
    depth = np.round(depth)  # differences far above the rounding of the sums
    np.testing.assert_allclose(normalise(depth.astype(float) * scale + offset), normalise(depth), atol=1e-6)


def test_one_wrong_pixel_changes_nothing_else() -> None:
    depth = np.random.default_rng(0).uniform(1, 3, (60, 80))
    wrong = depth.copy()
    wrong[7, 9] = 1e6
    found = normalise(wrong)
    assert found[7, 9] == 1
    assert np.abs(np.delete((found - normalise(depth)).ravel(), 7 * 80 + 9)).max() < 0.01
    stretched = (wrong - wrong.min()) / np.ptp(wrong)
    assert np.delete(stretched.ravel(), 7 * 80 + 9).max() < 1e-5, "what minimum and maximum would do"


def test_a_small_subject_is_no_outlier() -> None:
    depth = np.zeros((100, 100))
    depth[40:46, 40:46] = 1  # 0.4 %
    assert np.array_equal(normalise(depth), depth)
    depth[...] = 0
    depth[40, 40] = 1  # all that there is
    assert np.array_equal(normalise(depth), depth)


def test_a_constant_map() -> None:
    assert not normalise(np.full((4, 5), 117, np.uint8)).any()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite(value: float) -> None:
    with pytest.raises(UsageError, match="must be finite"):
        normalise([[0, 1], [value, 2]])


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3), (0, 4)])
def test_what_is_no_map(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="shape .height, width., not"):
        normalise(np.zeros(shape))


def disc() -> tuple[np.ndarray, np.ndarray]:
    """A near red disc before a far blue wall: the photo, and the depth of every pixel of it."""
    rows, columns = np.mgrid[:160, :240]
    near = np.hypot(columns - 120, rows - 80) < 50
    noise = np.random.default_rng(1).integers(-8, 9, (160, 240, 1))
    photo = np.where(near[..., None], [200, 60, 50], [40, 70, 190]) + noise
    return photo.astype(np.uint8), np.where(near, 0.9, 0.1).astype(np.float32)


@pytest.mark.parametrize(("factor", "sigma"), [(2, 0), (4, 0.7), (8, 0.7)])
def test_a_small_map_gets_the_edges_of_the_photo(factor: int, sigma: float) -> None:
    photo, depth = disc()
    small = cv2.resize(depth, (240 // factor, 160 // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma) if sigma else small
    plain = cv2.resize(small, (240, 160), interpolation=cv2.INTER_LINEAR)
    wrong = [float((np.abs(found - depth) > 0.1).mean()) for found in (fit_to_photo(photo, small), plain)]
    assert wrong[0] < 0.25 * wrong[1]


def test_a_map_of_a_network_gets_steep_edges() -> None:
    """At half the size of the photo, but blurred."""
    photo, depth = disc()
    half = cv2.GaussianBlur(cv2.resize(depth, (120, 80), interpolation=cv2.INTER_AREA), (0, 0), 1.5)
    assert steepness(half) < 0.6
    found = fit_to_photo(photo, half)
    assert steepness(found) > SHARP
    assert (np.abs(found - depth) > 0.1).mean() < 0.01


def test_no_depth_between_two_surfaces_arises() -> None:
    photo, depth = disc()
    for size in ((480, 320), (240, 160), (300, 100)):  # larger, equal, of another grid
        found = fit_to_photo(photo, cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST))
        assert found.shape == depth.shape
        assert set(np.unique(found.round(6)).tolist()) <= set(np.unique(depth).round(6).tolist())


def test_slopes_stay() -> None:
    photo, _ = disc()
    slope = np.tile(np.linspace(0, 1, 120, dtype=np.float32), (80, 1))
    found = fit_to_photo(photo, slope)
    expected = cv2.resize(slope, (240, 160), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("sigma", "low", "high"), [(0, 0.99, 1.01), (0.5, 0.75, 0.9), (1, 0.45, 0.55), (2, 0.3, 0.35)]
)
def test_steepness(sigma: float, low: float, high: float) -> None:
    step = np.tile((np.arange(60) > 30).astype(np.float32), (40, 1))
    assert low < steepness(cv2.GaussianBlur(step, (0, 0), sigma) if sigma else step) < high
    assert steepness(np.zeros((9, 9), np.float32)) == 1


@pytest.mark.parametrize("factor", [2, 4])
def test_no_rim_a_little_off_the_subject_is_left(factor: int) -> None:
    """It would count as a surface of its own just behind the subject, and show through it."""
    photo, depth = disc()
    photo[...] = 128  # no guide: the outline is smooth
    small = cv2.resize(depth, (240 // factor, 160 // factor), interpolation=cv2.INTER_AREA)
    found = fit_to_photo(photo, cv2.GaussianBlur(small, (0, 0), 0.8))
    near_subject = (found > 0.9 - 0.1 * 0.8) & (found < 0.9 - 0.015)
    assert near_subject.mean() < 1e-4
    assert (np.abs(found - depth) > 0.1).mean() < 0.03
    edge = np.abs(np.hypot(*(np.indices(depth.shape) - np.array([80, 120])[:, None, None])) - 50)
    assert edge[np.abs(found - depth) > 0.4].max() < 1.5 * factor, "the outline is that of the disc"


def test_a_picture_through_a_small_map_keeps_the_subject() -> None:
    photo, depth = disc()
    small = cv2.GaussianBlur(cv2.resize(depth, (60, 40), interpolation=cv2.INTER_AREA), (0, 0), 0.8)
    lens = LensModel(blur=0.15)
    found = lens.render(lens.shoot(photo, fit_to_photo(photo, normalise(small)), 1.0, 1.8))
    assert found is not None
    inside = np.hypot(*(np.indices(depth.shape) - np.array([80, 120])[:, None, None])) < 44
    assert np.abs(np.rint(255 * found).astype(int) - photo)[inside].max() <= 1
