"""All detectors on one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.artefacts.findings import KINDS
from ebb_train.artefacts.halo import halo
from ebb_train.artefacts.light import broken, drift, overshoot
from ebb_train.artefacts.patterns import grid, repeats
from ebb_train.artefacts.seams import seams
from ebb_train.artefacts.sharpness import missing_blur, soft_focus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ebb_train.artefacts.findings import Finding
    from ebb_train.artefacts.scene import JudgedScene, Picture

SMALLEST = 64
"""Smallest side of pictures that can be judged."""

DETECTORS: Sequence[Callable[[JudgedScene, Picture], Finding | None]] = (
    soft_focus,
    missing_blur,
    halo,
    grid,
    drift,
    seams,
    overshoot,
    repeats,
)
"""All but :func:`~ebb_train.artefacts.light.broken`, whose pixels they are not shown."""

_MARGIN = 12
"""Pixels around broken ones that are replaced as well."""


def detect(scene: JudgedScene, output: NDArray[np.floating]) -> list[Finding]:
    """Search a picture for artefacts.

    Args:
        scene: The photo it was made of, and the blur it should have.
        output: (H, W, 3), sRGB-encoded, nominally in [0, 1]; may contain NaN and infinities.

    Returns:
        One finding per detector that could judge; flagged or not.

    Raises:
        InvalidInput: the sizes differ, or the picture is smaller than 64 pixels.
    """
    if output.shape != scene.photo.shape:
        raise InvalidInput(f"a picture of shape {output.shape} of a photo of shape {scene.photo.shape}")
    if min(output.shape[:2]) < SMALLEST:
        raise InvalidInput(f"artefacts are judged from {SMALLEST} pixels per side")
    values = output.astype(np.float32)
    damage = broken(scene, values)
    whole = _mended(scene, values, damage)
    found = [damage, *(detector(scene, whole) for detector in DETECTORS)]
    order = list(KINDS)
    return sorted((one for one in found if one is not None), key=lambda one: order.index(one.kind))


def _mended(scene: JudgedScene, output: Picture, damage: Finding) -> Picture:
    """The picture with the layered render in place of broken pixels and their neighbours."""
    import cv2

    if not damage.where.any():
        return np.asarray(output.clip(0, 1))
    square = np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)
    wide = cv2.dilate(damage.where.astype(np.uint8), square).astype(bool)
    return np.where(wide[..., None], scene.layered, np.nan_to_num(output)).clip(0, 1)
