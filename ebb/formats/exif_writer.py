"""EXIF tags about a shot, for DNG and JPEG files.

Source: CIPA DC-008, *Exchangeable image file format for digital still cameras: Exif Version 2.3*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError
from ebb.formats import tiff_writer as tiff

if TYPE_CHECKING:
    from datetime import datetime
    from fractions import Fraction

EXIF_IFD = 34665


@dataclass(frozen=True, kw_only=True)
class ShotInfo:
    """What a camera records about a shot."""

    captured_at: datetime
    """Time of the camera's clock, without time zone, written with a resolution of 1/1000 s."""
    exposure_time_s: Fraction
    f_number: float
    iso: int
    focal_length_mm: float
    orientation: int = 1
    """EXIF Orientation, 1 … 8; pixels are stored in the orientation of the sensor."""
    make: str = "ebb"
    model: str = "ebb thin-lens camera"
    lens: str = "50mm f/1.8"
    serial: str = "0000000001"
    software: str = "ebb simulate"


def main_entries(info: ShotInfo) -> list[tiff.TiffTag]:
    """Tags of the first directory, common to all files."""
    _check(info)
    return [
        tiff.ascii_text(271, info.make),
        tiff.ascii_text(272, info.model),
        tiff.short(274, info.orientation),
        tiff.rational(282, 72),
        tiff.rational(283, 72),
        tiff.short(296, 2),  # the resolution above is per inch
        tiff.ascii_text(305, info.software),
        tiff.ascii_text(306, _date(info.captured_at)),
    ]


def exif_entries(info: ShotInfo, width: int, height: int) -> list[tiff.TiffTag]:
    """Tags of the EXIF directory.

    Args:
        info: What the camera records.
        width: Width of the stored photo in pixels.
        height: Height of the stored photo.

    Raises:
        UsageError: a value that EXIF cannot hold.
    """
    _check(info)
    date = _date(info.captured_at)
    fraction = f"{info.captured_at.microsecond // 1000:03d}"
    return [
        tiff.rational(33434, info.exposure_time_s),
        tiff.rational(33437, info.f_number),
        tiff.short(34850, 3),  # aperture priority
        tiff.short(34855, info.iso),
        tiff.undefined(36864, b"0230"),
        tiff.ascii_text(36867, date),
        tiff.ascii_text(36868, date),
        tiff.srational(37377, float(-np.log2(float(info.exposure_time_s)))),
        tiff.rational(37378, float(2 * np.log2(info.f_number))),
        tiff.rational(37386, info.focal_length_mm),
        *(tiff.ascii_text(tag, fraction) for tag in (37520, 37521, 37522)),
        tiff.short(40961, 1),  # sRGB
        tiff.long(40962, width),
        tiff.long(40963, height),
        tiff.ascii_text(42033, info.serial),
        tiff.ascii_text(42036, info.lens),
    ]


def exif_block(info: ShotInfo, width: int, height: int) -> bytes:
    """Content of a JPEG file's EXIF segment: "Exif" and a TIFF structure without pixels.

    Raises:
        UsageError: a value that EXIF cannot hold.
    """
    exif = exif_entries(info, width, height)
    entries = [*main_entries(info), tiff.short(531, 2)]  # chroma samples coincide with luma samples
    exif_at = len(tiff.HEADER) + tiff.directory_size([*entries, tiff.long(EXIF_IFD, 0)])
    main = [*entries, tiff.long(EXIF_IFD, exif_at)]
    directories = tiff.directory(main, len(tiff.HEADER)) + tiff.directory(exif, exif_at)
    return b"Exif\0\0" + tiff.HEADER + directories


def _date(moment: datetime) -> str:
    return moment.strftime("%Y:%m:%d %H:%M:%S")


def _check(info: ShotInfo) -> None:
    if info.orientation not in range(1, 9):
        raise UsageError(f"orientation {info.orientation}", hint="EXIF defines 1 to 8")
    if not (info.exposure_time_s > 0 and info.f_number > 0):
        raise UsageError(
            f"exposure time {info.exposure_time_s} s at f/{info.f_number}", hint="both must be positive"
        )
    if info.captured_at.tzinfo is not None:
        raise UsageError(
            f"capture time {info.captured_at} has a zone", hint="EXIF time is the camera's clock"
        )
