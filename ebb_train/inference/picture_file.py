"""Encoding of pictures, with what they keep of the metadata of their photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import OutputError
from ebb.formats.jpeg import encode_jpeg
from ebb.formats.png import encode_png

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb.photo.metadata import Metadata


def encode_picture(picture: Rgb8, kind: str, metadata: Metadata) -> bytes:
    """Encode a picture.

    Args:
        picture: (height, width, 3), upright.
        kind: ``jpg`` (quality 95, chroma at full size) or ``png``.
        metadata: EXIF and colour profile to write into it.

    Raises:
        OutputError: JPEG cannot hold it, as it ends at 65500 pixels a side.
    """
    exif, profile = metadata
    if kind == "png":
        return encode_png(picture, exif=exif, icc_profile=profile)
    try:
        return encode_jpeg(picture, chroma="4:4:4", exif=exif, icc_profile=profile)
    except OutputError as error:
        height, width = picture.shape[:2]
        message = f"a picture of {width} x {height} pixels cannot be written as jpg"
        raise OutputError(message, hint="try --format png") from error


def side_by_side(photo: Rgb8, picture: Rgb8) -> Rgb8:
    """Photo left, picture right; equal sizes."""
    return np.hstack([photo, picture])
