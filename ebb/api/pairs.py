"""Registration and alignment of two photos of a scene, from files or arrays."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.aligned_pair import CameraFile, align_sources, open_frames, prior_ev
from ebb.api.photos import MAX_MEGAPIXELS, Photo, PhotoLike, pixels_of
from ebb.errors import Broken
from ebb.files import read_bytes
from ebb.photo.capture import Exif
from ebb.photo.decode import developed_size
from ebb.photo.exif import read_exif
from ebb.photo.file_size import max_file_bytes
from ebb.photo.frame import DevelopedFrame
from ebb.photo.probe import probe
from ebb.registration import register as registration
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from ebb.aligned_pair import AlignedPair, PhotoSource
    from ebb.arrays import Rgb
    from ebb.registration.measure import Registration


def register(wide: PhotoLike, shallow: PhotoLike, settings: AlignSettings | None = None) -> Registration:
    """Estimate the motion between two photos, their common crop, and measurements of the alignment.

    SIFT matches give an initial homography by robust estimation; model selection on the regions that are in
    focus in both photos chooses the motion model, which IRLS refinement then improves. The estimation works
    at a height of at most 1024 pixels. Exposures from EXIF are compensated.

    Args:
        wide: The photo with the large depth of field: a file, a :class:`Photo`, or pixels (H, W, 3), sRGB,
            uint8, uint16, or floats in [0, 1].
        shallow: The photo with the shallow depth of field, likewise; the sizes may differ.
        settings: Settings of the alignment and its limits; None: the defaults.

    Returns:
        ``H_shallow_to_wide``: (3, 3), float64, maps (x, y, 1) of the full-size shallow photo to the full-size
        wide photo, with pixel centres at integers; ``crop``: the rectangle of the wide photo that is visible
        in both, in whole pixels; ``motion_model``; and measurements.

    Raises:
        Rejected: no motion model fits the matches, or a measurement is beyond its limit.
        Broken: a file is not a photo, or is damaged.
        InvalidInput: a file cannot be read.
        UsageError: an array is not a photo.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> wide, shallow = scene[:-6, :-4], scene[6:, 4:]  # the camera moved by 4 and 6 pixels
        >>> found = ebb.register(wide, shallow, ebb.AlignSettings(min_blur_px=0))  # both are sharp
        >>> found.H_shallow_to_wide[:2, 2].round(1).tolist()
        [4.0, 6.0]
    """
    settings = settings or AlignSettings()
    sources = _source(wide), _source(shallow)
    return registration.register(*open_frames(*sources, settings), settings, prior_ev(*sources))


def align_pair(wide: PhotoLike, shallow: PhotoLike, settings: AlignSettings | None = None) -> AlignedPair:
    """Align two photos: register them, crop them to the common field of view, and resample to one size.

    Each photo is resampled once, in linear light, with the same Lanczos-3 filter.

    Args:
        wide: The photo with the large depth of field, as in :func:`register`.
        shallow: The photo with the shallow depth of field, likewise.
        settings: Settings of the alignment and its limits; ``height`` is the height of the result, 1024 by
            default. None: the defaults.

    Returns:
        ``wide`` and ``shallow``, (settings.height, W, 3), uint8, sRGB, and ``registration``.

    Raises:
        Rejected: as in :func:`register`, or ``too_small``: the common crop is lower than the height.
        Broken: a file is not a photo, or is damaged.
        InvalidInput: a file cannot be read.
        UsageError: an array is not a photo.

    Examples:
        >>> import cv2, ebb, numpy as np
        >>> noise = cv2.GaussianBlur(np.random.default_rng(0).normal(size=(200, 300, 3)), (0, 0), 1.2)
        >>> scene = (128 + 200 * noise).clip(0, 255).astype(np.uint8)
        >>> pair = ebb.align_pair(scene[:-6, :-4], scene[6:, 4:], ebb.AlignSettings(height=96, min_blur_px=0))
        >>> pair.wide.shape[0], bool(np.abs(pair.wide.astype(int) - pair.shallow).mean() < 2)
        (96, True)
    """
    return align_sources(_source(wide), _source(shallow), settings or AlignSettings())


@dataclass(frozen=True)
class _Pixels:
    """:class:`~ebb.aligned_pair.PhotoSource` for pixels in memory."""

    pixels: Rgb
    exif: Exif

    @property
    def height(self) -> int:
        return len(self.pixels)

    @property
    def exposure(self) -> tuple[float | None, float | None, float | None]:
        return _exposure(self.exif)

    def load(self) -> DevelopedFrame:
        return DevelopedFrame(self.pixels)


def _source(photo: PhotoLike) -> PhotoSource:
    if isinstance(photo, str | PathLike):
        return _camera_file(Path(photo))
    return _Pixels(pixels_of(photo), photo.exif if isinstance(photo, Photo) else Exif())


def _camera_file(path: Path) -> CameraFile:
    suffix = path.suffix.lower()
    data = read_bytes(path, max_file_bytes(suffix, MAX_MEGAPIXELS))
    try:
        stored, exif = probe(data, suffix, MAX_MEGAPIXELS), read_exif(data, suffix)
    except Broken as error:
        raise error.with_path(path) from error
    return CameraFile(
        name=str(path),
        read=lambda: data,
        height=developed_size(stored, exif.orientation).height,
        orientation=exif.orientation,
        exposure=_exposure(exif),
    )


def _exposure(exif: Exif) -> tuple[float | None, float | None, float | None]:
    return exif.f_number, exif.exposure_time_s, exif.iso
