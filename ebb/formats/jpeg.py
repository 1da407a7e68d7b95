"""Encoding of JPEG files: 8-bit sRGB or grey, with optional EXIF and colour profile."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Literal, TypeAlias

from ebb.errors import OutputError, UsageError

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8

QUALITY = 95
"""Default quality on libjpeg's scale of 1 … 100, as in the EBB! release."""

_SOI = b"\xff\xd8"
_APP0, _APP1, _APP2 = b"\xff\xe0", b"\xff\xe1", b"\xff\xe2"
_ICC_BYTES = 65_519
"""Largest part of a colour profile in one segment (ICC.1:2022, annex B.4)."""

Chroma: TypeAlias = Literal["4:2:0", "4:4:4"]


def encode_jpeg(
    photo: Rgb8 | Gray8,
    *,
    quality: int = QUALITY,
    chroma: Chroma = "4:2:0",
    exif: bytes = b"",
    icc_profile: bytes = b"",
) -> bytes:
    """Encode a photo.

    Args:
        photo: (height, width, 3) sRGB, or (height, width) grey.
        quality: 1 … 100.
        chroma: Chroma subsampling: half size (4:2:0) or full size (4:4:4).
        exif: Content of the EXIF segment, which begins with ``Exif`` and two zero bytes
            (:func:`ebb.formats.exif_writer.exif_block`); it replaces the JFIF segment, as in camera files.
        icc_profile: Colour profile.

    Raises:
        UsageError: the photo is not uint8 of one of these shapes.
        OutputError: the encoder fails, as it does above 65500 pixels per side.
    """
    import cv2

    is_colour = photo.ndim == 3 and photo.shape[2] == 3
    if photo.dtype != "uint8" or not (is_colour or photo.ndim == 2):
        raise UsageError(
            f"a photo of {photo.dtype} {photo.shape}",
            hint="uint8 (height, width, 3) or (height, width) is written",
        )
    sampling = {
        "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling[chroma]),
    ]
    pixels = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR) if is_colour else photo
    done, buffer = cv2.imencode(".jpg", pixels, options)
    if not done:
        raise OutputError(f"the JPEG encoder refused a photo of {photo.shape[1]} x {photo.shape[0]}")
    return _with_metadata(buffer.tobytes(), exif, icc_profile)


def _with_metadata(encoded: bytes, exif: bytes, icc_profile: bytes) -> bytes:
    """Replace the JFIF segment by EXIF, if given, and insert a colour profile after it."""
    first, rest = b"", encoded[len(_SOI) :]
    if rest.startswith(_APP0):
        end = 2 + struct.unpack(">H", rest[2:4])[0]
        first, rest = rest[:end], rest[end:]
    if exif:
        first = _segment(_APP1, exif)
    parts = [icc_profile[at : at + _ICC_BYTES] for at in range(0, len(icc_profile), _ICC_BYTES)]
    profile = (
        _segment(_APP2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
        for number, part in enumerate(parts, start=1)
    )
    return b"".join([_SOI, first, *profile, rest])


def _segment(marker: bytes, content: bytes) -> bytes:
    return marker + struct.pack(">H", len(content) + 2) + content
