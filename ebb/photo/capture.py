"""Metadata of camera files."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - fields keep their type at run time
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Exif:
    """EXIF metadata of one file; ``None`` or ``""`` where a value is missing or unusable."""

    camera: str = ""
    """Make and model without repetition of the make: ``Canon EOS 7D``."""
    lens: str = ""
    serial: str = ""
    """Serial number of the body; used for pairing and not written to data sets."""
    focal_length_mm: float | None = None
    f_number: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None
    captured_at: datetime | None = None
    """Time of the camera's clock, without a time zone, with sub-seconds if available."""
    orientation: int = 1
    """EXIF Orientation, 1…8."""

    @property
    def is_portrait(self) -> bool:
        """Whether the upright photo is turned by 90° against the stored one."""
        return self.orientation in (5, 6, 7, 8)


@dataclass(frozen=True, kw_only=True)
class FileMetadata:
    """Result of reading one file of a folder."""

    sha256: str
    kind: Literal["photo", "depth"] = "photo"
    """``depth``: a file named like the depth map of a photo, which is not opened at ingest."""
    width: int = 0
    """Width of the developed, upright photo in pixels."""
    height: int = 0
    exif: Exif = field(default_factory=Exif)


@dataclass(frozen=True, kw_only=True)
class Capture:
    """A readable camera file."""

    name: str
    """Path relative to the ingested folder, with forward slashes."""
    folder: str = ""
    """The ingested folder; distinguishes equal names of different folders."""
    sha256: str
    width: int = 0
    """Width of the developed, upright photo in pixels."""
    height: int = 0
    exif: Exif = field(default_factory=Exif)
