"""What panels are made of."""

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.report.canvas import (
    BACKGROUND,
    BAD,
    MARK,
    TEXT,
    Canvas,
    anaglyph,
    as_bright_as,
    framed,
    grey_to_rgb,
    linked,
    moved_onto,
)

GREY = np.random.default_rng(1).integers(0, 255, (40, 60), dtype=np.uint8)


def test_equal_photos_give_a_grey_anaglyph_and_others_colour() -> None:
    assert np.ptp(anaglyph(GREY, GREY), axis=2).max() == 0
    assert (anaglyph(GREY, np.zeros_like(GREY))[..., 1:] == 0).all()
    np.testing.assert_array_equal(grey_to_rgb(GREY), anaglyph(GREY, GREY))


@pytest.mark.parametrize(
    ("box", "inside"), [(Size(60, 80), (20, 60, 0, 60)), (Size(120, 40), (0, 40, 30, 90))]
)
def test_a_panel_fills_its_box_and_keeps_its_shape(box: Size, inside: tuple[int, int, int, int]) -> None:
    canvas = Canvas(140, 100)
    canvas.panel(10, 5, box, np.full((40, 60, 3), 200, np.uint8))
    pixels = canvas.pixels()[5 : 5 + box.height, 10 : 10 + box.width]
    top, bottom, left, right = inside
    assert (pixels[top:bottom, left:right] == 200).all()
    assert (pixels == 200).all(axis=2).sum() == (bottom - top) * (right - left)
    assert (canvas.pixels()[0, 0] == BACKGROUND).all()


def test_text_returns_its_end() -> None:
    canvas = Canvas(300, 40)
    end = canvas.text(10, 8, "rejected", BAD, size=17)
    columns = np.flatnonzero((canvas.pixels() != BACKGROUND).any(axis=(0, 2)))
    assert columns[0] >= 9
    assert end - 4 <= columns[-1] <= end
    assert canvas.text(0, 0, "") == 0
    assert TEXT != BAD


def test_moved_onto_moves_by_whole_pixels_exactly() -> None:
    shift = np.array([[1.0, 0, 5], [0, 1, -3], [0, 0, 1]])
    moved = moved_onto(GREY, shift, (50, 70))
    np.testing.assert_array_equal(moved[:37, 5:65], GREY[3:])
    assert (moved[:, :5] == 0).all()


def test_brightness_is_matched() -> None:
    dark = (GREY // 4).astype(np.uint8)
    assert as_bright_as(dark, GREY).mean() == pytest.approx(GREY.mean(), rel=0.02)
    black = np.zeros_like(GREY)
    assert (as_bright_as(black, GREY) == 0).all()


def test_marks_are_drawn_on_a_copy() -> None:
    picture = grey_to_rgb(np.zeros((50, 80), np.uint8))
    corners = np.array([[10.0, 10], [70, 10], [70, 40], [10, 40]])
    out = framed(picture, corners)
    assert (out[25, 10] == MARK).all()
    assert (out[10, 40] == MARK).all()
    lines = [(np.array([5.0, 5.0]), np.array([75.0, 5.0]))]
    joined = linked(picture, lines, BAD)
    assert np.abs(joined[5, 40].astype(int) - BAD).max() < 40  # antialiased
    reached = joined[:3].max(axis=(0, 2)) > 0  # by the rings around both ends, not by the line
    assert reached[:11].all()
    assert not reached[20:60].any()
    assert (picture == 0).all()
