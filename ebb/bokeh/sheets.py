"""Surfaces of a photo as sheets that are distributed over the planes, tile by tile."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.matting import opened
from ebb.bokeh.spectral import PackedColour, pair_of, scaled

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ebb.bokeh.inpainting import Surfaces
    from ebb.bokeh.squares import Square

    Floats = NDArray[np.float32]


class Sheet(NamedTuple):
    """One surface per pixel."""

    rgb: Floats
    """(H, W, 3), linear light."""
    position: Floats
    """(H, W), position among the planes: 3.25 is three quarters plane 3, one quarter plane 4."""
    opacity: Floats
    """(H, W), 0 where there is no surface."""

    def part(self, square: Square) -> SheetPart:
        """Prepare a part for distribution."""
        rgb, position, opacity = (array[square.where] for array in self)
        return SheetPart(pair_of(rgb), position, opacity)


class SheetPart(NamedTuple):
    """A part of a sheet."""

    colour: PackedColour
    position: Floats
    opacity: Floats

    def ranks(self) -> set[int]:
        """Planes next to the pixels; some of them may have no weight."""
        return ranks_of(self.position)

    def plane(self, rank: int) -> PackedColour | None:
        """Weighted colour of a plane, None if it is empty.

        The weight is linear in the position, so that those of neighbouring planes sum to 1.
        """
        weight = np.subtract(self.position, np.float32(rank))
        np.abs(weight, out=weight)
        np.subtract(np.float32(1), weight, out=weight)
        np.maximum(weight, np.float32(0), out=weight)
        np.multiply(weight, self.opacity, out=weight)
        return scaled(self.colour, weight) if weight.max() > 0 else None


def ranks_of(position: Floats) -> set[int]:
    """Planes next to some positions."""
    first = np.flatnonzero(np.bincount(position.astype(np.intp).ravel()))
    return set(first.tolist()) | set((first + 1).tolist())


class Sheets(NamedTuple):
    """Surfaces of a photo, with a border on each side."""

    exposed: Sheet
    """Visible surfaces that are not occluded."""
    covered: Sheet | None
    """Visible surfaces that may be occluded; None if there are none."""
    hidden: Sheet | None
    """Surfaces behind visible ones; None if there are none."""
    calm: Floats
    """(H, W, 3), colour of the visible surfaces without small highlights."""


def sheets_of(
    surfaces: Surfaces, planes: NDArray[np.float64], frame: tuple[int, int, int, int], light_px: int
) -> Sheets:
    """Compute the positions of all surfaces among the planes and add a mirrored border.

    Args:
        surfaces: Surfaces of the photo.
        planes: Signed coc of each plane, nearest first.
        frame: Width of the border above, below, left and right, in pixels.
        light_px: Width in pixels below which highlights are small.
    """
    import cv2

    def framed(array: NDArray[Any]) -> Floats:
        return np.asarray(cv2.copyMakeBorder(array, *frame, cv2.BORDER_REFLECT), np.float32)

    ranks = np.arange(len(planes), dtype=np.float64)
    rgb = framed(surfaces.rgb)
    position = framed(np.interp(surfaces.coc, planes, ranks).astype(np.float32))
    opacity = framed(surfaces.opacity)
    covered = hidden = None
    if not surfaces.exposed.all():
        is_exposed = framed(surfaces.exposed.astype(np.float32))
        covered = Sheet(rgb, position, opacity * (1 - is_exposed))
        opacity = opacity * is_exposed
    if surfaces.hidden.any():
        behind = np.zeros(surfaces.coc.shape, np.float32)
        behind[surfaces.hidden] = np.interp(surfaces.hidden_coc[surfaces.hidden], planes, ranks)
        hidden = Sheet(
            framed(surfaces.hidden_rgb), framed(behind), framed(surfaces.hidden.astype(np.float32))
        )
    calm = _calm(surfaces.rgb, light_px)
    exposed = Sheet(rgb, position, opacity)
    return Sheets(exposed, covered, hidden, rgb if calm is surfaces.rgb else framed(calm))


def _calm(rgb: Floats, light_px: int) -> Floats:
    """Colour with small highlights, those above 1, replaced by their surroundings."""
    if float(rgb.max()) <= 1:
        return rgb
    around = opened(rgb, light_px)
    bright = np.any(rgb > np.maximum(around, 1), axis=2, keepdims=True)
    return np.where(bright, around, rgb)
