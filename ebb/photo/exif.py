"""EXIF of one camera file: what pairing and the records need, and nothing about places (GPS is left out)."""

from __future__ import annotations

import io
import math
import re
import struct
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from ebb.errors import Broken, Reason
from ebb.formats.containers import cr3_metadata, raf_blocks
from ebb.formats.heif import HEIF_SUFFIXES, heif_exif
from ebb.photo.capture import Exif
from ebb.photo.probe import RAW_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_READS = 200_000
"""Reads a hostile file may cost; honest files need a few thousand."""

_FIRST_YEAR = 2003  # EXIF 2.2 cameras; 1970, 1980 and 2000 are what a clock says that was never set
_TIME = re.compile(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_TIME_TAGS = (
    ("DateTimeOriginal", "SubSecTimeOriginal"),
    ("DateTimeDigitized", "SubSecTimeDigitized"),
    ("DateTime", "SubSecTime"),
)
_SERIAL_TAGS = ("BodySerialNumber", "Tag 0xC62F", "SerialNumber")  # 0xC62F: DNG CameraSerialNumber
_OTHER_ISO_TAGS = ("RecommendedExposureIndex", "ISOSpeed", "Tag 0x0017")  # 0x0017: Panasonic RW2
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)

Tags: TypeAlias = dict[str, Any]
"""Tag name without its directory → exifread's tag."""


def read_exif(data: bytes, suffix: str) -> Exif:
    """Read the EXIF of a whole camera file.

    A value of 0 or 0/0 counts as not written (manual lenses). The time is DateTimeOriginal, else
    DateTimeDigitized, else DateTime, with its own sub-seconds; a year before 2003 means that the clock was
    never set. RAF and CR3 keep their EXIF in an embedded JPEG and in ``CMT`` boxes. The orientation of a HEIC
    is always 1: it turns itself (:mod:`ebb.formats.heif`). A lens that only the
    maker notes name is taken from LibRaw, and so is everything of a RAW file without EXIF known to exifread.
    A file without EXIF, or with EXIF that cannot be parsed, gives an empty :class:`Exif`.

    Args:
        data: The whole file.
        suffix: Suffix of its name, e.g. ``.CR2``.

    Raises:
        Broken: ``corrupt_input`` when the container is cut or the tags refer to each other without end.
    """
    suffix = suffix.lower()
    tags: Tags = {}
    for block in _exif_blocks(data, suffix):
        tags |= _parse(block)
    exif = _from_tags(tags)
    if suffix in RAW_SUFFIXES and not exif.lens:
        return _completed_by_libraw(exif, data, had_exif=bool(tags))
    return replace(exif, orientation=1) if suffix in HEIF_SUFFIXES else exif


def _exif_blocks(data: bytes, suffix: str) -> Iterable[bytes]:
    """The parts of the file that exifread understands."""
    if suffix == ".raf":
        return [data[part.start : part.stop] for part in raf_blocks(data)[:1]]
    if suffix == ".cr3":
        return cr3_metadata(data)
    if suffix in HEIF_SUFFIXES:
        return heif_exif(data)
    return [data]


class _LimitedReads(io.BytesIO):
    """A file that refuses to be read for ever: loops in hostile EXIF end here."""

    reads_left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads_left -= 1
        if self.reads_left < 0:
            raise Broken(Reason.CORRUPT_INPUT, "has EXIF tags without end")
        return super().read(size)


def _parse(block: bytes) -> Tags:
    """Tags of the first image and of its EXIF directory; maker notes, thumbnail and GPS are left alone."""
    import exifread

    try:
        # With details=True a 62-byte file can keep exifread in a loop for ever.
        found = exifread.process_file(_LimitedReads(block), details=False, extract_thumbnail=False)
    except _PARSE_ERRORS:  # exifread's own failures on damaged tags; ours are Broken and pass
        return {}
    tags: Tags = {}
    for group in ("Image ", "EXIF "):
        tags |= {name.removeprefix(group): tag for name, tag in found.items() if name.startswith(group)}
    return tags


