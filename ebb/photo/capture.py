"""What is known of one camera file: its name, its hash and its EXIF."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - fields keep their type at run time
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Exif:
    """EXIF of one file with units in the names; ``None`` or ``""`` where the camera wrote nothing usable."""

    camera: str = ""
    """Make and model, the make not repeated: ``Canon EOS 7D``."""
    lens: str = ""
    serial: str = ""
    """Serial number of the body: tells two bodies of one model apart, never leaves the catalogue."""
    focal_length_mm: float | None = None
    f_number: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None
    captured_at: datetime | None = None
    """Time on the camera's clock, without a zone, with the sub-seconds the camera wrote."""
    orientation: int = 1
    """EXIF Orientation, 1…8."""


@dataclass(frozen=True, kw_only=True)
class FileMetadata:
    """What reading one file of a folder gave."""

    sha256: str
    kind: Literal["photo", "depth"] = "photo"
    """depth: named as the depth map of a photo; not opened at ingest."""
    width: int = 0
    """Of the developed, upright photo in pixels."""
    height: int = 0
    exif: Exif = field(default_factory=Exif)


@dataclass(frozen=True, kw_only=True)
class Capture:
    """One camera file that could be read."""

    name: str
    """Path relative to the ingested folder, with forward slashes."""
    folder: str = ""
    """The ingested folder; tells equal names of two folders apart."""
    sha256: str
    width: int = 0
    """Width of the developed, upright photo in pixels."""
    height: int = 0
    exif: Exif = field(default_factory=Exif)
