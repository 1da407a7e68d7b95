"""Encoding and decoding of PNG files; images in shards are 8-bit PNG.

Of all fast settings, level 1 with run-length matching and the Paeth filter gives the smallest files: on
photos of 1536 x 1024 pixels they are 17 % smaller than with OpenCV's defaults, for 28 % more time, and 4 %
smaller than at level 6, which takes nearly seven times as long (``benchmarks/shards.py``).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Broken, InvalidInput, OutputError
from ebb.formats.containers import (
    PNG_SIGNATURE,
    PngHeader,
    png_chunks,
    png_with_pixels_only,
    read_png_header,
)
from ebb.settings import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8

_CHECKSUM_BYTES = 4
_HEADER_BYTES = 33
"""Size of signature and first chunk."""


def encode_png(image: Rgb8 | Gray8, *, exif: bytes = b"", icc_profile: bytes = b"") -> bytes:
    """Encode an image; equal pixels give equal bytes.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8, 0…255.
        exif: EXIF as in JPEG, with or without ``Exif`` and two zero bytes before it.
        icc_profile: Colour profile.

    Raises:
        InvalidInput: the array has another shape or type, or has no pixels.
    """
    import cv2

    colour = image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or image.size == 0 or not (colour or image.ndim == 2):
        raise InvalidInput(
            f"cannot store an array of shape {image.shape} and type {image.dtype} as 8-bit PNG"
        )
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if colour else image
    # The level comes first, because OpenCV resets the strategy when it reads the level.
    options = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
    ]
    done, data = cv2.imencode(".png", pixels, options)
    if not done:
        raise InvalidInput(f"OpenCV cannot encode an image of shape {image.shape}")
    return _with_metadata(data.tobytes(), exif.removeprefix(b"Exif\0\0"), icc_profile)


def _with_metadata(encoded: bytes, exif: bytes, icc_profile: bytes) -> bytes:
    """Insert a colour profile and EXIF after the header (PNG specification, third edition, 11.3)."""
    chunks = _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc_profile)) if icc_profile else b""
    chunks += _chunk(b"eXIf", exif) if exif else b""
    return encoded[:_HEADER_BYTES] + chunks + encoded[_HEADER_BYTES:]


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def encode_grey16(values: NDArray[np.uint16]) -> bytes:
    """Encode (height, width) uint16 as a 16-bit grey PNG, with OpenCV's defaults.

    Raises:
        OutputError: the encoder fails.
    """
    import cv2

    done, data = cv2.imencode(".png", values)
    if not done:
        raise OutputError(f"the PNG encoder refused an array of {values.shape}")
    return data.tobytes()


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Decode an 8-bit RGB or grey PNG; every chunk's checksum is verified first.

    Returns:
        (height, width, 3) RGB or (height, width) grey, 0…255.

    Raises:
        InvalidInput: the data is not a complete, undamaged 8-bit RGB or grey PNG.
    """
    import cv2

    header = png_header(data)
    if header.channels == 0 or header.bits != 8:
        raise InvalidInput("PNG is neither 8-bit RGB nor 8-bit grey")
    _check_chunks(data)
    colour = cv2.IMREAD_COLOR_RGB if header.channels == 3 else cv2.IMREAD_GRAYSCALE
    flags = colour | cv2.IMREAD_IGNORE_ORIENTATION  # stored photos are upright, also with such a tag
    pixels = cv2.imdecode(np.frombuffer(png_with_pixels_only(data), np.uint8), flags)
    if pixels is None:
        raise InvalidInput("the checksums of the PNG are correct, but its pixels cannot be decoded")
    return np.asarray(pixels, np.uint8)


def png_header(data: bytes) -> PngHeader:
    """Size, channels and bit depth from the first 33 bytes.

    Raises:
        InvalidInput: the data is not a PNG, or claims no pixels or more than
            :data:`~ebb.settings.MAX_PIXELS`.
    """
    if not data.startswith(PNG_SIGNATURE):
        raise InvalidInput("not a PNG")
    try:
        header = read_png_header(data)
    except Broken as error:
        raise InvalidInput("not a PNG") from error
    width, height = header.size
    if not 0 < width * height <= MAX_PIXELS:
        raise InvalidInput(f"PNG claims {width}x{height} pixels")
    return header


def _check_chunks(data: bytes) -> None:
    """Refuse truncated files, trailing bytes and chunks with a wrong checksum.

    OpenCV also detects damage, but only reports it on stderr.
    """
    try:
        *_, last = png_chunks(data)
    except Broken as error:
        raise InvalidInput(f"the image {error.message}") from error
    if last.stop + _CHECKSUM_BYTES != len(data):
        raise InvalidInput("PNG has bytes after its end")
