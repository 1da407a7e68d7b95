"""JPEG files: 8-bit sRGB or grey, chroma at half size, EXIF right behind the first marker if there is any."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ebb.errors import OutputError, UsageError

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8

QUALITY = 95
"""On libjpeg's scale of 1 … 100, as in the EBB! release."""

_SOI = b"\xff\xd8"
_APP0, _APP1 = b"\xff\xe0", b"\xff\xe1"


def encode_jpeg(photo: Rgb8 | Gray8, *, quality: int = QUALITY, exif: bytes = b"") -> bytes:
    """Encode a photo with 4:2:0 chroma.

    Args:
        photo: (height, width, 3) sRGB, or (height, width) grey.
        quality: 1 … 100.
        exif: Content of the EXIF segment (:func:`ebb.formats.exif_writer.exif_block`); it takes the place of
            the JFIF segment, as in files of cameras.

    Raises:
        UsageError: the photo is not uint8 of one of these shapes.
        OutputError: the encoder refused, as it does beyond 65500 pixels a side.
    """
    import cv2

    is_colour = photo.ndim == 3 and photo.shape[2] == 3
    if photo.dtype != "uint8" or not (is_colour or photo.ndim == 2):
        raise UsageError(
            f"a photo of {photo.dtype} {photo.shape}",
            hint="uint8 (height, width, 3) or (height, width) is written",
        )
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420),
    ]
    pixels = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR) if is_colour else photo
    done, buffer = cv2.imencode(".jpg", pixels, options)
    if not done:
        raise OutputError(f"the JPEG encoder refused a photo of {photo.shape[1]} x {photo.shape[0]}")
    return _with_exif(buffer.tobytes(), exif) if exif else buffer.tobytes()


def _with_exif(encoded: bytes, exif: bytes) -> bytes:
    """Put EXIF in the place of the JFIF segment."""
    rest = encoded[len(_SOI) :]
    if rest.startswith(_APP0):
        rest = rest[2 + struct.unpack(">H", rest[2:4])[0] :]
    return _SOI + _APP1 + struct.pack(">H", len(exif) + 2) + exif + rest
