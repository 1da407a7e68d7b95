"""Pictures for pages: made small, as ``data:`` addresses, and maps of where two differ."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8

LONGER_SIDE = 900
"""Of pictures on a page."""
QUALITY = 88
DIFFERENCE_GAIN = 4
"""Differences are shown this many times as large."""


def data_uri(picture: Rgb8, longer_side: int = LONGER_SIDE) -> str:
    """A picture (H, W, 3), 0…255, as the address of a JPEG file; larger ones are averaged down.

    Raises:
        InvalidInput: the encoder refused.
    """
    import cv2

    small = reduce(picture, longer_side)
    done, data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise InvalidInput(f"the JPEG encoder refused a picture of shape {picture.shape}")
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def reduce(picture: Rgb8, longer_side: int) -> Rgb8:
    """Average a picture down to this longer side; a smaller one stays as it is."""
    import cv2

    scale = longer_side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def difference_map(preds: Rgb8, target: Rgb8) -> Rgb8:
    """Where two pictures of one size differ: black is equal, bright is far apart.

    The mean over the channels of the absolute difference, times :data:`DIFFERENCE_GAIN`, in the colours of
    Matplotlib's "inferno".
    """
    import cv2

    difference = np.abs(preds.astype(np.int16) - target).mean(axis=2) * DIFFERENCE_GAIN
    grey = np.asarray(np.minimum(np.rint(difference), 255), np.uint8)
    return np.asarray(cv2.applyColorMap(grey, cv2.COLORMAP_INFERNO)[..., ::-1], np.uint8)


def as_rgb8(picture: NDArray[np.generic]) -> Rgb8:
    """An 8 or 16-bit picture, grey, RGB or with alpha, as 8-bit RGB to look at."""
    values = picture.astype(np.float32) / (257 if picture.dtype == np.uint16 else 1)
    rgb = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values[..., :3]
    return np.asarray(np.rint(rgb), np.uint8)
