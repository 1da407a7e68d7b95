"""Artefacts of the pictures of an evaluation: columns of the tables, and pictures of where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb_train.artefacts.detect import detect
from ebb_train.artefacts.findings import KINDS, worst
from ebb_train.artefacts.scene import JudgedScene
from ebb_train.metrics.inputs import as_unit
from ebb_train.metrics.regions import FOCUS_COC_PX
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Rgb8
    from ebb_train.artefacts.findings import Finding
    from ebb_train.data.sources import Photos
    from ebb_train.metrics.regions import Regions

ARTEFACTS = "artefacts"
"""Group of the columns of artefacts."""

ARTEFACT_COLUMNS = (*KINDS, "severity", "flagged")

ARTEFACT_METADATA = {
    "artefacts": "suspected from the wide photo and the measured blur of the pair; what the true shallow "
    "photo shows as well is none",
    **{name: f"{kind.definition}; limit {kind.limit:g}" for name, kind in KINDS.items()},
    "severity": "the largest value as a multiple of its limit",
    "flagged": "share of the pictures with a severity above 1; Wilson's interval",
}
"""Definitions of the columns."""

_NEARER = 0.05
"""Depth beyond that of what is in focus, from which something is in front of it."""
_MARK = np.array([255, 40, 0], np.float32)


def find_artefacts(photos: Photos, regions: Regions, picture: NDArray[np.generic]) -> list[Finding]:
    """Search a picture of a pair for artefacts.

    Args:
        photos: The pair.
        regions: Of the pair.
        picture: (H, W, 3), as in :func:`ebb_train.metrics.inputs.as_unit`.

    Raises:
        InvalidInput: the picture cannot be compared with the photo.
    """
    scene = JudgedScene(to_unit(photos.wide), _signed(photos, regions), to_unit(photos.shallow))
    return detect(scene, as_unit(picture, "prediction"))


def artefact_scores(findings: Sequence[Finding]) -> dict[str, float]:
    """The values of :data:`ARTEFACT_COLUMNS` that could be judged."""
    largest = worst(findings)
    scores = {finding.kind: finding.value for finding in findings}
    if largest is None:
        return scores
    return scores | {"severity": largest.severity, "flagged": float(largest.is_flagged)}


def marked(picture: Rgb8, finding: Finding) -> Rgb8:
    """The picture, darkened, with the pixels of a finding in red."""
    import cv2

    square = np.ones((5, 5), np.uint8)
    shown = cv2.dilate(finding.where.astype(np.uint8), square).astype(bool)[..., None]
    mixed = np.where(shown, 0.4 * picture + 0.6 * _MARK, 0.4 * picture)
    return np.asarray(np.rint(mixed), np.uint8)


def _signed(photos: Photos, regions: Regions) -> NDArray[np.float32]:
    """Measured blur discs, negative in front of what is in focus as far as the depth map tells."""
    import cv2

    focus = regions.coc_px < FOCUS_COC_PX
    if photos.depth is None or not focus.any():
        return regions.coc_px
    height, width = regions.coc_px.shape
    depth = cv2.resize(to_unit(photos.depth), (width, height), interpolation=cv2.INTER_LINEAR)
    in_front = depth > float(np.median(depth[focus])) + _NEARER
    return np.where(in_front, -regions.coc_px, regions.coc_px).astype(np.float32)
