from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.plane_sizes import reduce
from ebb.bokeh.reduced_planes import CELL_PX, ReducedPlanes
from ebb.bokeh.sheets import Sheet, Sheets
from ebb.bokeh.squares import Square

SHAPE = (CELL_PX, 2 * CELL_PX)
FACTORS = (1, 2, 4)
REACHES = (0, 10, 20)


def planes(rgb: np.ndarray, position: np.ndarray, calm: np.ndarray | None = None) -> ReducedPlanes:
    exposed = Sheet(rgb, position.astype(np.float32), np.ones(SHAPE, np.float32))
    hidden = Sheet(np.full((*SHAPE, 3), 0.5, np.float32), np.full(SHAPE, 2, np.float32), np.zeros(SHAPE))
    hidden.opacity[:4, :4] = 1
    sheets = Sheets(exposed, None, hidden._replace(opacity=hidden.opacity.astype(np.float32)), rgb)
    reduced = ReducedPlanes(sheets if calm is None else sheets._replace(calm=calm), FACTORS, REACHES)
    for cell in reduced.cells():
        reduced.fill(cell)
    return reduced


def noise() -> np.ndarray:
    return np.random.default_rng(0).random((*SHAPE, 3), dtype=np.float32)


def test_planes_are_weighted_before_they_are_reduced() -> None:
    rgb, position = noise(), np.random.default_rng(1).uniform(0, 2, SHAPE).astype(np.float32)
    reduced = planes(rgb, position)
    for rank, factor in ((1, 2), (2, 4)):
        weight = np.maximum(1 - abs(position - rank), 0)[..., None]
        expected = reduce((rgb * weight)[..., :2], factor)
        found = reduced.plane("exposed", rank, Square(3, 5, 40))
        np.testing.assert_allclose(found.red_green, expected[3:43, 5:45][: found.weight.shape[0]], atol=1e-6)


def test_hidden_surfaces_are_blocked_ones() -> None:
    found = planes(noise(), np.zeros(SHAPE)).plane("blocked", 2, Square(0, 0, 2))
    np.testing.assert_array_equal(found.weight, [[1, 0], [0, 0]])
    assert found.red_green[0, 0, 0] == 0.5


def test_planes_near_a_tile_are_those_within_reach() -> None:
    position = np.zeros(SHAPE)
    position[:, CELL_PX:] = 2
    reduced = planes(noise(), position)
    reach = REACHES[2] + 2 * FACTORS[2]  # with the pixels from which is interpolated
    assert reduced.ranks("exposed", Square(0, CELL_PX - reach - 20, 20)) == set()
    assert reduced.ranks("exposed", Square(0, CELL_PX - reach - 20, 21)) == {2}
    assert reduced.ranks("exposed", Square(0, CELL_PX, CELL_PX)) == {2}


@pytest.mark.parametrize("column", [20, CELL_PX - 1, CELL_PX + 3])
def test_highlights_are_kept_at_full_size(column: int) -> None:
    calm, bright = noise(), noise()
    bright[50, column] += 40
    reduced = planes(bright, np.full(SHAPE, 1.75), calm)
    for rank, share in ((1, 0.25), (2, 0.75)):
        (light,) = reduced.lights("exposed", rank, Square(50, column - 5, 1))
        assert (light.top, light.left) == (50, column)
        np.testing.assert_allclose(light.colour.red_green[0, 0], [40 * share] * 2, rtol=1e-5)
        assert light.colour.weight.shape == (1, 1)
        assert (light.colour.weight == 0).all()
    assert reduced.lights("blocked", 1, Square(50, column, 1)) == []
    assert reduced.lights("exposed", 1, Square(50, (column + CELL_PX) % (2 * CELL_PX) - 10, 1)) == []


def test_without_large_planes_there_is_nothing_to_fill() -> None:
    sheet = Sheet(noise(), np.zeros(SHAPE, np.float32), np.ones(SHAPE, np.float32))
    assert ReducedPlanes(Sheets(sheet, None, None, sheet.rgb), (1, 1), (0, 3)).cells() == []
