"""Depth maps that were saved as pictures: grey in three channels, or the colours of Depth Anything V2.

Its scripts write inverse depth, 0 … 255 of the photo's range, through the colour map ``Spectral_r`` of
Matplotlib, whose anchors are those of ColorBrewer (C. Brewer, colorbrewer2.org): blue is far, red is near.
The data sets VABD and EBB! of VABM hold such maps.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAR_TO_NEAR = (
    (94, 79, 162),
    (50, 136, 189),
    (102, 194, 165),
    (171, 221, 164),
    (230, 245, 152),
    (255, 255, 191),
    (254, 224, 139),
    (253, 174, 97),
    (244, 109, 67),
    (213, 62, 79),
    (158, 1, 66),
)
"""Anchors of ``Spectral_r``, red, green and blue, at equal distances."""

TOLERANCE = 6
"""Largest difference of a channel to the nearest colour, for pictures that were scaled or rounded."""

AT_ONCE = 4096
"""Colours that are compared at once; a photo is refused after the first of them."""


def as_numbers(picture: NDArray[Any]) -> NDArray[Any]:
    """Turn a picture of a depth map into one number a pixel.

    Args:
        picture: (height, width) or (height, width, 3 or 4), in the order blue, green, red, as OpenCV has it.

    Returns:
        (height, width): the picture itself if it has one channel; one of its channels if they are equal; the
        place on the colour map, 0 … 255, where it is made of its colours; else the picture as it was.
    """
    if picture.ndim != 3 or picture.shape[2] not in (3, 4):
        return picture
    blue, green, red = (picture[..., channel] for channel in range(3))
    if np.array_equal(blue, green) and np.array_equal(green, red):
        return np.ascontiguousarray(blue)
    if picture.dtype != np.uint8:
        return picture
    colours, places = np.unique(_packed(red, green, blue), return_inverse=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.int64)
    nearest = _places(rgb)
    return picture if nearest is None else nearest[places].reshape(red.shape)


def _packed(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any]) -> NDArray[np.uint32]:
    wide = [channel.astype(np.uint32) for channel in (red, green, blue)]
    return np.asarray(wide[0] << 16 | wide[1] << 8 | wide[2], np.uint32)


def _places(rgb: NDArray[np.int64]) -> NDArray[np.uint8] | None:
    """Place of the nearest colour of the map for each of N colours; ``None`` if one is far from all."""
    nearest = np.empty(len(rgb), np.uint8)
    for start in range(0, len(rgb), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        away = np.abs(rgb[part, None] - colour_map()[None]).max(axis=2)
        if away.min(axis=1).max() > TOLERANCE:
            return None
        nearest[part] = away.argmin(axis=1)
    return nearest


@functools.cache
def colour_map() -> NDArray[np.int64]:
    """(256, 3), red, green and blue of each place, as the scripts round them: down."""
    places = np.linspace(0, len(FAR_TO_NEAR) - 1, 256)
    anchors = np.array(FAR_TO_NEAR, np.float64).T
    channels = [np.interp(places, np.arange(len(FAR_TO_NEAR)), channel) for channel in anchors]
    return np.floor(np.stack(channels, axis=-1) + 1e-6).astype(np.int64)
