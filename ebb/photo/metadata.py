"""Metadata carried over from a photo to a derived picture: colour profile and EXIF."""

from __future__ import annotations

import io
import struct
import warnings
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import Broken
from ebb.formats.heif import HEIF_SUFFIXES, heif_exif
from ebb.photo.color import kept_profile
from ebb.photo.exif import exif_blocks
from ebb.photo.suffixes import RAW_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Exif as PilExif

    from ebb.photo.capture import Exif

MAX_EXIF_BYTES = 65_500
"""Capacity of a JPEG segment."""

_ORIENTATION, _MAKE, _MODEL, _SOFTWARE, _EXIF_IFD = 0x0112, 0x010F, 0x0110, 0x0131, 0x8769
_MAKER_NOTE, _WIDTH, _HEIGHT, _INTEROPERABILITY = 0x927C, 0xA002, 0xA003, 0xA005
_SUBSECONDS, _COLOR_SPACE = 0x9291, 0xA001
_TIME, _EXPOSURE, _F_NUMBER, _ISO, _FOCAL_LENGTH, _LENS = 0x9003, 0x829A, 0x829D, 0x8827, 0x920A, 0xA434
_TIFF_LAYOUT = frozenset(range(0x00FE, 0x0120)) - {0x010E, _MAKE, _MODEL} | frozenset(range(0x0140, 0x0200))
"""Tags of the pixel layout of a TIFF; 0x010E is the description."""
_TIFF_BLOCKS = frozenset({0x02BC, 0x83BB, 0x8649, 0x8773})
"""XMP, IPTC, Photoshop resources and ICC profile, which other formats store outside EXIF."""

_TIFF_SUFFIXES = (".tif", ".tiff")

_PARSE_ERRORS = (
    *(OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, struct.error),
    *(AttributeError, MemoryError),  # Pillow writes a number where its tag is text, and trusts counts
)


class Metadata(NamedTuple):
    """Metadata to write to a picture; empty if the photo has none."""

    exif: bytes = b""
    """EXIF block for JPEG and PNG, with orientation 1, without thumbnail and maker notes."""
    icc_profile: bytes = b""
    """ICC profile of the photo if it is in sRGB; otherwise empty, as the pixels are converted."""


def kept_metadata(data: bytes, suffix: str, exif: Exif, software: str) -> Metadata:
    """Metadata of a photo for a picture derived from it; empty if it cannot be parsed.

    Camera, lens, time and exposure are kept from RAW files. Of other files the whole EXIF block is kept,
    including GPS data, without tags that would no longer be valid: orientation, thumbnail and maker notes.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name.
        exif: Metadata from :func:`ebb.photo.exif.read_exif`.
        software: Name and version of the software that writes the picture.
    """
    from PIL import Image

    try:
        if suffix.lower() in RAW_SUFFIXES:
            return Metadata(_block(lambda: _of_raw(exif), software))
        profile = kept_profile(data, suffix)
        if suffix.lower() in HEIF_SUFFIXES:
            return Metadata(_block(lambda: _of_blocks(heif_exif(data)), software), profile)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged tags, and the size, which has been checked
            with Image.open(io.BytesIO(data)) as image:
                cut_out = suffix.lower() not in _TIFF_SUFFIXES
                read = (lambda: _of_blocks(exif_blocks(data, suffix)[:1])) if cut_out else image.getexif
                return Metadata(_block(read, software), profile)
    except (*_PARSE_ERRORS, Broken, Image.DecompressionBombError):
        return Metadata()


def _block(read: Callable[[], PilExif], software: str) -> bytes:
    """EXIF block to write; empty if it cannot be parsed, so that the colour profile is kept."""
    try:
        return _cleaned(read(), software)
    except _PARSE_ERRORS:
        return b""


def _cleaned(exif: PilExif, software: str) -> bytes:
    for tag in (_TIFF_LAYOUT | _TIFF_BLOCKS) & set(exif):
        del exif[tag]
    exif[_ORIENTATION], exif[_SOFTWARE] = 1, software
    details = exif.get_ifd(_EXIF_IFD)
    for tag in (_MAKER_NOTE, _WIDTH, _HEIGHT, _INTEROPERABILITY):
        details.pop(tag, None)
    if _COLOR_SPACE in details:
        details[_COLOR_SPACE] = 1  # sRGB
    block: bytes = exif.tobytes()
    return block if len(block) <= MAX_EXIF_BYTES else b""


def _of_blocks(blocks: list[bytes]) -> PilExif:
    from PIL import Image

    exif = Image.Exif()
    for block in blocks:
        exif.load(b"Exif\0\0" + block)
    return exif


def _of_raw(exif: Exif) -> PilExif:
    from PIL import Image
    from PIL.TiffImagePlugin import IFDRational

    block = Image.Exif()
    if exif.camera:
        block[_MODEL] = exif.camera
    details = block.get_ifd(_EXIF_IFD)
    if exif.captured_at is not None:
        details[_TIME] = exif.captured_at.strftime("%Y:%m:%d %H:%M:%S")
        details[_SUBSECONDS] = f"{exif.captured_at.microsecond:06d}"
    for tag, value in (
        (_EXPOSURE, exif.exposure_time_s),
        (_F_NUMBER, exif.f_number),
        (_FOCAL_LENGTH, exif.focal_length_mm),
    ):
        if value is not None:
            ratio = Fraction(value).limit_denominator(100_000)
            details[tag] = IFDRational(ratio.numerator, ratio.denominator)
    if exif.iso is not None:
        details[_ISO] = min(round(exif.iso), 65535)
    if exif.lens:
        details[_LENS] = exif.lens
    return block
