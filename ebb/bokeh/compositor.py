"""Compositing of one tile: the sums of :mod:`ebb.bokeh.layers`, most of them as spectra.

Planes, weights and the order of compositing are those of the exact renderer. Blurred planes are added in the
frequency domain and transformed back together, so that a plane without occlusion costs two forward
transforms. Only planes at occlusions are transformed back one by one.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.layers import LAG
from ebb.bokeh.lights import blurred, total
from ebb.bokeh.plane_sizes import PAD, enlarge
from ebb.bokeh.spectral import PackedColour, add, blurred_spectrum, colour_of, inverse, scaled
from ebb.bokeh.squares import Square

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.bokeh.lights import Transfer
    from ebb.bokeh.reduced_planes import ReducedPlanes, SheetKind
    from ebb.bokeh.sheets import SheetPart, Sheets

    Floats = NDArray[np.float32]


class TileGrid(NamedTuple):
    """Windows of the planes that are reduced by the same factor."""

    factor: int
    side: int
    """Side of the tile, in pixels of the grid."""
    margin: int
    """Half the largest kernel, and what the enlargement requires."""
    size: int
    """Side of the window: a size of fast Fourier transforms."""

    @classmethod
    def of(cls, factor: int, side_px: int, half: int) -> TileGrid:
        """TileGrid for tiles of a side in pixels, a multiple of the factor, and kernels of up to a half."""
        import cv2

        margin = half + (PAD if factor > 1 else 0)
        side = side_px // factor
        return cls(factor, side, margin, int(cv2.getOptimalDFTSize(side + 2 * margin)))

    def window(self, tile: Square) -> Square:
        """Window of a tile, which is given in pixels of full size."""
        top, left = (start // self.factor - self.margin for start in (tile.top, tile.left))
        return Square(top, left, self.size)

    def tile(self, window: Floats) -> Floats:
        """The tile within its window, (size, size, …) → (side · factor, side · factor, …)."""
        if self.factor == 1:
            return window[Square(self.margin, self.margin, self.side).where]
        padded = window[Square(self.margin, self.margin, self.side).wider(PAD).where]
        start = PAD * self.factor
        return enlarge(padded, self.factor)[Square(start, start, self.side * self.factor).where]


class Planes(NamedTuple):
    """What all tiles of a photo share."""

    sheets: Sheets
    reduced: ReducedPlanes
    factors: Sequence[int]
    """Reduction of each plane."""
    halves: Sequence[int]
    """Half of each plane's kernel, in pixels of full size."""
    grids: dict[int, TileGrid]
    """TileGrid of each factor; planes near the focus always have the factor 1."""
    lights_blurred: bool
    """Whether the small highlights of the reduced planes are blurred already."""


