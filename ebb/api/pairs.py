"""Two photos of a scene brought into register, from files or arrays."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.api.photos import MAX_MEGAPIXELS, Photo, PhotoLike, pixels_of
from ebb.errors import Broken
from ebb.files import read_bytes
from ebb.geometry.crop import crop_to_photo
from ebb.photo.capture import Exif
from ebb.photo.decode import developed_size
from ebb.photo.exif import read_exif
from ebb.photo.frame import DevelopedFrame, Frame, open_frame
from ebb.photo.probe import probe
from ebb.photo.resample import NEUTRAL
from ebb.quality.exposure import exif_ev
from ebb.settings import AlignSettings
from ebb.stages import align

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import Rgb8
    from ebb.stages.align import Registration


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """Two photos of equal size that show the same part of a scene.

    Attributes:
        wide: (H, W, 3), uint8, sRGB: the common part of the photo with the large depth of field.
        shallow: (H, W, 3), uint8, sRGB: the same part of the photo with the shallow depth of field.
        registration: Homography, common crop and measurements.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> pair = ebb.align_pair(scene[:-6, :-4], scene[6:, 4:], ebb.AlignSettings(height=96))
        >>> pair.wide.shape == pair.shallow.shape, pair.registration.motion_model
        (True, 'translation')
    """

    wide: Rgb8
    shallow: Rgb8
    registration: Registration


def register(wide: PhotoLike, shallow: PhotoLike, settings: AlignSettings | None = None) -> Registration:
    """Find the motion between two photos, their common crop, and how well they agree.

    SIFT keypoints, a robust first homography, the simplest motion that explains what is in focus in both
    photos, and a refinement there by iteratively reweighted least squares. Photos are measured at a height of
    at most 1024 pixels. The exposures in the EXIF of files are taken into account.

    Args:
        wide: The photo with the large depth of field: a file, a :class:`Photo`, or pixels (H, W, 3), sRGB,
            uint8, uint16, or floats in [0, 1].
        shallow: The photo with the shallow depth of field, likewise; sizes may differ.
        settings: Choices and limits; None: the defaults.

    Returns:
        ``H_shallow_to_wide``: (3, 3) float64, maps (x, y, 1) of the full-size shallow photo to the full-size
        wide photo, integers being pixel centres; ``crop``: the rectangle of the wide photo that both show, in
        whole pixels; ``motion_model``; and measurements.

    Raises:
        Rejected: no motion explains the matches, or a measurement is beyond its limit.
        Broken: a file is not a photo, or damaged.
        InvalidInput: a file cannot be read.
        UsageError: an array is not a photo.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> found = ebb.register(scene[:-6, :-4], scene[6:, 4:])  # the camera moved by 4 and 6 pixels
        >>> found.H_shallow_to_wide[:2, 2].round(1).tolist()
        [4.0, 6.0]
    """
    settings = settings or AlignSettings()
    return _frames(wide, shallow, settings).register(settings)


def align_pair(wide: PhotoLike, shallow: PhotoLike, settings: AlignSettings | None = None) -> AlignedPair:
    """Bring two photos into register, cut them to what both show, and reduce them to one size.

    Each photo is resampled once, in linear light, through the same Lanczos-3 filter.

    Args:
        wide: As in :func:`register`.
        shallow: As there.
        settings: Choices and limits; ``height`` is that of the result, 1024 by default. None: the defaults.

    Returns:
        Both photos, ``settings.height`` rows high, and their registration.

    Raises:
        Rejected: as in :func:`register`; ``too_small`` where the common crop is lower than the height.
        Broken: as there.
        InvalidInput: as there.
        UsageError: as there.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> pair = ebb.align_pair(scene[:-6, :-4], scene[6:, 4:], ebb.AlignSettings(height=96))
        >>> pair.wide.shape[0], bool(np.abs(pair.wide.astype(int) - pair.shallow).mean() < 2)
        (96, True)
    """
    settings = settings or AlignSettings()
    frames = _frames(wide, shallow, settings)
    found = frames.register(settings)
    size = align.stored_size(found.crop, settings.height)
    H_out_to_wide = crop_to_photo(found.crop, size)
    H_out_to_shallow = np.linalg.inv(found.H_shallow_to_wide) @ H_out_to_wide
    gain = found.gain if settings.match_exposure else NEUTRAL
    return AlignedPair(
        wide=frames.wide.resample(H_out_to_wide, size),
        shallow=frames.shallow.resample(H_out_to_shallow, size, gain),
        registration=found,
    )


class _Frames(NamedTuple):
    wide: Frame
    shallow: Frame
    prior_ev: float | None

    def register(self, settings: AlignSettings) -> Registration:
        return align.register(self.wide, self.shallow, settings, self.prior_ev)


class _Opened(NamedTuple):
    height: int
    exif: Exif
    develop: Callable[[float], Frame]
    """Makes the frame, given the reduction as :func:`ebb.photo.frame.open_frame` takes it."""


def _frames(wide: PhotoLike, shallow: PhotoLike, settings: AlignSettings) -> _Frames:
    """Both photos, developed in the same way as by the stage."""
    first, second = _open(wide), _open(shallow)
    reduction = min(first.height, second.height) / max(settings.height, align.DETECTION_HEIGHT)
    prior_ev = exif_ev(_exposure(first.exif), _exposure(second.exif))
    return _Frames(first.develop(reduction), second.develop(reduction), prior_ev)


def _open(photo: PhotoLike) -> _Opened:
    if isinstance(photo, str | PathLike):
        return _open_file(Path(photo))
    pixels = pixels_of(photo)
    exif = photo.exif if isinstance(photo, Photo) else Exif()
    return _Opened(pixels.shape[0], exif, lambda _: DevelopedFrame(pixels))


def _open_file(path: Path) -> _Opened:
    data, suffix = read_bytes(path), path.suffix.lower()

    def develop(reduction: float) -> Frame:
        try:
            return open_frame(data, suffix, exif.orientation, reduction)
        except Broken as error:
            raise Broken(error.reason, error.message, path=path) from error

    try:
        stored = probe(data, suffix, MAX_MEGAPIXELS)
        exif = read_exif(data, suffix)
    except Broken as error:
        raise Broken(error.reason, error.message, path=path) from error
    return _Opened(developed_size(stored, exif.orientation).height, exif, develop)


def _exposure(exif: Exif) -> tuple[float | None, float | None, float | None]:
    return exif.f_number, exif.exposure_time_s, exif.iso
