"""Registration of two photos: the motion between them, their common crop and everything measured on both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.photo.frame import DevelopedFrame
from ebb.quality.exposure import clipped_share
from ebb.quality.gates import check_alignment, check_measured
from ebb.registration.detection import detection_photo
from ebb.registration.estimate import find_motion
from ebb.registration.measure import measure
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from ebb.arrays import Rgb
    from ebb.photo.frame import Frame
    from ebb.registration.coarse import Look
    from ebb.registration.detection import DetectionPhoto
    from ebb.registration.keypoints import Keypoints
    from ebb.registration.measure import Registration

DEFAULTS = AlignSettings()


def register(
    wide: Frame | Rgb, shallow: Frame | Rgb, settings: AlignSettings = DEFAULTS, prior_ev: float | None = None
) -> Registration:
    """Find the motion between two photos of a scene, their common crop, and how well they match.

    Keypoints give a first motion, tiles that are sharp in both photos refine it, and the measurements are
    held against the limits of the settings. All this happens at 1024 px height, whatever the photos' size.

    Args:
        wide: The photo with the large depth of field: an array (height, width, 3) of sRGB values, uint8 or
            uint16, or a frame of :func:`ebb.photo.frame.open_frame`.
        shallow: The photo with the shallow depth of field, likewise; its size may be another.
        settings: Limits and choices.
        prior_ev: By how many stops the shallow photo should be brighter, from f-numbers, times and ISO.
            A weak prior: it counts where hardly anything is bright enough to measure.

    Returns:
        The registration; its homography and crop are in pixels of the photos as they were given, its lengths
        in pixels at 1024 px height.

    Raises:
        ValueError: an array is not (height, width, 3) of uint8 or uint16.
        ebb.errors.Rejected: no motion explains the matches, or a measurement is beyond its limit; ``reason``
            says which, ``measurements`` holds what was measured.

    Examples:
        A scene of random blobs, and the same moved by 6 px to the right and 4 px up, as sharp as it was:

        >>> import cv2, numpy as np
        >>> from ebb.registration.register import register
        >>> from ebb.settings import AlignSettings
        >>> noise = np.random.default_rng(0).standard_normal((520, 760, 3)).astype(np.float32)
        >>> blobs = sum(cv2.GaussianBlur(noise, (0, 0), s) * s for s in (1.5, 4, 12))
        >>> scene = np.clip(128 + 100 * blobs, 0, 255).astype(np.uint8)
        >>> wide, shallow = scene[20:500, 20:740], scene[24:504, 14:734]
        >>> registration = register(wide, shallow, AlignSettings(min_blur_px=0))
        >>> (registration.H_shallow_to_wide.round(1) + 0.0).tolist()
        [[1.0, 0.0, -6.0], [0.0, 1.0, 4.0], [0.0, 0.0, 1.0]]
        >>> registration.measurements.residual_px < 0.1
        True
    """
    photos = detection_photo(_frame(wide)), detection_photo(_frame(shallow))
    return register_detected(*photos, settings, prior_ev)


def register_detected(
    wide: DetectionPhoto,
    shallow: DetectionPhoto,
    settings: AlignSettings,
    prior_ev: float | None,
    seen: dict[Look, Keypoints] | None = None,
) -> Registration:
    """Do what :func:`register` does, for photos at detection height.

    Args:
        wide: The wide photo.
        shallow: The shallow photo.
        settings: Limits and choices.
        prior_ev: As in :func:`register`.
        seen: As in :func:`ebb.registration.coarse.coarse_motion`.

    Raises:
        ebb.errors.Rejected: as :func:`register`.
    """
    check_exposure(wide, shallow, settings)
    estimate = find_motion(wide, shallow, settings, seen)
    registration = measure(wide, shallow, estimate, settings, prior_ev)
    check_alignment(registration.measurements, settings)
    return registration


def check_exposure(wide: DetectionPhoto, shallow: DetectionPhoto, settings: AlignSettings) -> None:
    """Reject an overexposed photo before anything is looked for in it.

    Raises:
        Rejected: ``exposure_mismatch``.
    """
    shares = {"clipped_wide": clipped_share(wide.rgb), "clipped_shallow": clipped_share(shallow.rgb)}
    check_measured(shares, settings)


def _frame(photo: Frame | Rgb) -> Frame:
    if not isinstance(photo, np.ndarray):
        return photo
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype not in (np.uint8, np.uint16) or not photo.size:
        raise ValueError(
            f"a photo is (height, width, 3) of uint8 or uint16, not {photo.shape} of {photo.dtype}"
        )
    return DevelopedFrame(photo)
