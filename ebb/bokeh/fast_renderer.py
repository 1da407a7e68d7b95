"""Fast layered renderer.

Surfaces, planes and the order of compositing are those of the exact renderer. It differs in the blur:

* blurred planes are added as spectra (:mod:`ebb.bokeh.compositor`);
* planes with a large blur are blurred at reduced size, except for small highlights, whose discs keep their
  sharp edges (:mod:`ebb.bokeh.plane_sizes`, :mod:`ebb.bokeh.reduced_planes`);
* large photos are rendered in bands, which bounds the memory (:mod:`ebb.bokeh.bands`).

Where no plane is reduced, both renderers agree to 1e-5. ``benchmarks/renderer.py`` measures times and
differences.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.bands import Border, rows_per_band, sheets_of_band
from ebb.bokeh.compositor import Compositor, Planes, TileGrid
from ebb.bokeh.layers import plane_cocs
from ebb.bokeh.plane_sizes import half_of, reduced_coc, reduced_kernel, reduction
from ebb.bokeh.reduced_planes import ReducedPlanes
from ebb.bokeh.spectral import transfer_of
from ebb.bokeh.squares import Square
from ebb.bokeh.tiles import TILE_PX, add_tile, clip_centre, tile_rects

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from ebb.arrays import Rect, RgbLinear
    from ebb.bokeh.lights import Transfer
    from ebb.bokeh.sheets import Sheets

    Floats = NDArray[np.float32]

LIGHT = 4
"""Width, in pixels of reduced planes, below which highlights are blurred at full size."""


class _Optics(NamedTuple):
    """Planes, kernels and windows of a photo."""

    planes: NDArray[np.float64]
    aperture: Aperture
    cats_eye: float
    factors: list[int]
    halves: list[int]
    grids: dict[int, TileGrid]

    @classmethod
    def of(cls, coc: Floats, aperture: Aperture, cats_eye: float) -> _Optics:
        """Choose the planes for circles of confusion."""
        planes = plane_cocs(float(coc.min()), float(coc.max()))
        factors = [reduction(float(plane)) for plane in planes]
        reduced = [half_of(reduced_coc(float(plane), aperture)) for plane in planes]
        grids = {
            factor: TileGrid.of(
                factor, TILE_PX, max(half for half, f in zip(reduced, factors, strict=True) if f == factor)
            )
            for factor in sorted(set(factors))
        }
        return cls(planes, aperture, cats_eye, factors, [half_of(float(plane)) for plane in planes], grids)

    def frame(self, last_column: int, width: int) -> Border:
        """Border of a band that ends with a row of tiles, and whose last tile starts at a column."""
        step = max(self.factors)
        before = max(self.halves) + LIGHT * step
        after = before
        for grid in self.grids.values():
            before = max(before, grid.factor * grid.margin)
            after = max(after, grid.factor * (grid.size - grid.margin) - TILE_PX)
        before, after = -(-before // step) * step, -(-after // step) * step
        left = before + (TILE_PX if self.cats_eye else 0)
        return Border(before, after, left, last_column + TILE_PX - width + after)

    def transfers(self, clip: tuple[float, float]) -> Transfer:
        """Spectra of the kernels, which are computed once."""
        known: dict[tuple[int, int, bool], Floats] = {}

        def transfer(rank: int, size: int, full_size: bool) -> Floats:
            key = (rank, size, full_size)
            if key not in known:
                kernel_of = blur_kernel if full_size else reduced_kernel
                known[key] = transfer_of(kernel_of(float(self.planes[rank]), self.aperture, clip), size)
            return known[key]

        return transfer


def render_fast(
    photo: RgbLinear, coc: Floats, aperture: Aperture, cats_eye: float, workers: int
) -> RgbLinear:
    """Blur each pixel by its circle of confusion; see :func:`ebb.bokeh.renderer.render_shallow`.

    Args:
        photo: (H, W, 3), linear light.
        coc: (H, W), signed blur diameter in pixels, not 0 everywhere.
        aperture: Shape of the aperture.
        cats_eye: Strength of mechanical vignetting at the corners, from 0 to 1.
        workers: Number of threads; 0: one per core.

    Returns:
        (H, W, 3), linear light. It does not depend on the number of threads.
    """
    optics = _Optics.of(coc, aperture, cats_eye)
    rects = tile_rects(coc.shape, cats_eye, whole=False)
    bands = _bands(rects, coc.shape[1])
    frame = optics.frame(max(rect.x for rect in rects), coc.shape[1])
    shared = optics.transfers((0.0, 0.0))
    result = np.zeros((*coc.shape, 3), np.float32)

    def prepare(band: Sequence[Rect]) -> Sheets:
        rows = (band[0].y, band[-1].y + TILE_PX)
        return sheets_of_band(photo, coc, optics.planes, rows, frame, LIGHT * max(optics.factors) - 1)

    with ThreadPoolExecutor(workers or len(os.sched_getaffinity(0))) as pool:
        coming: Future[Sheets] = pool.submit(prepare, bands[0])
        for number, band in enumerate(bands):
            sheets = coming.result()
            if number + 1 < len(bands):
                coming = pool.submit(prepare, bands[number + 1])
            _render_band(result, optics, sheets, frame, band, shared, pool)
    return result


def _bands(rects: Sequence[Rect], width: int) -> list[list[Rect]]:
    """Tiles of each band: whole rows of tiles."""
    starts = sorted({rect.y for rect in rects})
    count = rows_per_band(width, starts[1] - starts[0] if len(starts) > 1 else TILE_PX)
    groups = [set(starts[first : first + count]) for first in range(0, len(starts), count)]
    return [[rect for rect in rects if rect.y in group] for group in groups]


def _render_band(
    result: RgbLinear,
    optics: _Optics,
    sheets: Sheets,
    frame: Border,
    band: Sequence[Rect],
    shared: Transfer,
    pool: Executor,
) -> None:
    """Render the tiles of a band in parallel and add them to the result in order."""
    common = None if optics.cats_eye else shared
    reduced = ReducedPlanes(sheets, optics.factors, optics.halves, common)
    list(pool.map(reduced.fill, reduced.cells()))
    planes = Planes(sheets, reduced, optics.factors, optics.halves, optics.grids, common is not None)
    height, width = result.shape[:2]

    def render(rect: Rect) -> RgbLinear:
        transfer = shared
        if optics.cats_eye:
            transfer = optics.transfers(clip_centre(optics.cats_eye, rect, (height, width)))
        tile = Square(rect.y - band[0].y + frame.top, rect.x + frame.left, TILE_PX)
        return Compositor(planes, tile, transfer).render()[: rect.height, : rect.width]

    for rect, tile in zip(band, pool.map(render, band), strict=True):
        add_tile(result, rect, tile, fade=bool(optics.cats_eye))
