"""Small highlights of planes that are reduced: blurred at full size, each in a window of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.bokeh.spectral import PackedColour, blurred_spectrum, inverse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias

    from numpy.typing import NDArray

    from ebb.arrays import Mask
    from ebb.bokeh.squares import Square

    Transfer: TypeAlias = Callable[[int, int, bool], NDArray[np.float32]]
    """Spectrum of the kernel of a plane for windows of a size, at the plane's size or (True) at full size."""

MANY = 16
"""Number of highlights from which those of a cell are blurred together."""
STEP_PX = 16
"""Windows are multiples of this, so that the spectrum of a kernel serves many highlights."""


class Light(NamedTuple):
    """Light of a rectangle of a plane; its weight is 0."""

    top: int
    left: int
    colour: PackedColour


class Region(NamedTuple):
    """Connected pixels of a mask."""

    rows: slice
    columns: slice
    mask: Mask
    """Pixels within these rows and columns."""


def regions(mask: Mask) -> list[Region]:
    """Connected regions of a mask; if they are many, all of them as one."""
    import cv2

    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8))
    if count > MANY:
        return [Region(slice(0, mask.shape[0]), slice(0, mask.shape[1]), mask)]
    found = []
    for label, (left, top, width, height, _) in enumerate(stats[1:], 1):
        rows, columns = slice(int(top), int(top + height)), slice(int(left), int(left + width))
        found.append(Region(rows, columns, labels[rows, columns] == label))
    return found


def blurred(light: Light, rank: int, half: int, transfer: Transfer) -> Light:
    """Blur a light; it grows by half the kernel on each side."""
    import cv2

    height, width = light.colour.weight.shape
    needed = max(height, width) + 2 * half
    size = int(cv2.getOptimalDFTSize(-(-needed // STEP_PX) * STEP_PX))
    window = PackedColour.zeros(size, size)
    for target, source in zip(window, light.colour, strict=True):
        target[half : half + height, half : half + width] = source
    spectrum = blurred_spectrum(window, transfer(rank, size, True))
    rows, columns = slice(0, height + 2 * half), slice(0, width + 2 * half)
    return Light(
        light.top - half,
        light.left - half,
        PackedColour(*(inverse(part)[rows, columns] for part in spectrum)),
    )


def total(lights: Iterable[Light], square: Square) -> PackedColour | None:
    """Sum of blurred lights in a square, None if there is no light."""
    result = None
    for light in lights:
        y, x = light.top - square.top, light.left - square.left
        height, width = light.colour.weight.shape
        rows, columns = slice(max(-y, 0), square.size - y), slice(max(-x, 0), square.size - x)
        if min(rows.stop, columns.stop) <= 0 or rows.start >= height or columns.start >= width:
            continue
        result = result or PackedColour.zeros(square.size, square.size)
        for target, source in zip(result, light.colour, strict=True):
            target[max(y, 0) : y + height, max(x, 0) : x + width] += source[rows, columns]
    return result
