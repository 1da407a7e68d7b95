"""The subject as what is in focus: a band of depth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.bokeh.depth_upsampling import upsample_depth
from ebb.bokeh.focus import estimate_focus
from ebb.errors import InvalidInput
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8
    from ebb_train.pixels import Floats

BAND = 0.1
"""Inverse depth on either side of the focus that is all subject, of a range of 1; at twice as much, none."""


class FocusBand:
    """Masks from depth maps."""

    name = "depth"
    needs_depth = True

    def mask(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:  # noqa: ARG002 - of a source
        """1 in focus; see :class:`ebb_train.subject.source.MaskSource`.

        Raises:
            InvalidInput: there is no depth.
        """
        if depth is None:
            hint = "make a map with: ebb depth, or take another mask, such as grabcut"
            raise InvalidInput("a mask from depth, and the photo has no depth", hint=hint)
        return in_focus(upsample_depth(wide, to_unit(depth)), estimate_focus(depth))

    def metadata(self) -> dict[str, Any]:
        """Where the masks come from."""
        return {"masks": self.name}


def in_focus(inverse_depth: Floats, focus: float) -> Floats:
    """1 up to :data:`BAND` from the focus, falling to 0 at twice as much; any shape."""
    distance = np.abs(inverse_depth - np.float32(focus))
    return np.asarray(np.clip(2 - distance / np.float32(BAND), 0, 1), np.float32)