def _from_tags(tags: Tags) -> Exif:
    orientation = _numbers(tags.get("Orientation"))[:1]
    return Exif(
        camera=_camera(_text(tags.get("Make")), _text(tags.get("Model"))),
        lens=_lens(tags),
        serial=next(filter(None, (_text(tags.get(name)) for name in _SERIAL_TAGS)), ""),
        focal_length_mm=_positive(tags, "FocalLength"),
        f_number=_f_number(tags),
        exposure_time_s=_positive(tags, "ExposureTime"),
        iso=_positive(tags, "ISOSpeedRatings", *_OTHER_ISO_TAGS),
        captured_at=_captured_at(tags),
        orientation=int(orientation[0]) if orientation and orientation[0] in range(1, 9) else 1,
    )


def _text(tag: Any) -> str:  # noqa: ANN401 (exifread has no types)
    """Printable text of an ASCII tag, cut at the first NUL, spaces collapsed."""
    value = getattr(tag, "values", "")
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    kept = "".join(letter if letter.isprintable() else " " for letter in value.split("\0", 1)[0])
    return " ".join(kept.split())


def _numbers(tag: Any) -> list[float]:  # noqa: ANN401
    """Numbers of a tag; NaN where it holds n/0."""
    values = getattr(tag, "values", ())
    if isinstance(values, str | bytes):
        return []
    return [_number(value[0] if isinstance(value, tuple) else value) for value in values]


def _number(value: Any) -> float:  # noqa: ANN401
    try:
        return float(value)
    except (ArithmeticError, TypeError, ValueError):
        return math.nan


def _positive(tags: Tags, *names: str) -> float | None:
    """First of these tags that holds a number above zero."""
    for name in names:
        numbers = _numbers(tags.get(name))
        if numbers and (number := _usable(numbers[0])):
            return number
    return None


def _usable(number: float) -> float | None:
    """The number if it is above zero and finite."""
    return number if math.isfinite(number) and number > 0 else None


def _f_number(tags: Tags) -> float | None:
    """FNumber, else from ApertureValue, the APEX value Av = 2 log2(F) (EXIF 2.32, annex C)."""
    f_number = _positive(tags, "FNumber")
    if f_number is not None:
        return f_number
    apex = _positive(tags, "ApertureValue")
    return 2 ** (apex / 2) if apex is not None and apex < 20 else None


def _camera(make: str, model: str) -> str:
    """Make and model; ``Canon`` + ``Canon EOS 7D`` and ``NIKON CORPORATION`` + ``NIKON D90`` name it once."""
    brand = make.partition(" ")[0]
    repeated = brand and model.casefold().startswith(brand.casefold())
    return model if repeated else f"{make} {model}".strip()


def _lens(tags: Tags) -> str:
    """LensModel, else LensSpecification as text: ``18-55mm f/3.5-5.6``."""
    model = _text(tags.get("LensModel"))
    if any(letter.isalnum() for letter in model):
        return model
    known = [number if number > 0 else 0.0 for number in _numbers(tags.get("LensSpecification"))]
    if len(known) != 4 or not known[0]:
        return ""
    aperture = f" f/{_range(known[2], known[3])}" if known[2] else ""
    return f"{_range(known[0], known[1])}mm{aperture}"


def _range(first: float, last: float) -> str:
    return f"{first:g}" if last in (0.0, first) else f"{first:g}-{last:g}"


def _captured_at(tags: Tags) -> datetime | None:
    for time_tag, fraction_tag in _TIME_TAGS:
        time = _time(_text(tags.get(time_tag)), _text(tags.get(fraction_tag)))
        if time is not None:
            return time
    return None


def _time(text: str, fraction: str) -> datetime | None:
    """``2019:06:02 14:04:49`` and the digits after the decimal point; ``None`` for no or an unset clock."""
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
    """Add the lens that only maker notes name, or all that LibRaw read if there was no EXIF."""
    import rawpy

    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            lens, shot = raw.lens, raw.other
    except rawpy.LibRawError:
        return exif  # what is wrong with the file is for probe and decode to say
    lens_name = _camera(lens.make.strip("\0 "), lens.model.strip("\0 "))
    if had_exif:
        return replace(exif, lens=lens_name)
    time = shot.timestamp.replace(tzinfo=None)
    return Exif(
        lens=lens_name,
        focal_length_mm=_usable(shot.focal_length),
        # LibRaw turns the 0/0 of a manual lens into 1.0; the focal length is 0 then.
        f_number=_usable(shot.aperture) if shot.focal_length else None,
        exposure_time_s=_usable(shot.shutter_speed),
        iso=_usable(shot.iso_speed),
        captured_at=time if time.year >= _FIRST_YEAR else None,
    )
