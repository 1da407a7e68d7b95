"""Detection of several files of one shot: copies, and RAW files with developed twins."""

from __future__ import annotations

import math
import re
from posixpath import splitext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebb.photo.capture import Capture

_SAME_F_NUMBER, _SAME_EXPOSURE = 0.01, 0.01
_COPY = re.compile(
    r"(?<![a-z])(?:back-?ups?|bak|cop(?:y|ies|ie|ia)|kopien?|sicherung(?:en)?|duplicates?|archi(?:ve|v)s?|trash)"
    r"(?![a-z])"
    r"|\(\d+\)$"
)
"""Names of copies: a folder ``backup``, a file ``IMG_0001 (1)`` or ``IMG_0001 - Copy``."""


def copy_rank(name: str) -> tuple[int, int, int]:
    """Sort key of equal files, smallest for the probable original.

    Copies have typical names, are stored in subfolders, and have longer names.

    Args:
        name: Path with forward slashes.
    """
    parts = splitext(name.casefold())[0].split("/")
    return sum(bool(_COPY.search(part)) for part in parts), name.count("/"), len(name)


def same_exposure(one: Capture, other: Capture) -> bool:
    """Whether two files of equal names show one shot: same camera, f-number, and time (or folder)."""
    if not _same_camera(one, other):
        return False
    time, other_time = one.exif.captured_at, other.exif.captured_at
    if time is None or other_time is None:
        return _folder(one) == _folder(other)
    if not (time.microsecond and other_time.microsecond):  # some readers provide whole seconds only
        time, other_time = time.replace(microsecond=0), other_time.replace(microsecond=0)
    return time == other_time


def same_instant(one: Capture, other: Capture) -> bool:
    """Whether two files of any names show one shot: same camera, settings and time with sub-seconds.

    Some phones use different names for a RAW file and its JPEG. Sub-seconds distinguish shots of a burst.
    """
    time, names = one.exif.captured_at, (one.exif.camera, other.exif.camera)
    if time is None or not time.microsecond or time != other.exif.captured_at or not all(names):
        return False
    a, b = one.exif.exposure_time_s, other.exif.exposure_time_s
    exposed_alike = a is None or b is None or math.isclose(a, b, rel_tol=_SAME_EXPOSURE)
    return exposed_alike and _same_camera(one, other)


def _same_camera(one: Capture, other: Capture) -> bool:
    """Whether the f-numbers, and the cameras if both are known, are equal."""
    for a, b in ((one.exif.camera, other.exif.camera), (one.exif.serial, other.exif.serial)):
        if a and b and a.casefold() != b.casefold():
            return False
    return math.isclose(one.exif.f_number or 0, other.exif.f_number or 0, rel_tol=_SAME_F_NUMBER)


def _folder(capture: Capture) -> tuple[str, str]:
    return capture.folder, capture.name.rpartition("/")[0]
