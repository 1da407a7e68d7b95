"""Reading of EXIF metadata for pairing and records; GPS data are not read."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeAlias

from ebb.formats.containers import cr3_metadata, raf_blocks
from ebb.formats.exif_block import TagValue, jpeg_exif, merged, png_exif, tiff_orientation
from ebb.formats.heif import HEIF_SUFFIXES, heif_exif
from ebb.photo.capture import Exif
from ebb.photo.suffixes import RAW_SUFFIXES

_TIFF_SUFFIXES = (".tif", ".tiff")
_FIRST_YEAR = 2003  # unset clocks start in 1970, 1980 or 2000
_TIME = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_MAKE, _MODEL, _ORIENTATION = 0x010F, 0x0110, 0x0112
_EXPOSURE_TIME, _F_NUMBER, _APERTURE, _FOCAL_LENGTH = 0x829A, 0x829D, 0x9202, 0x920A
_LENS_SPECIFICATION, _LENS_MODEL = 0xA432, 0xA434
_TIMES = ((0x9003, 0x9291), (0x9004, 0x9292), (0x0132, 0x9290))
"""Tags of DateTimeOriginal, DateTimeDigitized and DateTime, each with its sub-seconds."""
_SERIALS = (0xA431, 0xC62F)
"""BodySerialNumber and CameraSerialNumber of a DNG."""
_ISOS = (0x8827, 0x8832, 0x8833, 0x0017)
"""ISOSpeedRatings, RecommendedExposureIndex, ISOSpeed, and the tag in Panasonic's RW2 files."""
_ORIENTATION_OF_FLIP = {3: 3, 5: 8, 6: 6}
"""LibRaw's flip → EXIF Orientation."""

Tags: TypeAlias = Mapping[int, TagValue]


def read_exif(data: bytes, suffix: str) -> Exif:
    """Read the EXIF metadata of a camera file.

    Values of 0 or 0/0, as written with manual lenses, and unreadable tags count as missing. The time is
    DateTimeOriginal, DateTimeDigitized or DateTime, in this order, with its sub-seconds; years before 2003
    indicate an unset clock. RAF files store EXIF in an embedded JPEG, CR3 files in ``CMT`` boxes. The
    orientation of HEIC files is always 1, as decoding rotates them (:mod:`ebb.formats.heif`). LibRaw provides
    lenses that only the maker notes name, and all values of RAW files without EXIF.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name, e.g. ``.CR2``.

    Returns:
        The metadata; empty if the file has none.

    Raises:
        Broken: ``corrupt_input``: the container is truncated.
    """
    suffix = suffix.lower()
    tags = merged(exif_blocks(data, suffix))
    if suffix in _TIFF_SUFFIXES:
        tags |= tiff_orientation(data)
    exif = _from_tags(tags)
    if suffix in RAW_SUFFIXES and not exif.lens:
        return _completed_by_libraw(exif, data, had_exif=bool(tags))
    return replace(exif, orientation=1) if suffix in HEIF_SUFFIXES else exif


def exif_blocks(data: bytes, suffix: str) -> list[bytes]:
    """EXIF blocks of a camera file, each in TIFF format; of TIFF-like files the file itself.

    Raises:
        Broken: ``corrupt_input``: the container is truncated.
    """
    suffix = suffix.lower()
    if suffix in (".jpg", ".jpeg"):
        return jpeg_exif(data)
    if suffix == ".png":
        return png_exif(data)
    if suffix == ".raf":
        return [block for part in raf_blocks(data)[:1] for block in jpeg_exif(data[part.start : part.stop])]
    if suffix == ".cr3":
        return cr3_metadata(data)
    if suffix in HEIF_SUFFIXES:
        return heif_exif(data)
    return [data]


def _from_tags(tags: Tags) -> Exif:
    orientation = _numbers(tags, _ORIENTATION)[:1]
    return Exif(
        camera=_camera(_text(tags, _MAKE), _text(tags, _MODEL)),
        lens=_lens(tags),
        serial=next(filter(None, (_text(tags, tag) for tag in _SERIALS)), ""),
        focal_length_mm=_positive(tags, _FOCAL_LENGTH),
        f_number=_f_number(tags),
        exposure_time_s=_positive(tags, _EXPOSURE_TIME),
        iso=_positive(tags, *_ISOS),
        captured_at=_captured_at(tags),
        orientation=int(orientation[0]) if orientation and orientation[0] in range(1, 9) else 1,
    )


