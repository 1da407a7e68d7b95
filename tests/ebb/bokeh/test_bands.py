from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh import bands
from ebb.bokeh.bands import Border, rows_per_band, sheets_of_band
from ebb.bokeh.layers import plane_cocs
from ebb.bokeh.renderer import render_shallow


def scene(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    rows, columns = np.indices((height, width))
    coc = np.where((rows // 40 + columns // 50) % 3 == 0, -6, 0.05 * rows)
    photo = rng.random((height, width, 3), dtype=np.float32)
    photo[rng.random((height, width)) < 0.002] = 20
    return photo, coc.astype(np.float32)


@pytest.mark.parametrize("rows", [(0, 128), (128, 256), (256, 384)])
def test_sheets_of_a_band_are_those_of_the_photo(rows: tuple[int, int]) -> None:
    photo, coc = scene(300, 90)
    planes = plane_cocs(float(coc.min()), float(coc.max()))
    whole = sheets_of_band(photo, coc, planes, (0, 384), Border(32, 32, 32, 32), 7)
    part = sheets_of_band(photo, coc, planes, rows, Border(32, 32, 32, 32), 7)
    # The opening of highlights does not see beyond the first rows; the last ones are far from the photo.
    count = min(rows[1], 300) - rows[0] + 64 - 8
    inner, expected = slice(8, count), slice(rows[0] + 8, rows[0] + count)
    np.testing.assert_array_equal(part.calm[inner], whole.calm[expected])
    for name in ("exposed", "covered", "hidden"):
        found, all_rows = getattr(part, name), getattr(whole, name)
        for array, reference in zip(found, all_rows, strict=True):
            np.testing.assert_allclose(array[inner], reference[expected], atol=1e-5)


@pytest.mark.parametrize("cats_eye", [0.0, 0.5])
def test_bands_leave_no_trace(cats_eye: float, monkeypatch: pytest.MonkeyPatch) -> None:
    photo, coc = scene(300, 90)
    whole = render_shallow(photo, coc * 2, cats_eye=cats_eye)
    monkeypatch.setattr(bands, "BAND_PX", 1)
    np.testing.assert_allclose(render_shallow(photo, coc * 2, cats_eye=cats_eye), whole, atol=1e-5)


def test_bands_hold_whole_rows_of_tiles() -> None:
    assert rows_per_band(10_000_000, 128) == 1
    for width in (100, 1536, 6000):
        rows = rows_per_band(width, 128)
        assert rows * 128 * width <= bands.BAND_PX < (rows + 1) * 128 * width
