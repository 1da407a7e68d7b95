"""Decoding of PNG, TIFF, JPEG and WebP files of any bit depth as stored, after a check of their headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.arrays import Size
from ebb.errors import Broken
from ebb.formats.containers import (
    PNG_SIGNATURE,
    WEBP_MAGIC,
    jpeg_frame_size,
    jpeg_segments,
    png_chunks,
    png_with_pixels_only,
    read_png_header,
    webp_size,
)
from ebb.formats.jpeg import check_jpeg
from ebb.formats.tiff_layout import block_size
from ebb.formats.tiff_pixels import decode_numbers
from ebb.formats.tiff_reader import Tiff, photo_directory
from ebb.settings import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JPEG_MAGIC = b"\xff\xd8\xff"
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAX_BITS = 64
"""Largest number of bits per pixel: one double, or four channels of 16 bits."""


def max_image_bytes(max_pixels: int = MAX_PIXELS) -> int:
    """Largest size of a file with an image of so many pixels: eight bytes per pixel, twice, and metadata."""
    return 16 * max_pixels + (1 << 27)


def image_size(data: bytes) -> Size:
    """Width and height in the header of a PNG, TIFF, JPEG or WebP, as stored.

    Raises:
        ValueError: the format is unknown, or the structure of the file is truncated or damaged.
    """
    try:
        size = _claimed_size(data)
    except Broken as error:
        raise ValueError(_said(error)) from error
    if min(size) < 1:
        raise ValueError(f"it claims {size.width} x {size.height} pixels")
    return size


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS, flags: int | None = None) -> NDArray[Any]:
    """Decode an image whose header is within the limit.

    Args:
        data: The whole file.
        max_pixels: Refuse images with more.
        flags: Flags of OpenCV's ``imdecode``, for files other than TIFF; by default all bits and channels
            (BGR) as stored, ignoring any orientation tag.

    Raises:
        ValueError: the image has more pixels, or cannot be decoded.
    """
    import cv2

    size = image_size(data)
    check_num_pixels(size, max_pixels)
    if data.startswith(_TIFF_MAGICS):
        if flags is not None:
            raise ValueError("a TIFF; expected a PNG or JPEG")
        return _tiff_numbers(data)
    if data.startswith(PNG_SIGNATURE):
        data = png_with_pixels_only(data, b"eXIf")  # OpenCV applies the orientation if flags allow it
    if data.startswith(_JPEG_MAGIC):
        _check_compressed(data)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED if flags is None else flags)
    except cv2.error as error:
        raise ValueError(str(error.err or error)) from error
    if image is None:
        raise ValueError("the image is incomplete or damaged")
    if sorted(image.shape[:2]) != sorted(size):
        raise ValueError(f"its header claims {size.width} x {size.height} pixels, but it contains others")
    return np.asarray(image)


def _check_compressed(data: bytes) -> None:
    try:
        check_jpeg(data)
    except Broken as error:
        raise ValueError(_said(error)) from error


def _said(error: Broken) -> str:
    """The message, which says what a photo is or has unless it names its own subject."""
    message = error.message
    return message if message.startswith(("a ", "its ")) else f"it {message}"


def _tiff_numbers(data: bytes) -> NDArray[Any]:
    """(height, width), or (height, width, 3 or 4) in the order BGR, as OpenCV returns other formats."""
    try:
        numbers = decode_numbers(data)
    except Broken as error:
        raise ValueError(_said(error)) from error
    if numbers.ndim == 2:
        return numbers
    channels = numbers.shape[2]
    if channels not in (3, 4):
        raise ValueError(f"it holds {channels} numbers a pixel")
    return np.ascontiguousarray(numbers[..., [2, 1, 0, 3][:channels]])


def check_num_pixels(size: Size, max_pixels: int) -> None:
    """Check a size against a limit.

    Raises:
        ValueError: the limit is exceeded.
    """
    if size.width * size.height > max_pixels:
        claim = f"it claims {size.width} x {size.height} = {size.width * size.height / 1e6:.0f} megapixels"
        raise ValueError(f"{claim}, more than {max_pixels / 1e6:g}")


def _claimed_size(data: bytes) -> Size:
    if data.startswith(PNG_SIGNATURE):
        for _ in png_chunks(data):  # verifies the checksums: libpng reports damage on stderr only
            pass
        return read_png_header(data).size
    if data.startswith(_JPEG_MAGIC):
        sizes = [size for segment in jpeg_segments(data) if (size := jpeg_frame_size(data, segment))]
        return sizes[0] if sizes else Size(0, 0)
    if data.startswith(_TIFF_MAGICS):
        return _tiff_size(data)
    if data.startswith(WEBP_MAGIC[0]) and data[8:12] == WEBP_MAGIC[1]:
        return webp_size(data)
    raise ValueError("not an image of a known format: PNG, TIFF, JPEG or WebP")


def _tiff_size(data: bytes) -> Size:
    """Size of the first image, after a check of its tiles and bits per pixel."""
    tiff = Tiff(data)
    directory = photo_directory(tiff)
    size = tiff.size(directory)
    block_size(tiff, directory, size)
    tiff.check_blocks(directory)
    bits = tiff.value(directory, 258, 1) * tiff.value(directory, 277, 1)
    if bits > _MAX_BITS:
        raise ValueError(f"it claims {bits} bits per pixel")
    return size
