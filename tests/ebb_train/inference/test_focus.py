"""What is in focus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.errors import InvalidInput, UsageError
from ebb_train.inference.focus import find_focus, focus_at, focus_on

SIZE = Size(240, 160)


def steps() -> np.ndarray:
    """Four vertical strips of depth 0.2, 0.4, 0.6, 0.8, 160 x 240."""
    return np.repeat([0.2, 0.4, 0.6, 0.8], 60)[None].repeat(160, axis=0).astype(np.float32)


@pytest.mark.parametrize("strip", range(4))
def test_a_point_in_pixels_in_shares_and_of_a_larger_photo(strip: int) -> None:
    x = 60 * strip + 30
    expected = pytest.approx(0.2 * (strip + 1), abs=1e-6)
    for point, photo in (((x, 80), SIZE), ((x / 240, 0.5), SIZE), ((4 * x, 320), Size(960, 640))):
        found = focus_at(steps(), point, photo)
        assert found.depth == expected
        assert found.point == (x * photo.width // 240, photo.height // 2)


@given(st.integers(0, 239), st.integers(0, 159))
def test_every_pixel_gives_its_depth(x: int, y: int) -> None:
    assert focus_at(steps(), (x, y), SIZE).depth == pytest.approx(0.2 * (x // 60 + 1), abs=1e-6)


def test_a_speck_does_not_count() -> None:
    depth = steps()
    depth[80, 30] = 1
    assert focus_at(depth, (30, 80), SIZE).depth == pytest.approx(0.2)


@pytest.mark.parametrize("point", [(240, 10), (10, 160), (1000, 1000)])
def test_a_point_outside(point: tuple[float, float]) -> None:
    with pytest.raises(UsageError, match=r"^a\.jpg: .* is outside the photo of 240 x 160 pixels"):
        focus_at(steps(), point, SIZE, Path("a.jpg"))


def test_a_mask() -> None:
    mask = np.zeros((80, 120), np.float32)
    mask[30:50, 62:88] = 1  # the third strip, in a map of half the size
    found = focus_on(steps(), mask, SIZE)
    assert found.depth == pytest.approx(0.6)
    x, y = found.point or (0, 0)
    assert (124 <= x < 176, 60 <= y < 100) == (True, True)
    with pytest.raises(InvalidInput, match=r"^mask\.png: .* has no white"):
        focus_on(steps(), np.zeros((80, 120), np.float32), SIZE, Path("mask.png"))


def test_the_near_thing_in_the_middle() -> None:
    depth = np.full((160, 240), 0.1, np.float32)
    depth[120:] = 1  # the ground before the subject
    depth[40:120, 90:150] = 0.7
    found = find_focus(depth, Size(960, 640))
    assert found.depth == pytest.approx(0.7, abs=0.03)
    x, y = found.point or (0, 0)
    assert (abs(x - 480) < 8, abs(y - 320) < 8) == (True, True), "the pixel nearest to the centre"
    assert found.how == "found automatically"


def test_a_point_is_named_also_where_no_pixel_has_just_that_depth() -> None:
    depth = np.tile(np.linspace(0, 1, 240, dtype=np.float32) ** 4, (160, 1))
    found = find_focus(depth, SIZE)
    x, y = found.point or (-1, -1)
    assert abs(float(depth[y, x]) - found.depth) <= 0.03
