"""Planes that are blurred at reduced size, and the small highlights in them that are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from ebb.bokeh.lights import Light, blurred, regions
from ebb.bokeh.plane_sizes import PAD, reduce
from ebb.bokeh.sheets import SheetPart, ranks_of
from ebb.bokeh.spectral import PackedColour, pair_of, scaled
from ebb.bokeh.squares import Square

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.bokeh.lights import Region, Transfer
    from ebb.bokeh.sheets import Sheet, Sheets

SheetKind: TypeAlias = Literal["exposed", "blocked"]
"""Surfaces that are not occluded; those that may be."""

CELL_PX = 128
"""Side of the squares in which surfaces are distributed, in pixels; a multiple of the largest factor."""


class ReducedPlanes:
    """The planes of some sheets that are reduced.

    Args:
        sheets: The surfaces; height and width are multiples of the largest factor.
        factors: Reduction of each plane; those with 1 are left out.
        reaches: Half of each plane's kernel, in pixels of full size.
        transfer: Spectra of the kernels that are the same for all tiles; None: highlights are not blurred.
    """

    def __init__(
        self,
        sheets: Sheets,
        factors: Sequence[int],
        reaches: Sequence[int],
        transfer: Transfer | None = None,
    ) -> None:
        self._sheets, self._factors, self._reaches, self._transfer = sheets, factors, reaches, transfer
        self._ranks = {rank for rank, factor in enumerate(factors) if factor > 1}
        self._shape = sheets.exposed.position.shape
        self._planes: dict[tuple[SheetKind, int], PackedColour] = {}
        self._occupied: dict[tuple[SheetKind, int], NDArray[np.bool_]] = {}
        self._lights: dict[tuple[SheetKind, int, int, int], list[Light]] = {}

    def cells(self) -> list[Square]:
        """Squares to be filled."""
        height, width = self._shape if self._ranks else (0, 0)
        return [
            Square(top, left, CELL_PX)
            for top in range(0, height, CELL_PX)
            for left in range(0, width, CELL_PX)
        ]

    def fill(self, cell: Square) -> None:
        """Distribute the surfaces of one cell; several cells may be filled at the same time."""
        sheets = self._sheets
        self._fill_visible("exposed", sheets.exposed, cell)
        if sheets.covered is not None:
            self._fill_visible("blocked", sheets.covered, cell)
        if sheets.hidden is not None and self._is_large(sheets.hidden, cell):
            self._add("blocked", sheets.hidden.part(cell), cell)

    def _is_large(self, sheet: Sheet, cell: Square) -> bool:
        return bool(sheet.opacity[cell.where].any()) and not self._ranks.isdisjoint(
            ranks_of(sheet.position[cell.where])
        )

    def _fill_visible(self, kind: SheetKind, sheet: Sheet, cell: Square) -> None:
        if not self._is_large(sheet, cell):
            return
        position, opacity = sheet.position[cell.where], sheet.opacity[cell.where]
        bright, calm = sheet.rgb[cell.where], self._sheets.calm[cell.where]
        self._add(kind, SheetPart(pair_of(calm), position, opacity), cell)
        if bright.max() > 1 and (bright > calm).any():
            lit = np.asarray(np.any(bright > calm, axis=2), np.bool_)
            excess = pair_of(bright - calm)
            excess.weight[:] = 0
            self._add_lights(kind, SheetPart(excess, position, opacity), cell, regions(lit))

    def _add(self, kind: SheetKind, part: SheetPart, cell: Square) -> None:
        for rank in part.ranks() & self._ranks:
            plane = part.plane(rank)
            if plane is None:
                continue
            factor = self._factors[rank]
            corner = Square(cell.top // factor, cell.left // factor, CELL_PX // factor)
            for canvas, values in zip(self._canvas(kind, rank), plane, strict=True):
                canvas[corner.where] += reduce(values, factor)
            self._occupied[kind, rank][cell.cells(CELL_PX)] = True

    def _canvas(self, kind: SheetKind, rank: int) -> PackedColour:
        if (kind, rank) not in self._planes:
            height, width = (length // self._factors[rank] for length in self._shape)
            cells = [-(-length // CELL_PX) for length in self._shape]
            self._occupied.setdefault((kind, rank), np.zeros(cells, np.bool_))
            self._planes.setdefault((kind, rank), PackedColour.zeros(height, width))
        return self._planes[kind, rank]

    def _add_lights(self, kind: SheetKind, part: SheetPart, cell: Square, places: list[Region]) -> None:
        for rank in part.ranks() & self._ranks:
            plane = part.plane(rank)
            if plane is None:
                continue
            lights = []
            for rows, columns, mask in places:
                colour = scaled(
                    PackedColour(*(values[rows, columns] for values in plane)), mask.astype(np.float32)
                )
                light = Light(cell.top + rows.start, cell.left + columns.start, colour)
                if not (colour.red_green.any() or colour.blue_weight.any()):
                    continue
                if self._transfer is not None:
                    light = blurred(light, rank, self._reaches[rank], self._transfer)
                lights.append(light)
            self._lights[kind, rank, cell.top // CELL_PX, cell.left // CELL_PX] = lights

    def ranks(self, kind: SheetKind, tile: Square) -> set[int]:
        """Planes from which light may reach a tile, given in pixels of full size."""
        found = set()
        for (of_kind, rank), cells in self._occupied.items():
            reach = self._reaches[rank] + PAD * self._factors[rank]
            if of_kind == kind and cells[tile.wider(reach).cells(CELL_PX)].any():
                found.add(rank)
        return found

    def plane(self, kind: SheetKind, rank: int, window: Square) -> PackedColour:
        """A window of a plane, given in its pixels."""
        return PackedColour(*(canvas[window.where] for canvas in self._planes[kind, rank]))

    def lights(self, kind: SheetKind, rank: int, tile: Square) -> list[Light]:
        """Small highlights of a plane from which light may reach a tile, in pixels of full size."""
        rows, columns = tile.wider(self._reaches[rank]).cells(CELL_PX)
        return [
            light
            for row in range(rows.start, rows.stop)
            for column in range(columns.start, columns.stop)
            for light in self._lights.get((kind, rank, row, column), ())
        ]
