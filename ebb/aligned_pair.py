"""Two camera files to two photos that lie on each other: opened, registered, resampled once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.errors import Broken, Reason
from ebb.geometry.crop import crop_to_photo, stored_size
from ebb.measurement_types import REFERENCE_HEIGHT
from ebb.photo.decode import developed_size
from ebb.photo.exif import read_exif
from ebb.photo.frame import open_frame
from ebb.photo.probe import probe
from ebb.photo.resample import NEUTRAL
from ebb.quality.exposure import exif_ev
from ebb.registration.register import DEFAULTS, register
from ebb.settings import IngestSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import Rgb8
    from ebb.photo.frame import Frame
    from ebb.registration.measure import Registration
    from ebb.settings import AlignSettings


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """A camera file that can be opened, and what its EXIF says."""

    name: str
    """With its suffix."""
    read: Callable[[], bytes]
    height: int
    """Of the upright photo."""
    orientation: int
    """EXIF Orientation, 1…8."""
    f_number: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None


class AlignedPair(NamedTuple):
    """Both photos of a pair on one pixel grid."""

    wide: Rgb8
    """(settings.height, width, 3), uint8 sRGB."""
    shallow: Rgb8
    """Likewise: the same pixel shows the same place."""
    registration: Registration


def align_pair(wide: Path | str, shallow: Path | str, settings: AlignSettings = DEFAULTS) -> AlignedPair:
    """Open two camera files, bring them into register, cut them to their common part and downscale.

    Args:
        wide: The photo with the large depth of field: RAW, JPEG, HEIC, PNG or TIFF.
        shallow: The photo with the shallow depth of field.
        settings: Height of the result, limits and choices.

    Raises:
        ebb.errors.Broken: a file cannot be read or decoded.
        ebb.errors.Rejected: the photos cannot be brought into register, or the common part is lower than
            ``settings.height``; ``reason`` and ``figures`` say why.

    Example:
        >>> from ebb.aligned_pair import align_pair
        >>> from ebb.settings import AlignSettings
        >>> pair = align_pair(
        ...     "data/sample/captures/IMG_0305.JPG",
        ...     "data/sample/captures/IMG_0306.JPG",
        ...     AlignSettings(height=512),
        ... )
        >>> pair.wide.shape == pair.shallow.shape
        True
        >>> pair.registration.motion_model
        'rotation'
    """
    return align_files(camera_file(Path(wide)), camera_file(Path(shallow)), settings)


def camera_file(path: Path, max_megapixels: float = IngestSettings.max_megapixels) -> CameraFile:
    """A camera file on disk.

    Raises:
        Broken: it cannot be read, is no photo, or is too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror}", path=path) from error
    suffix = path.suffix.lower()
    try:
        stored, exif = probe(data, suffix, max_megapixels), read_exif(data, suffix)
    except Broken as error:
        raise Broken(error.reason, error.message, path=path) from error
    return CameraFile(
        name=path.name,
        read=path.read_bytes,
        height=developed_size(stored, exif.orientation).height,
        orientation=exif.orientation,
        f_number=exif.f_number,
        exposure_time_s=exif.exposure_time_s,
        iso=exif.iso,
    )


def align_files(wide: CameraFile, shallow: CameraFile, settings: AlignSettings) -> AlignedPair:
    """Align what two camera files hold.

    Raises:
        Broken: a file cannot be read or decoded.
        Rejected: as :func:`align_pair`.
    """
    frames = open_frames(wide, shallow, settings)
    registration = register(*frames, settings, prior_ev(wide, shallow))
    return resample_pair(*frames, registration, settings)


def open_frames(wide: CameraFile, shallow: CameraFile, settings: AlignSettings) -> tuple[Frame, Frame]:
    """Both photos, to be developed in the same way.

    Raises:
        Broken: a file is gone, changed or cannot be decoded.
    """
    reduction = min(wide.height, shallow.height) / max(settings.height, REFERENCE_HEIGHT)
    return _open(wide, reduction), _open(shallow, reduction)


def prior_ev(wide: CameraFile, shallow: CameraFile) -> float | None:
    """By how many stops the shallow photo should be brighter by what EXIF says; ``None`` if it does not."""
    return exif_ev(*((file.f_number, file.exposure_time_s, file.iso) for file in (wide, shallow)))


def resample_pair(
    wide: Frame, shallow: Frame, registration: Registration, settings: AlignSettings
) -> AlignedPair:
    """Resample the common part of both photos, each once.

    Raises:
        Rejected: ``too_small``, when it is lower than ``settings.height``.
    """
    size = stored_size(registration.crop, settings.height)
    H_out_to_wide = crop_to_photo(registration.crop, size)
    H_out_to_shallow = np.linalg.inv(registration.H_shallow_to_wide) @ H_out_to_wide
    gain = registration.gain if settings.match_exposure else NEUTRAL
    return AlignedPair(
        wide.resample(H_out_to_wide, size), shallow.resample(H_out_to_shallow, size, gain), registration
    )


def _open(file: CameraFile, reduction: float) -> Frame:
    data = file.read()
    try:
        return open_frame(data, PurePosixPath(file.name).suffix, file.orientation, reduction)
    except Broken as error:
        raise Broken(error.reason, error.message, path=file.name) from error
