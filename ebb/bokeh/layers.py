"""Layers of equal blur and their compositing from front to back.

Each pixel is distributed between the two planes next to its circle of confusion (coc). The colour and weight
of a plane are blurred by the plane's kernel. Let b be the blurred weight of a plane, i.e. the fraction of
rays that meet it, and B the fraction of rays blocked by planes clearly in front of it:

* exposed pixels are not occluded (:mod:`ebb.bokeh.inpainting`) and contribute b. A slanted surface that is
  divided into several planes therefore has no seams;
* covered and hidden pixels contribute b · (1 − e − B) / (1 − e), where e is the exposed fraction of the same
  plane. If the hidden surface completes the plane (b = 1 − e), this equals 1 − e − B, which is exact.
  Otherwise coverages are assumed to be independent, as is usual in layered renderers (Kraus & Strengert,
  "Depth-of-field rendering by pyramidal image processing", Eurographics 2007).

Finally the colour is divided by the sum of the contributions, which is 1 up to these approximations.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ebb.bokeh.convolution import Backend
    from ebb.bokeh.inpainting import Surfaces

PLANE_GROWTH = 0.1
"""Distance between planes relative to their coc, if that exceeds the minimum of 1 px."""
LAG = 2
"""Number of planes by which an occluder must be in front, as each surface is distributed over two."""


def plane_cocs(lowest: float, highest: float) -> NDArray[np.float64]:
    """Signed coc of the planes, nearest first: 0, and planes on both sides that cover the range."""
    return np.concatenate([-_one_side(-lowest)[:0:-1], _one_side(highest)])


def _one_side(limit: float) -> NDArray[np.float64]:
    values = [0.0]
    while values[-1] < limit:
        # The last plane is at the limit, which is often the depth of the whole background.
        values.append(min(values[-1] + max(1.0, PLANE_GROWTH * values[-1]), limit))
    return np.asarray(values)


class Stack(NamedTuple):
    """Surfaces of a photo and their positions among the planes; all arrays have a margin on each side."""

    planes: NDArray[np.float64]
    """Signed coc of each plane, nearest first."""
    rgb: NDArray[np.float32]
    """(3, H, W), colour of the visible surface."""
    position: NDArray[np.float32]
    """(H, W), position among the planes: 3.25 is three quarters plane 3, one quarter plane 4."""
    exposed: NDArray[np.float32]
    """(H, W), opacity of the visible surface where it is not occluded, otherwise 0."""
    covered: NDArray[np.float32]
    """(H, W), opacity of the visible surface where it may be occluded, otherwise 0."""
    hidden_rgb: NDArray[np.float32]
    """(3, H, W), colour of the hidden surface."""
    hidden_position: NDArray[np.float32]
    """(H, W), position of the hidden surface among the planes; −9 where there is none."""


def cut(surfaces: Surfaces, planes: NDArray[np.float64], margin: int) -> Stack:
    """Compute the positions of both surfaces among the planes and add a mirrored margin."""
    import cv2

    def prepare(array: NDArray[np.float32]) -> NDArray[np.float32]:
        framed = cv2.copyMakeBorder(array, margin, margin, margin, margin, cv2.BORDER_REFLECT)
        moved = np.moveaxis(np.asarray(framed, np.float32), -1, 0) if array.ndim == 3 else framed
        return np.ascontiguousarray(moved, np.float32)

    ranks = np.arange(len(planes))
    hidden_position = np.where(surfaces.hidden, np.interp(surfaces.hidden_coc, planes, ranks), -9)
    return Stack(
        planes,
        prepare(surfaces.rgb),
        prepare(np.interp(surfaces.coc, planes, ranks).astype(np.float32)),
        prepare(np.where(surfaces.exposed, surfaces.opacity, 0).astype(np.float32)),
        prepare(np.where(surfaces.exposed, 0, surfaces.opacity).astype(np.float32)),
        prepare(surfaces.hidden_rgb),
        prepare(hidden_position.astype(np.float32)),
    )


def composite(
    stack: Stack, kernel_of: Callable[[float], NDArray[np.float32]], margin: int, backend: Backend
) -> NDArray[np.float32]:
    """Blur and composite the planes of a window, nearest first.

    Args:
        stack: The window, as arrays of the backend.
        kernel_of: Returns the kernel of a signed coc.
        margin: Margin of the window in pixels, at least half the size of the largest kernel.
        backend: Backend of the convolution.

    Returns:
        Rendered colour, (3, H − 2 margin, W − 2 margin).
    """
    inner = _trim(stack.rgb, margin)
    light, shares, stopped = 0 * inner, 0 * inner[0], 0 * inner[0]
    recent: deque[tuple[int, NDArray[np.float32]]] = deque()
    for rank in _occupied(stack):
        while recent and recent[0][0] <= rank - LAG:
            stopped = stopped + recent.popleft()[1]
        kernel = kernel_of(float(stack.planes[rank]))
        window = _crop(stack, margin - len(kernel) // 2)
        added, share = _add_plane(window, rank, kernel, backend, stopped)
        light, shares = light + added, shares + share
        recent.append((rank, share))
    result: NDArray[np.float32] = light / shares.clip(1e-6)
    return result


def _occupied(stack: Stack) -> Iterator[int]:
    """Indices of the planes that may have a nonzero weight in the window."""
    last = len(stack.planes) - 1
    low = float(stack.position.min())
    high = max(float(stack.position.max()), float(stack.hidden_position.max()))
    return iter(range(max(int(low), 0), min(int(np.ceil(high)), last) + 1))


def _trim(array: NDArray[np.float32], border: int) -> NDArray[np.float32]:
    height, width = array.shape[-2:]
    return array[..., border : height - border, border : width - border]


def _crop(stack: Stack, border: int) -> Stack:
    return Stack(stack.planes, *(_trim(array, border) for array in stack[1:]))


def _near(position: NDArray[np.float32], rank: int) -> NDArray[np.float32]:
    """Weight of each pixel in a plane: linear, so that the weights of neighbouring planes sum to 1."""
    return (1 - abs(position - rank)).clip(0)


def _add_plane(
    window: Stack,
    rank: int,
    kernel: NDArray[np.float32],
    backend: Backend,
    stopped: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Colour and fraction of rays contributed by one plane, given the fraction blocked in front of it."""
    weight = _near(window.position, rank)
    exposed = weight * window.exposed
    behind = _near(window.hidden_position, rank)
    covered = weight * window.covered
    if not ((covered > 0).any() or (behind > 0).any()):
        if not (exposed > 0).any():
            zero = 0 * stopped
            return zero, zero
        blurred = backend.blur(backend.stack([*(window.rgb * exposed), exposed]), kernel)
        return blurred[:3], blurred[3]
    lost = window.rgb * covered + window.hidden_rgb * behind
    planes = backend.stack([*(window.rgb * exposed), exposed, *lost, covered + behind])
    blurred = backend.blur(planes, kernel)
    room = (1 - blurred[3]).clip(1e-3)
    passing = ((room - stopped) / room).clip(0)
    return blurred[:3] + blurred[4:7] * passing, blurred[3] + blurred[7] * passing
