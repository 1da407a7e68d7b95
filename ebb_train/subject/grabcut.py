"""The subject by its colours: GrabCut, from a guess that it is in the middle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.bokeh.depth_upsampling import upsample_depth
from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8
    from ebb_train.pixels import Floats

LONGER_SIDE = 320
"""Photos are averaged down to this side first."""
BORDER = 0.04
"""Share of each side that is background for certain."""
MIDDLE = 0.35
"""Semi-axes of the ellipse that is probably subject, as a share of each side."""
ROUNDS = 5
"""Of GrabCut."""
SEED = 1
"""Of OpenCV's random numbers, so that equal photos have equal masks."""


class GrabCut:
    """Masks without depth and without a network.

    Rother et al., "GrabCut: Interactive Foreground Extraction using Iterated Graph Cuts" (SIGGRAPH 2004).
    Nobody marks the subject: the border of the frame is background, an ellipse in the middle probably
    subject.
    """

    name = "grabcut"
    needs_depth = False

    def mask(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:  # noqa: ARG002 - of a source
        """1 on the subject; see :class:`ebb_train.subject.source.MaskSource`.

        Raises:
            InvalidInput: the colours of the middle are not set apart from those around it.
        """
        import cv2

        scale = min(1.0, LONGER_SIDE / max(wide.shape))
        height, width = (max(8, round(length * scale)) for length in wide.shape[:2])
        small = np.asarray(cv2.resize(wide, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        labels = _guess(height, width)
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.setRNGSeed(SEED)
        try:
            cv2.grabCut(small[..., ::-1].copy(), labels, (0, 0, 0, 0), *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
        except cv2.error as error:
            raise InvalidInput(f"GrabCut finds no subject: {error.err}", hint=_HINT) from error
        found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
        if not found.any():
            raise InvalidInput("GrabCut finds no subject: no colour is of the middle alone", hint=_HINT)
        return upsample_depth(wide, found)

    def metadata(self) -> dict[str, Any]:
        """Where the masks come from."""
        return {"masks": self.name}


_HINT = "take another mask: of depth, of a network, or a file"


def _guess(height: int, width: int) -> Gray8:
    """What is known before: background at the border, probably subject in the middle."""
    import cv2

    labels = np.full((height, width), cv2.GC_PR_BGD, np.uint8)
    middle, axes = (width // 2, height // 2), (round(MIDDLE * width), round(MIDDLE * height))
    cv2.ellipse(labels, middle, axes, 0, 0, 360, cv2.GC_PR_FGD, -1)
    rows, columns = (max(1, round(BORDER * length)) for length in (height, width))
    for edge in (np.s_[:rows], np.s_[-rows:], np.s_[:, :columns], np.s_[:, -columns:]):
        labels[edge] = cv2.GC_BGD
    return labels
