"""Decoding of camera files to upright sRGB photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np

from ebb.arrays import Size
from ebb.errors import Broken, Reason
from ebb.formats.containers import PNG_SIGNATURE, png_with_pixels_only
from ebb.formats.heif import HEIF_SUFFIXES, decode_heif
from ebb.formats.jpeg import check_jpeg
from ebb.formats.tiff_pixels import decode_tiff
from ebb.photo.color import srgb_conversion, to_8_bits
from ebb.photo.raw import develop
from ebb.photo.suffixes import RAW_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb.arrays import Homography, Rgb
    from ebb.photo.raw import Balance

Array = TypeVar("Array", bound="NDArray[Any]")

_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda photo: photo,
    2: np.fliplr,
    3: lambda photo: np.rot90(photo, 2),
    4: np.flipud,
    5: lambda photo: photo.swapaxes(0, 1),
    6: lambda photo: np.rot90(photo, -1),
    7: lambda photo: np.rot90(photo, 2).swapaxes(0, 1),
    8: lambda photo: np.rot90(photo, 1),
}
"""EXIF Orientation → transformation of the stored photo to the upright photo (EXIF 2.32, 4.6.5.1)."""


def decode(
    data: bytes, suffix: str, orientation: int, *, balance: Balance | None = None, keep_depth: bool = False
) -> Rgb:
    """Develop a RAW file or decode a HEIC, JPEG, PNG or TIFF file.

    RAW files are demosaiced by LibRaw (AHD) and encoded as sRGB with 16 bits (:mod:`ebb.photo.raw`). Other
    files keep their bit depth (8 or 16) if they are in sRGB; otherwise they are converted to 16-bit sRGB
    (:mod:`ebb.photo.color`). Grey photos become RGB; alpha is dropped. Call :func:`ebb.photo.probe.probe`
    first: it limits the size of the photo.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name, e.g. ``.CR2``.
        orientation: EXIF Orientation, 1…8.
        balance: White balance of a RAW file; None: the camera's, or daylight if there is none.
        keep_depth: Whether to round converted colours to the bit depth of the file.

    Returns:
        (height, width, 3), uint8 or uint16, upright, contiguous.

    Raises:
        Broken: ``corrupt_input``: the pixels cannot be decoded or are all equal; ``unsupported_pixels``,
            ``unsupported_raw`` or ``unsupported_color``: a feature of the file is not supported.
        MissingDependency: the file is a HEIC file and pillow-heif is not installed.
    """
    if suffix.lower() in RAW_SUFFIXES:
        stored = develop(data, balance)
    else:
        stored = _srgb(data, suffix.lower(), keep_depth=keep_depth)
    refuse_one_colour(stored)
    return upright(stored, orientation)


def _srgb(data: bytes, suffix: str, *, keep_depth: bool) -> Rgb:
    photo = decode_heif(data) if suffix in HEIF_SUFFIXES else _decode_image(data)
    conversion = srgb_conversion(data, suffix)
    if conversion is None:
        return photo
    converted = conversion.apply(photo)
    return to_8_bits(converted) if keep_depth and photo.dtype == np.uint8 else converted


def refuse_one_colour(pixels: NDArray[Any]) -> None:
    """Refuse photos of a single colour, which result from damaged files.

    Args:
        pixels: (height, width, ...).

    Raises:
        Broken: ``corrupt_input``: all pixels are equal.
    """
    if (pixels[0] == pixels[0, 0]).all() and (
        pixels == pixels[0, 0]
    ).all():  # the first row is usually enough
        raise Broken(Reason.CORRUPT_INPUT, f"holds no picture: every pixel is {pixels[0, 0].tolist()}")


def upright(photo: Array, orientation: int) -> Array:
    """Apply an EXIF orientation to a stored photo.

    Args:
        photo: (height, width, ...), as stored.
        orientation: EXIF Orientation, 1…8; other values count as 1.

    Returns:
        The upright photo, contiguous; the input itself if it is already upright.
    """
    return cast("Array", np.ascontiguousarray(_UPRIGHT.get(orientation, _UPRIGHT[1])(photo)))


def upright_to_stored(stored: Size, orientation: int) -> Homography:
    """Homography from pixels of the upright photo to pixels of the stored photo.

    Args:
        stored: Size of the stored photo.
        orientation: EXIF Orientation, 1…8; other values count as 1.
    """
    right, bottom = stored.width - 1, stored.height - 1
    rows = {
        2: ((-1, 0, right), (0, 1, 0)),
        3: ((-1, 0, right), (0, -1, bottom)),
        4: ((1, 0, 0), (0, -1, bottom)),
        5: ((0, 1, 0), (1, 0, 0)),
        6: ((0, 1, 0), (-1, 0, bottom)),
        7: ((0, -1, right), (-1, 0, bottom)),
        8: ((0, -1, right), (1, 0, 0)),
    }.get(orientation, ((1, 0, 0), (0, 1, 0)))
    return np.array([*rows, (0, 0, 1)], np.float64)


def developed_size(stored: Size, orientation: int) -> Size:
    """Size of the upright photo: orientations 5…8 swap width and height."""
    return Size(stored.height, stored.width) if orientation in range(5, 9) else stored


def _decode_image(data: bytes) -> Rgb:
    """Decode a JPEG, PNG or TIFF file in its own bit depth."""
    import cv2

    if data[:2] in (b"II", b"MM"):
        return decode_tiff(data)
    if data.startswith(PNG_SIGNATURE):
        data = png_with_pixels_only(data)
    else:
        check_jpeg(data)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise Broken(Reason.CORRUPT_INPUT, f"OpenCV cannot decode it: {error.err or error}") from error
    if bgr is None:
        raise Broken(Reason.CORRUPT_INPUT, "cannot be decoded: its pixels are truncated or damaged")
    if bgr.dtype not in (np.uint8, np.uint16):
        raise Broken(Reason.UNSUPPORTED_PIXELS, f"holds {bgr.dtype} pixels; 8 and 16 bit are supported")
    return cast("Rgb", cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))
