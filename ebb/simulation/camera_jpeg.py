"""JPEG files as cameras write them: 8-bit sRGB, chroma at half size, EXIF right behind the first marker."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ebb.errors import OutputError, UsageError
from ebb.formats import tiff_writer as tiff
from ebb.formats.exif_writer import EXIF_IFD, ShotInfo, exif_entries, main_entries

if TYPE_CHECKING:
    from ebb.arrays import Rgb8

_SOI = b"\xff\xd8"
_APP0, _APP1 = b"\xff\xe0", b"\xff\xe1"


def write_jpeg(photo: Rgb8, info: ShotInfo, *, quality: int = 95) -> bytes:
    """Write a JPEG file with 4:2:0 chroma and EXIF.

    Args:
        photo: (height, width, 3) sRGB, as the sensor reads it.
        info: EXIF.
        quality: 1 … 100, on libjpeg's scale.

    Returns:
        The file.

    Raises:
        UsageError: the photo is not uint8 (height, width, 3), or a value does not fit its tag.
        OutputError: the encoder refused.
    """
    import cv2

    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != "uint8":
        raise UsageError(
            f"a photo of {photo.dtype} {photo.shape}", hint="uint8 (height, width, 3) is written"
        )
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise OutputError(f"the JPEG encoder refused a photo of {photo.shape[1]} x {photo.shape[0]} pixels")
    return _SOI + exif_segment(info, photo.shape[1], photo.shape[0]) + _without_jfif(buffer.tobytes())


def exif_segment(info: ShotInfo, width: int, height: int) -> bytes:
    """The APP1 segment of a JPEG file: marker, length, "Exif", and a TIFF structure without pixels."""
    exif = exif_entries(info, width, height)
    entries = [*main_entries(info), tiff.short(531, 2)]  # chroma lies on luma samples
    exif_at = len(tiff.HEADER) + tiff.directory_size([*entries, tiff.long(EXIF_IFD, 0)])
    main = [*entries, tiff.long(EXIF_IFD, exif_at)]
    body = b"Exif\0\0" + tiff.HEADER + tiff.directory(main, len(tiff.HEADER)) + tiff.directory(exif, exif_at)
    return _APP1 + struct.pack(">H", len(body) + 2) + body


def _without_jfif(encoded: bytes) -> bytes:
    """The file behind its first marker, less the JFIF segment, which EXIF takes the place of."""
    rest = encoded[len(_SOI) :]
    if rest.startswith(_APP0):
        rest = rest[2 + struct.unpack(">H", rest[2:4])[0] :]
    return rest
