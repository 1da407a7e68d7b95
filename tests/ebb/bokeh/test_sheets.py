from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.inpainting import Surfaces, find_surfaces
from ebb.bokeh.layers import cut, plane_cocs
from ebb.bokeh.sheets import Sheet, ranks_of, sheets_of
from ebb.bokeh.squares import Square

NO_FRAME = (0, 0, 0, 0)


def surfaces(photo: np.ndarray, coc: np.ndarray) -> Surfaces:
    return find_surfaces(photo, coc.astype(np.float32))


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((height, width, 3), dtype=np.float32)


def test_planes_of_a_part_sum_to_the_surface() -> None:
    rng = np.random.default_rng(1)
    position = rng.uniform(0, 5, (20, 20)).astype(np.float32)
    opacity = rng.random((20, 20), dtype=np.float32)
    sheet = Sheet(noise(20, 20), position, opacity)
    part = sheet.part(Square(2, 3, 10))
    planes = [plane for rank in part.ranks() if (plane := part.plane(rank)) is not None]
    weight = sum(plane.weight for plane in planes)
    np.testing.assert_allclose(weight, opacity[2:12, 3:13], atol=1e-6)
    red = sum(plane.red_green[..., 0] for plane in planes)
    np.testing.assert_allclose(red, (sheet.rgb[..., 0] * opacity)[2:12, 3:13], atol=1e-6)


def test_ranks_are_the_planes_on_both_sides() -> None:
    assert ranks_of(np.float32([[0.25, 0.5], [4, 4]])) == {0, 1, 4, 5}
    part = Sheet(noise(1, 1), np.float32([[4]]), np.float32([[1]])).part(Square(0, 0, 1))
    assert part.plane(4) is not None
    assert part.plane(5) is None


def test_sheets_are_those_of_the_exact_renderer() -> None:
    coc = np.full((24, 30), 9.0)
    coc[6:18, 8:20] = -3.5
    found, planes = surfaces(noise(24, 30), coc), plane_cocs(-3.5, 9)
    expected = cut(found, planes, 7)
    sheets = sheets_of(found, planes, (7, 7, 7, 7), 7)
    assert sheets.covered is not None
    assert sheets.hidden is not None
    np.testing.assert_array_equal(sheets.exposed.position, expected.position)
    np.testing.assert_array_equal(sheets.exposed.opacity, expected.exposed)
    np.testing.assert_array_equal(sheets.covered.opacity, expected.covered)
    np.testing.assert_array_equal(np.moveaxis(sheets.exposed.rgb, -1, 0), expected.rgb)
    behind = expected.hidden_position >= 0
    np.testing.assert_array_equal(sheets.hidden.opacity > 0, behind)
    np.testing.assert_array_equal(sheets.hidden.position[behind], expected.hidden_position[behind])


def test_smooth_depth_has_one_sheet() -> None:
    sheets = sheets_of(surfaces(noise(9, 9), np.full((9, 9), 3.0)), plane_cocs(0, 3), NO_FRAME, 7)
    assert sheets.covered is None
    assert sheets.hidden is None
    assert sheets.calm is sheets.exposed.rgb


@pytest.mark.parametrize(("light_px", "removed"), [(7, False), (15, True)])
def test_calm_colours_have_no_highlights_below_a_width(light_px: int, removed: bool) -> None:
    photo = np.full((40, 40, 3), 0.25, np.float32)
    photo[10:20, 10:20] = 30
    photo[30, 30] = 0.9  # not above white
    sheets = sheets_of(surfaces(photo, np.full((40, 40), 3.0)), plane_cocs(0, 3), NO_FRAME, light_px)
    assert (sheets.calm[15, 15] == (0.25 if removed else 30)).all()
    assert (sheets.calm[30, 30] == np.float32(0.9)).all()
    np.testing.assert_array_equal(sheets.exposed.rgb, photo)
