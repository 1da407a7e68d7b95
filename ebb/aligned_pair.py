"""Alignment of two photos: opening, registration and resampling to a common pixel grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from ebb.geometry.crop import crop_to_photo, stored_size
from ebb.measurement_types import REFERENCE_HEIGHT
from ebb.photo.frame import PhotoFile, open_pair
from ebb.photo.resample import NEUTRAL
from ebb.quality.exposure import exif_ev
from ebb.registration.register import register

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebb.arrays import Rgb8
    from ebb.photo.frame import Frame, Openable
    from ebb.registration.measure import Registration
    from ebb.settings import AlignSettings


class PhotoSource(Protocol):
    """A photo to align, with its exposure from EXIF."""

    @property
    def height(self) -> int:
        """Height of the upright photo."""
        ...

    @property
    def exposure(self) -> tuple[float | None, float | None, float | None]:
        """F-number, exposure time in seconds, ISO."""
        ...

    def load(self) -> Openable:
        """Read the photo without developing it.

        Raises:
            Broken: the file is missing or has changed.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """:class:`PhotoSource` for a camera file."""

    name: str
    """File name for messages and the format."""
    read: Callable[[], bytes]
    height: int
    orientation: int
    """EXIF Orientation, 1…8."""
    exposure: tuple[float | None, float | None, float | None] = (None, None, None)

    def load(self) -> PhotoFile:
        """See :class:`PhotoSource`."""
        return PhotoFile(self.name, self.read(), self.orientation)


class AlignedPair(NamedTuple):
    """Two aligned photos of equal size.

    Attributes:
        wide: (H, W, 3), uint8, sRGB: common crop of the photo with the large depth of field.
        shallow: (H, W, 3), uint8, sRGB: common crop of the photo with the shallow depth of field.
        registration: Homography, common crop and measurements.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> pair = ebb.align_pair(scene[:-6, :-4], scene[6:, 4:], ebb.AlignSettings(height=96, min_blur_px=0))
        >>> pair.wide.shape == pair.shallow.shape, pair.registration.motion_model
        (True, 'translation')
    """

    wide: Rgb8
    shallow: Rgb8
    registration: Registration


def align_sources(wide: PhotoSource, shallow: PhotoSource, settings: AlignSettings) -> AlignedPair:
    """Register two photos, crop them to the common field of view and resample them to one size.

    Raises:
        Broken: a file cannot be read or decoded.
        Rejected: no motion model fits the matches, a measurement is beyond its limit, or the common crop is
            lower than ``settings.height`` (``too_small``).
    """
    frames = open_frames(wide, shallow, settings)
    registration = register(*frames, settings, prior_ev(wide, shallow))
    return resample_pair(*frames, registration, settings)


def open_frames(wide: PhotoSource, shallow: PhotoSource, settings: AlignSettings) -> tuple[Frame, Frame]:
    """Open both photos of a pair and develop them with the same parameters.

    Raises:
        Broken: a file is missing, has changed or cannot be decoded.
    """
    return open_pair(wide.load(), shallow.load(), least_reduction([wide, shallow], settings))


def least_reduction(photos: Sequence[PhotoSource], settings: AlignSettings) -> float:
    """Ratio of the rows of the lowest photo to those of the highest output that is made of it."""
    least = min(photo.height for photo in photos)
    return least / max(settings.height or least, REFERENCE_HEIGHT)


def prior_ev(wide: PhotoSource, shallow: PhotoSource) -> float | None:
    """Exposure of the shallow photo relative to the wide photo in EV, from EXIF; ``None`` if unknown."""
    return exif_ev(wide.exposure, shallow.exposure)


def resample_pair(
    wide: Frame, shallow: Frame, registration: Registration, settings: AlignSettings
) -> AlignedPair:
    """Resample the common crop of both photos.

    Raises:
        Rejected: ``too_small``: the crop is lower than ``settings.height``.
    """
    return AlignedPair(
        resample_wide(wide, registration, settings),
        resample_shallow(shallow, registration, settings),
        registration,
    )


def resample_wide(wide: Frame, registration: Registration, settings: AlignSettings) -> Rgb8:
    """Resample the common crop of the wide photo.

    Raises:
        Rejected: ``too_small``: the crop is lower than ``settings.height``.
    """
    size = stored_size(registration.crop, settings.height)
    return wide.resample(crop_to_photo(registration.crop, size), size)


def resample_shallow(shallow: Frame, registration: Registration, settings: AlignSettings) -> Rgb8:
    """Resample the common crop of the shallow photo.

    Raises:
        Rejected: ``too_small``: the crop is lower than ``settings.height``.
    """
    size = stored_size(registration.crop, settings.height)
    H_out_to_shallow = np.linalg.inv(registration.H_shallow_to_wide) @ crop_to_photo(registration.crop, size)
    return shallow.resample(H_out_to_shallow, size, registration.gain if settings.match_exposure else NEUTRAL)