class Compositor:
    """Sums the planes of one tile, nearest first.

    Args:
        planes: The scene.
        tile: The tile within the sheets.
        transfer: Spectra of the kernels.
    """

    def __init__(self, planes: Planes, tile: Square, transfer: Transfer) -> None:
        self._planes, self._tile, self._transfer = planes, tile, transfer
        self._light: PackedColour | None = None
        self._spectra: dict[int, PackedColour] = {}
        window = planes.grids[1].window(tile)
        sheets = planes.sheets
        blocked = [sheet for sheet in (sheets.covered, sheets.hidden) if sheet is not None]
        self._parts: dict[SheetKind, list[SheetPart]] = {
            "exposed": [sheets.exposed.part(window)],
            "blocked": [sheet.part(window) for sheet in blocked if sheet.opacity[window.where].any()],
        }

    def render(self) -> Floats:
        """Colour of the tile, (side, side, 3)."""
        exposed, blocked = self._ranks("exposed"), self._ranks("blocked")
        last = max(blocked, default=-1)
        stopped = np.zeros((self._tile.size, self._tile.size), np.float32)
        recent: deque[tuple[int, Floats]] = deque()
        for rank in sorted(exposed | blocked):
            while recent and recent[0][0] <= rank - LAG:
                stopped += recent.popleft()[1]
            share = None
            if rank in exposed:
                share = self._add_exposed(rank, wanted=rank in blocked or rank <= last - LAG)
            if rank in blocked:
                share = self._add_blocked(rank, share, stopped)
            if share is not None:
                recent.append((rank, share))
        for factor, spectrum in self._spectra.items():
            self._light = add(self._light, self._picture(spectrum, factor))
        return colour_of(self._light or PackedColour.zeros(self._tile.size, self._tile.size))

    def _ranks(self, kind: SheetKind) -> set[int]:
        factors = self._planes.factors
        near = {rank for part in self._parts[kind] for rank in part.ranks() if rank < len(factors)}
        return {rank for rank in near if factors[rank] == 1} | self._planes.reduced.ranks(kind, self._tile)

    def _add_exposed(self, rank: int, *, wanted: bool) -> Floats | None:
        """Add a plane without occlusion; returns its share of the rays if ``wanted``."""
        plane = self._plane("exposed", rank)
        if plane is None:
            return None
        factor = self._planes.factors[rank]
        grid = self._planes.grids[factor]
        if not self._planes.halves[rank]:
            sharp = PackedColour(*(grid.tile(part) for part in plane))
            share = sharp.weight.copy() if wanted else None
            self._light = add(self._light, sharp)
            return share
        spectrum = blurred_spectrum(plane, self._transfer(rank, grid.size, False))
        share = grid.tile(inverse(spectrum.blue_weight)[..., 1]) if wanted else None
        self._spectra[factor] = add(self._spectra.get(factor), spectrum)
        lights = self._lights("exposed", rank)
        if lights is not None:
            self._light = add(self._light, lights)
        return share

    def _add_blocked(self, rank: int, exposed: Floats | None, stopped: Floats) -> Floats | None:
        """Add the occluded surfaces of a plane; returns the share of the rays of the whole plane."""
        plane = self._plane("blocked", rank)
        if plane is None:
            return exposed
        factor = self._planes.factors[rank]
        grid = self._planes.grids[factor]
        if self._planes.halves[rank]:
            spectrum = blurred_spectrum(plane, self._transfer(rank, grid.size, False))
            lost = self._picture(spectrum, factor)
        else:
            lost = PackedColour(*(grid.tile(part) for part in plane))
        lights = self._lights("blocked", rank)
        lost = lost if lights is None else add(lights, lost)
        room = np.maximum(1 - (0 * stopped if exposed is None else exposed), np.float32(1e-3))
        passing = scaled(lost, np.maximum((room - stopped) / room, np.float32(0)))
        share = passing.weight.copy() if exposed is None else exposed + passing.weight
        self._light = add(self._light, passing)
        return share

    def _plane(self, kind: SheetKind, rank: int) -> PackedColour | None:
        """Weighted colour of a plane in the window of its grid, None if it is empty."""
        factor = self._planes.factors[rank]
        if factor > 1:
            return self._planes.reduced.plane(kind, rank, self._planes.grids[factor].window(self._tile))
        planes = None
        for part in self._parts[kind]:
            plane = part.plane(rank)
            planes = planes if plane is None else add(planes, plane)
        return planes

    def _lights(self, kind: SheetKind, rank: int) -> PackedColour | None:
        """Blurred highlights of a reduced plane, at full size."""
        if self._planes.factors[rank] == 1:
            return None
        lights = self._planes.reduced.lights(kind, rank, self._tile)
        if not self._planes.lights_blurred:
            half = self._planes.halves[rank]
            lights = [blurred(light, rank, half, self._transfer) for light in lights]
        return total(lights, self._tile)

    def _picture(self, spectrum: PackedColour, factor: int) -> PackedColour:
        """The tile, at full size, of a spectrum."""
        grid = self._planes.grids[factor]
        return PackedColour(*(grid.tile(inverse(part)) for part in spectrum))
