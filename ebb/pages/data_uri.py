"""Pictures for pages: reduced, as ``data:`` URIs."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import numpy as np

from ebb.formats.jpeg import encode_jpeg

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8

LONGER_SIDE = 900
"""Longer side of pictures on a page, in pixels."""
QUALITY = 88


def data_uri(picture: Rgb8 | Gray8, longer_side: int = LONGER_SIDE) -> str:
    """A picture (H, W, 3) or (H, W), 0…255, as the URI of a JPEG; larger pictures are averaged down."""
    data = encode_jpeg(reduce(picture, longer_side), quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def reduce(picture: Rgb8 | Gray8, longer_side: int) -> Rgb8 | Gray8:
    """Average a picture down to this longer side; smaller pictures are unchanged."""
    import cv2

    scale = longer_side / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