def _text(tags: Tags, tag: int) -> str:
    """Printable text of a tag, with whitespace collapsed."""
    value = tags.get(tag)
    if not isinstance(value, str):
        return ""
    kept = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(kept.split())


def _numbers(tags: Tags, tag: int) -> tuple[float, ...]:
    value = tags.get(tag, ())
    return () if isinstance(value, str) else value


def _positive(tags: Tags, *names: int) -> float | None:
    """First positive number among the given tags."""
    for tag in names:
        numbers = _numbers(tags, tag)
        if numbers and (number := _usable(numbers[0])):
            return number
    return None


def _usable(number: float) -> float | None:
    """The number if it is positive and finite."""
    return number if math.isfinite(number) and number > 0 else None


def _f_number(tags: Tags) -> float | None:
    """FNumber, or the f-number from ApertureValue, the APEX value Av = 2 log2(F) (EXIF 2.32, annex C)."""
    f_number = _positive(tags, _F_NUMBER)
    if f_number is not None:
        return f_number
    apex = _positive(tags, _APERTURE)
    return 2 ** (apex / 2) if apex is not None and apex < 20 else None


def _camera(make: str, model: str) -> str:
    """Make and model; the make is omitted if the model begins with it (``NIKON D90``, ``Canon EOS 7D``)."""
    brand = make.partition(" ")[0]
    repeated = brand and model.casefold().startswith(brand.casefold())
    return model if repeated else f"{make} {model}".strip()


def _lens(tags: Tags) -> str:
    """LensModel, or LensSpecification as text: ``18-55mm f/3.5-5.6``."""
    model = _text(tags, _LENS_MODEL)
    if any(letter.isalnum() for letter in model):
        return model
    known = [number if number > 0 else 0.0 for number in _numbers(tags, _LENS_SPECIFICATION)]
    if len(known) != 4 or not known[0]:
        return ""
    aperture = f" f/{_range(known[2], known[3])}" if known[2] else ""
    return f"{_range(known[0], known[1])}mm{aperture}"


def _range(first: float, last: float) -> str:
    return f"{first:g}" if last in (0.0, first) else f"{first:g}-{last:g}"


def _captured_at(tags: Tags) -> datetime | None:
    for time_tag, fraction_tag in _TIMES:
        time = _time(_text(tags, time_tag), _text(tags, fraction_tag))
        if time is not None:
            return time
    return None


def _time(text: str, fraction: str) -> datetime | None:
    """Parse ``2019:06:02 14:04:49`` and the decimals of the seconds; ``None`` if the clock was not set."""
    match = _TIME.match(text)
    if match is None or int(match.group(1)) < _FIRST_YEAR:
        return None
    year, month, day, hour, minute, second = match.groups()
    digits = fraction if fraction.isascii() and fraction.isdigit() else ""
    microseconds = digits[:6].ljust(6, "0")
    try:
        return datetime.fromisoformat(f"{year}-{month}-{day}T{hour}:{minute}:{second}.{microseconds}")
    except ValueError:
        return None


def _completed_by_libraw(exif: Exif, data: bytes, *, had_exif: bool) -> Exif:
    """Add the lens from the maker notes, or all values read by LibRaw if there is no EXIF."""
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            lens, flip = raw.lens, raw.sizes.flip
            shot = None if had_exif else _shot(raw)
    except rawpy.LibRawError:
        return exif  # probe and decode report the problem
    lens_name = _camera(lens.make.strip("\0 "), lens.model.strip("\0 "))
    if had_exif:
        return replace(exif, lens=lens_name)
    orientation = _ORIENTATION_OF_FLIP.get(flip, 1)
    if shot is None:
        return Exif(lens=lens_name, orientation=orientation)
    time = shot.timestamp.replace(tzinfo=None)
    return Exif(
        lens=lens_name,
        focal_length_mm=_usable(shot.focal_length),
        # LibRaw returns 1.0 for the 0/0 of a manual lens; the focal length is then 0.
        f_number=_usable(shot.aperture) if shot.focal_length else None,
        exposure_time_s=_usable(shot.shutter_speed),
        iso=_usable(shot.iso_speed),
        captured_at=time if time.year >= _FIRST_YEAR else None,
        orientation=orientation,
    )


def _shot(raw: Any) -> Any:  # noqa: ANN401 - rawpy has no types
    """Exposure and time; ``None`` if the time is not a date, such as one of the month 99."""
    try:
        return raw.other
    except (ValueError, OverflowError, OSError):
        return None
