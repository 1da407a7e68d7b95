"""Files that are one shot: equal bytes under two names, and a RAW file with its developed twin."""

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
"""What copies are called: a folder ``backup``, a file ``IMG_0001 (1)`` or ``IMG_0001 - Copy``."""


def copy_rank(name: str) -> tuple[int, int, int]:
    """Least for what is probably the original of several equal files.

    Copies are called so, lie in folders of their own, and have longer names.

    Args:
        name: Path with forward slashes.
    """
    parts = splitext(name.casefold())[0].split("/")
    return sum(bool(_COPY.search(part)) for part in parts), name.count("/"), len(name)


def same_exposure(one: Capture, other: Capture) -> bool:
    """Whether two files of one name are one shot: same camera, f-number and time, else one folder."""
    if not _same_camera(one, other):
        return False
    time, other_time = one.exif.captured_at, other.exif.captured_at
    if time is None or other_time is None:
        return _folder(one) == _folder(other)
    if not (time.microsecond and other_time.microsecond):  # one reader may know whole seconds only
        time, other_time = time.replace(microsecond=0), other_time.replace(microsecond=0)
    return time == other_time


def same_instant(one: Capture, other: Capture) -> bool:
    """Whether two files of any names are one shot: same camera, settings and fraction of a second.

    A phone may name a RAW file and its JPEG apart. Without a fraction two shots of a burst look the same.
    """
    time, names = one.exif.captured_at, (one.exif.camera, other.exif.camera)
    if time is None or not time.microsecond or time != other.exif.captured_at or not all(names):
        return False
    a, b = one.exif.exposure_time_s, other.exif.exposure_time_s
    exposed_alike = a is None or b is None or math.isclose(a, b, rel_tol=_SAME_EXPOSURE)
    return exposed_alike and _same_camera(one, other)


def _same_camera(one: Capture, other: Capture) -> bool:
    """Same camera, as far as both name it, at the same f-number."""
    for a, b in ((one.exif.camera, other.exif.camera), (one.exif.serial, other.exif.serial)):
        if a and b and a.casefold() != b.casefold():
            return False
    return math.isclose(one.exif.f_number or 0, other.exif.f_number or 0, rel_tol=_SAME_F_NUMBER)


def _folder(capture: Capture) -> tuple[str, str]:
    return capture.folder, capture.name.rpartition("/")[0]
