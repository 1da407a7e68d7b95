"""Layers of equal blur, from the nearest to the farthest, and how they cover each other.

Each pixel is shared between the two planes next to its coc. A plane's colour and weight are blurred by its
own kernel; what follows is book-keeping of rays. With b the blurred weight of a plane (the share of rays
that meet it) and B the share that planes clearly in front of it have stopped:

* exposed pixels lose no ray (:mod:`ebb.bokeh.inpainting`): they add b, whatever lies in front. So the strips
  into which planes cut a slanted surface join without a seam;
* covered and hidden pixels add b · (1 − e − B) / (1 − e), e being the exposed share of the same plane.
  Where the hidden fill completes the plane (b = 1 − e) this is 1 − e − B: every ray is stopped once,
  exactly. Elsewhere it takes coverages as independent, as layered renderers do (Kraus & Strengert,
  "Depth-of-field rendering by pyramidal image processing", Eurographics 2007).

At the end the colour is divided by the sum of the shares, which is 1 up to those approximations.
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
"""Planes lie 1 px of coc apart, or this share of the coc where that is more."""
LAG = 2
"""A plane is clearly in front of another this many planes behind: each surface is shared by two."""


def plane_cocs(lowest: float, highest: float) -> NDArray[np.float64]:
    """Signed coc of the planes: 0, and as many to both sides as the range needs, nearest first."""
    return np.concatenate([-_one_side(-lowest)[:0:-1], _one_side(highest)])


def _one_side(limit: float) -> NDArray[np.float64]:
    values = [0.0]
    while values[-1] < limit:
        # The last plane lies on the limit: often that is all of the background, lights included.
        values.append(min(values[-1] + max(1.0, PLANE_GROWTH * values[-1]), limit))
    return np.asarray(values)


class Stack(NamedTuple):
    """A photo cut by planes: what the tiles are rendered from; all of one size, with a margin all round."""

    planes: NDArray[np.float64]
    """Signed coc of each plane, nearest first."""
    rgb: NDArray[np.float32]
    """(3, H, W) visible colour."""
    position: NDArray[np.float32]
    """(H, W) place among the planes: 3.25 is three quarters plane 3, one quarter plane 4."""
    exposed: NDArray[np.float32]
    """(H, W) opacity of the visible surface where it loses no ray, else 0."""
    covered: NDArray[np.float32]
    """(H, W) its opacity where it can lose rays, else 0."""
    hidden_rgb: NDArray[np.float32]
    """(3, H, W) colour of the hidden surface."""
    hidden_position: NDArray[np.float32]
    """(H, W) its place among the planes, −9 where there is none."""


def cut(surfaces: Surfaces, planes: NDArray[np.float64], margin: int) -> Stack:
    """Place both surfaces among the planes and mirror ``margin`` pixels at the borders."""
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
    """Blur and add up the planes of a window, nearest first.

    Args:
        stack: The window, arrays of the backend.
        kernel_of: Kernel for a signed coc.
        margin: Pixels the window has on each side for the kernels, at least half of the largest.
        backend: Does the blurring.

    Returns:
        (3, H − 2 margin, W − 2 margin).
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
    """Planes with any weight in the window."""
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
    """Weight of each pixel in a plane: a tent, so neighbouring planes sum to 1."""
    return (1 - abs(position - rank)).clip(0)


def _add_plane(
    window: Stack,
    rank: int,
    kernel: NDArray[np.float32],
    backend: Backend,
    stopped: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Light and share of rays that one plane adds, given the share stopped clearly in front of it."""
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
