"""Two photos of a scene brought onto one pixel grid: opened, registered, resampled once."""

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
    from collections.abc import Callable

    from ebb.arrays import Rgb8
    from ebb.photo.frame import Frame, Openable
    from ebb.registration.measure import Registration
    from ebb.settings import AlignSettings


class PhotoSource(Protocol):
    """A photo to align, with its exposure from EXIF."""

    @property
    def height(self) -> int:
        """Of the upright photo."""
        ...

    @property
    def exposure(self) -> tuple[float | None, float | None, float | None]:
        """F-number, exposure time in seconds, ISO."""
        ...

    def load(self) -> Openable:
        """Bring the photo into memory, undeveloped.

        Raises:
            Broken: the file is gone or changed.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """A camera file as a :class:`PhotoSource`."""

    name: str
    """With its suffix; for messages."""
    read: Callable[[], bytes]
    height: int
    orientation: int
    """EXIF Orientation, 1…8."""
    exposure: tuple[float | None, float | None, float | None] = (None, None, None)

    def load(self) -> PhotoFile:
        """See :class:`PhotoSource`."""
        return PhotoFile(self.name, self.read(), self.orientation)


class AlignedPair(NamedTuple):
    """Two photos of equal size that show the same part of a scene.

    Attributes:
        wide: (H, W, 3), uint8, sRGB: the common part of the photo with the large depth of field.
        shallow: (H, W, 3), uint8, sRGB: the same part of the photo with the shallow depth of field.
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
    """Bring two photos into register, cut them to their common part and reduce them to one size.

    Raises:
        Broken: a file cannot be read or decoded.
        Rejected: no motion explains the matches, a measurement is beyond its limit, or the common part is
            lower than ``settings.height`` (``too_small``).
    """
    frames = open_frames(wide, shallow, settings)
    registration = register(*frames, settings, prior_ev(wide, shallow))
    return resample_pair(*frames, registration, settings)


def open_frames(wide: PhotoSource, shallow: PhotoSource, settings: AlignSettings) -> tuple[Frame, Frame]:
    """Both photos, developed in the same way.

    Raises:
        Broken: a file is gone, changed or cannot be decoded.
    """
    reduction = min(wide.height, shallow.height) / max(settings.height, REFERENCE_HEIGHT)
    return open_pair(wide.load(), shallow.load(), reduction)


def prior_ev(wide: PhotoSource, shallow: PhotoSource) -> float | None:
    """By how many stops the shallow photo should be brighter by what EXIF says; ``None`` if it does not."""
    return exif_ev(wide.exposure, shallow.exposure)


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
