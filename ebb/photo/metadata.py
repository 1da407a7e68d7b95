"""What a new picture keeps of its photo: the colour profile, and of EXIF what still holds."""

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
"""One JPEG segment holds no more."""

_ORIENTATION, _MAKE, _MODEL, _SOFTWARE, _EXIF_IFD = 0x0112, 0x010F, 0x0110, 0x0131, 0x8769
_MAKER_NOTE, _WIDTH, _HEIGHT, _INTEROPERABILITY = 0x927C, 0xA002, 0xA003, 0xA005
_SUBSECONDS, _COLOR_SPACE = 0x9291, 0xA001
_TIME, _EXPOSURE, _F_NUMBER, _ISO, _FOCAL_LENGTH, _LENS = 0x9003, 0x829A, 0x829D, 0x8827, 0x920A, 0xA434
_TIFF_LAYOUT = frozenset(range(0x00FE, 0x0120)) - {0x010E, _MAKE, _MODEL} | frozenset(range(0x0140, 0x0200))
"""Tags that say how the pixels of a TIFF lie in it; 0x010E is the description."""
_TIFF_BLOCKS = frozenset({0x02BC, 0x83BB, 0x8649, 0x8773})
"""XMP, IPTC, Photoshop's notes and the colour profile: blocks of their own in other files."""

_TIFF_SUFFIXES = (".tif", ".tiff")

_PARSE_ERRORS = (
    *(OSError, ValueError, SyntaxError, LookupError, TypeError, ArithmeticError, struct.error),
    *(AttributeError, MemoryError),  # Pillow writes a number where its tag is text, and trusts counts
)


class Metadata(NamedTuple):
    """To be written into a picture; empty where the photo has none."""

    exif: bytes = b""
    """An EXIF block as JPEG and PNG hold it; orientation 1, no thumbnail, no maker notes."""
    icc_profile: bytes = b""
    """The photo's own, where it is sRGB to within a grey level; the pixels of all others are converted."""


def kept_metadata(data: bytes, suffix: str, exif: Exif, software: str) -> Metadata:
    """Collect what goes with the photo; a file whose metadata cannot be parsed just loses it.

    Of a RAW file, camera, lens, time and exposure are kept; of the others the whole block, places included,
    but for what would be wrong afterwards: orientation, thumbnail, and maker notes, which hold offsets.

    Args:
        data: The whole file.
        suffix: Suffix of its name.
        exif: What :func:`ebb.photo.exif.read_exif` found in it.
        software: Name and version of what makes the picture.
    """
    from PIL import Image

    try:
        if suffix.lower() in RAW_SUFFIXES:
            return Metadata(_block(lambda: _of_raw(exif), software))
        profile = kept_profile(data, suffix)
        if suffix.lower() in HEIF_SUFFIXES:
            return Metadata(_block(lambda: _of_blocks(heif_exif(data)), software), profile)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged tags, and about size, which was checked
            with Image.open(io.BytesIO(data)) as image:
                cut_out = suffix.lower() not in _TIFF_SUFFIXES
                read = (lambda: _of_blocks(exif_blocks(data, suffix)[:1])) if cut_out else image.getexif
                return Metadata(_block(read, software), profile)
    except (*_PARSE_ERRORS, Broken, Image.DecompressionBombError):
        return Metadata()


def _block(read: Callable[[], PilExif], software: str) -> bytes:
    """The block to write; empty if what is read cannot be parsed, which must not cost the colour profile."""
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
