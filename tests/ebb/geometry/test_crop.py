"""The common crop compared with an exhaustive search, and its invariants for any motion."""

from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Rect, Size
from ebb.errors import Reason, Rejected
from ebb.geometry.crop import Covering, common_crop, crop_of_all, crop_to_photo, even, overlap, stored_size
from ebb.geometry.homography import apply

SMALL = Size(24, 17)
Shift: TypeAlias = tuple[float, float]


def motion(size: Size, degrees: float, scale: float, shift: Shift, tilt: Shift = (0.0, 0.0)) -> np.ndarray:
    angle = np.radians(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (np.array(size) - 1) / 2
    H = np.eye(3)
    H[:2, :2] = linear
    H[:2, 2] = centre - linear @ centre + shift
    H[2, :2] = tilt
    return H


def inside(H: np.ndarray, wide: Size, shallow: Size, margin: float = 0.0) -> np.ndarray:
    """(height, width), whether each wide pixel lies inside the shallow photo, by definition."""
    y, x = np.mgrid[: wide.height, : wide.width]
    mapped = apply(np.linalg.inv(H), np.column_stack([x.ravel(), y.ravel()]))
    low, high = margin - 1e-6, np.array(shallow) - 1 - margin + 1e-6
    return ((mapped >= low) & (mapped <= high)).all(axis=1).reshape(y.shape)


def largest_area(covered: np.ndarray) -> int:
    """Try every rectangle; counts come from a summed-area table."""
    height, width = covered.shape
    table = np.pad(covered.astype(int).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    best = 0
    for top in range(height):
        for bottom in range(top + 1, height + 1):
            strip = table[bottom] - table[top]
            filled = strip[None, :] - strip[:, None]
            columns = np.arange(width + 1)
            area = (columns[None, :] - columns[:, None]) * (bottom - top)
            best = max(best, int(area[(filled == area) & (area > 0)].max(initial=0)))
    return best


def test_equal_photos_keep_the_whole_frame() -> None:
    assert common_crop(np.eye(3), SMALL, SMALL) == Rect(0, 0, *SMALL)


def test_a_shift_cuts_two_edges() -> None:
    H = motion(SMALL, 0, 1, (3.0, -2.0))
    assert common_crop(H, SMALL, SMALL) == Rect(3, 0, SMALL.width - 3, SMALL.height - 2)


def test_a_fraction_of_a_pixel_removes_a_whole_one() -> None:
    assert common_crop(motion(SMALL, 0, 1, (0.25, 0.0)), SMALL, SMALL) == Rect(1, 0, SMALL.width - 1, 17)


def test_the_margin_is_in_shallow_pixels() -> None:
    H = motion(SMALL, 0, 0.5, (0.0, 0.0))
    without, with_margin = (common_crop(H, SMALL, SMALL, margin) for margin in (0.0, 4.0))
    assert (without.width - with_margin.width, without.height - with_margin.height) == (4, 4)


@given(st.lists(st.tuples(st.floats(-8, 8), st.floats(-6, 6), st.floats(-4, 4)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=40)
def test_of_several_photos_no_rectangle_is_larger(moves: list[tuple[float, float, float]]) -> None:
    photos = [Covering(motion(SMALL, degrees, 1.0, (x, y)), SMALL, 1.0) for x, y, degrees in moves]
    covered = np.all([inside(photo.H_shallow_to_wide, SMALL, SMALL, 1.0) for photo in photos], axis=0)
    if not covered.any():
        with pytest.raises(Rejected):
            crop_of_all(SMALL, photos)
        return
    crop = crop_of_all(SMALL, photos)
    assert covered[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width].all()
    assert crop.width * crop.height == largest_area(covered)


def test_sizes_may_differ() -> None:
    assert common_crop(np.eye(3), Size(30, 10), Size(20, 40)) == Rect(0, 0, 20, 10)


@settings(deadline=None, max_examples=40)
@given(
    degrees=st.floats(-60, 60),
    scale=st.floats(0.6, 1.4),
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    tilt=st.tuples(st.floats(-0.004, 0.004), st.floats(-0.004, 0.004)),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_no_rectangle_is_larger(degrees: float, scale: float, shift: Shift, tilt: Shift, sign: float) -> None:
    H = sign * motion(SMALL, degrees, scale, shift, tilt)
    rect = common_crop(H, SMALL, SMALL)
    covered = inside(H, SMALL, SMALL)
    assert covered[rect.y : rect.y + rect.height, rect.x : rect.x + rect.width].all()
    assert rect.width * rect.height == largest_area(covered)


@settings(deadline=None, max_examples=40)
@given(
    degrees=st.floats(-5, 5),
    scale=st.floats(0.9, 1.1),
    shift=st.tuples(st.floats(-200, 200), st.floats(-200, 200)),
    tilt=st.tuples(st.floats(-1e-5, 1e-5), st.floats(-1e-5, 1e-5)),
    margin=st.floats(0, 4),
)
def test_the_crop_lies_inside_both_photos(
    degrees: float, scale: float, shift: Shift, tilt: Shift, margin: float
) -> None:
    wide, shallow = Size(1920, 1280), Size(1728, 1152)
    H = motion(wide, degrees, scale, shift, tilt)
    x, y, width, height = common_crop(H, wide, shallow, margin)
    assert 0 <= x < x + width <= wide.width
    assert 0 <= y < y + height <= wide.height
    right, bottom = x + width - 1, y + height - 1
    back = apply(np.linalg.inv(H), np.array([[x, y], [right, y], [right, bottom], [x, bottom]], np.float64))
    assert back.min() >= margin - 1e-5
    assert (back <= np.array(shallow) - 1 - margin + 1e-5).all()


def test_it_is_larger_than_the_rectangle_of_the_four_corners() -> None:
    size = Size(600, 400)
    H = motion(size, 4.0, 1.0, (0.0, 0.0))
    frame = np.array([[0, 0], [599, 0], [599, 399], [0, 399]], np.float64)
    x, y = np.sort(apply(H, frame), axis=0).T
    shortcut = (min(x[2], 599) - max(x[1], 0) + 1) * (min(y[2], 399) - max(y[1], 0) + 1)
    rect = common_crop(H, size, size)
    assert rect.width * rect.height > shortcut


def test_the_same_motion_gives_the_same_crop() -> None:
    H = motion(SMALL, 45.0, 0.9, (0.0, 0.0))
    assert len({common_crop(H, SMALL, SMALL) for _ in range(3)}) == 1


@pytest.mark.parametrize("shift", [(100.0, 0.0), (0.0, 100.0), (-100.0, -100.0)])
def test_photos_without_a_common_pixel_are_rejected(shift: Shift) -> None:
    with pytest.raises(Rejected, match="covers no pixel of the wide photo") as caught:
        common_crop(motion(SMALL, 0, 1, shift), SMALL, SMALL)
    assert caught.value.reason is Reason.LOW_OVERLAP
    assert caught.value.measurements == {"overlap": 0.0}


def test_a_margin_larger_than_the_photo_is_rejected() -> None:
    with pytest.raises(Rejected):
        common_crop(np.eye(3), SMALL, SMALL, margin_px=50.0)


def test_the_stored_photo_spans_the_crop_edge_to_edge() -> None:
    crop, size = Rect(30, 20, 300, 200), Size(150, 80)
    edges = np.array([[-0.5, -0.5], [149.5, 79.5]])
    np.testing.assert_allclose(apply(crop_to_photo(crop, size), edges), [[29.5, 19.5], [329.5, 219.5]])


def test_a_crop_without_resizing_is_a_translation() -> None:
    np.testing.assert_array_equal(
        crop_to_photo(Rect(7, 5, 40, 30), Size(40, 30)), [[1, 0, 7], [0, 1, 5], [0, 0, 1]]
    )


def test_overlap_is_the_share_of_the_wide_photo() -> None:
    assert overlap(Rect(3, 4, 50, 40), Size(100, 80)) == 0.25


def test_a_crop_that_is_too_small_suggests_a_height() -> None:
    with pytest.raises(Rejected, match=r"900 x 601, lower than 1024; use --height 600 or less") as caught:
        stored_size(Rect(0, 0, 900, 601), 1024)
    assert caught.value.reason is Reason.TOO_SMALL
    assert stored_size(Rect(0, 0, 1801, 1200), 1024) == Size(1536, 1024)


def test_height_0_is_that_of_the_crop() -> None:
    crop = even(Rect(3, 5, 101, 67))
    assert crop == Rect(3, 5, 100, 66)
    assert even(crop) == crop
    assert stored_size(crop, 0) == Size(100, 66)
    H = np.eye(3)
    H[:2, 2] = 3, 5
    assert np.array_equal(crop_to_photo(crop, stored_size(crop, 0)), H)
