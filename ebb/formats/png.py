"""PNG bytes to 8-bit arrays and back; the only image format inside a shard.

Level 1 with run-length matching and the Paeth filter made the smallest files of all fast settings: on photos
of 1536 x 1024 pixels 17 % smaller than OpenCV's defaults for 28 % more time, and 4 % smaller than level 6,
which takes nearly seven times as long (``benchmarks/shards.py``).
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8

MAX_PIXELS = 250_000_000
"""A header that claims more than this is refused before anything is allocated."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3}
"""Channels of the two colour types a shard may hold: grey and RGB."""


class PngHeader(NamedTuple):
    """What the first chunk says."""

    size: Size
    channels: int
    """1: grey. 3: RGB. 0: a colour type that shards do not hold (palette, alpha)."""
    bits: int
    """Bits a sample."""


def encode_png(image: Rgb8 | Gray8) -> bytes:
    """Encode an image; equal pixels give equal bytes.

    Args:
        image: (height, width, 3) RGB or (height, width) grey, uint8, 0…255.

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
    # The level comes first: OpenCV resets the strategy when it reads it.
    options = [
        *(cv2.IMWRITE_PNG_COMPRESSION, 1),
        *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
        *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
    ]
    done, data = cv2.imencode(".png", pixels, options)
    if not done:
        raise InvalidInput(f"OpenCV cannot encode an image of shape {image.shape}")
    return data.tobytes()


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Decode an 8-bit RGB or grey PNG; every chunk's checksum is verified first.

    Returns:
        (height, width, 3) RGB or (height, width) grey, 0…255.

    Raises:
        InvalidInput: not a whole, undamaged 8-bit RGB or grey PNG.
    """
    import cv2

    header = png_header(data)
    if header.channels == 0 or header.bits != 8:
        raise InvalidInput("PNG is neither 8-bit RGB nor 8-bit grey")
    _check_chunks(data)
    colour = cv2.IMREAD_COLOR_RGB if header.channels == 3 else cv2.IMREAD_GRAYSCALE
    flags = colour | cv2.IMREAD_IGNORE_ORIENTATION  # stored photos are upright, whatever a stray tag says
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if pixels is None:
        raise InvalidInput("PNG has checksums that hold but pixels that do not decode")
    return np.asarray(pixels, np.uint8)


def png_size(data: bytes) -> Size:
    """Width and height from the header; no pixel is decoded.

    Raises:
        InvalidInput: not a PNG, or one that claims no or too many pixels.
    """
    return png_header(data).size


def png_header(data: bytes) -> PngHeader:
    """Size, channels and bit depth from the first 33 bytes.

    Raises:
        InvalidInput: not a PNG, or one that claims no or more than :data:`MAX_PIXELS` pixels.
    """
    if len(data) < 33 or data[:8] != _SIGNATURE or data[12:16] != b"IHDR":
        raise InvalidInput("not a PNG")
    width, height, bits, colour_type = struct.unpack_from(">IIBB", data, 16)
    if not 0 < width * height <= MAX_PIXELS:
        raise InvalidInput(f"PNG claims {width}x{height} pixels")
    return PngHeader(Size(width, height), _CHANNELS.get(colour_type, 0), bits)


def _check_chunks(data: bytes) -> None:
    """Refuse truncation, trailing bytes and chunks whose checksum does not hold.

    OpenCV finds damage too, but writes it to stderr where a caller cannot catch it.
    """
    ended = False
    for kind, body, checksum in _chunks(data):
        if ended:
            raise InvalidInput("PNG goes on after its end")
        if zlib.crc32(body, zlib.crc32(kind)) != checksum:
            raise InvalidInput(f"PNG is damaged: chunk {kind!r} does not match its checksum")
        ended = kind == b"IEND"
    if not ended:
        raise InvalidInput("PNG is cut short")


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview, int]]:
    """Yield type, body and stored checksum of each chunk, to the end of ``data``."""
    view = memoryview(data)
    start = len(_SIGNATURE)
    while start < len(data):
        end = start + 12
        if end <= len(data):
            end += int.from_bytes(view[start : start + 4], "big")
        if end > len(data):
            raise InvalidInput("PNG is cut short")
        yield (
            bytes(view[start + 4 : start + 8]),
            view[start + 8 : end - 4],
            int.from_bytes(view[end - 4 : end], "big"),
        )
        start = end
