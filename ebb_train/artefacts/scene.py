"""What a picture is judged by: the photo it was made of, and the blur it should have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.bokeh.renderer import render_shallow
from ebb.errors import UsageError
from ebb.srgb import srgb_curve, to_light

if TYPE_CHECKING:
    from ebb.arrays import Mask
    from ebb_train.metrics.blur import Map2d

Picture: TypeAlias = NDArray[np.float32]
"""(H, W, 3), sRGB-encoded, [0, 1]."""

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
IN_FOCUS_PX = 1.5
"""Largest blur disc of what has to stay sharp."""
BLURRED_PX = 8.0
"""Smallest blur disc of what must not stay sharp."""
_DETAIL_SIGMA, _DETAIL_NEIGHBOURHOOD = 0.7, 4.0
CLIPPED = 252 / 255
"""Values from here on may stand for any amount of light."""


@dataclass(frozen=True, eq=False)
class JudgedScene:
    """A photo and the blur that pictures of it should have.

    Args:
        photo: (H, W, 3), sRGB-encoded, [0, 1], in focus everywhere.
        coc_px: (H, W), signed diameters of the blur discs in pixels, negative in front of the plane of focus.
        target: A true photo with that blur, (H, W, 3), if there is one. It may differ from the photo in
            exposure and in what moved: what it shows is no artefact.

    Raises:
        UsageError: the shapes do not match.
    """

    photo: Picture
    coc_px: Map2d
    target: Picture | None = None

    def __post_init__(self) -> None:
        shapes = {self.coc_px.shape, self.photo.shape[:2]}
        if self.target is not None:
            shapes.add(self.target.shape[:2])
        if len(shapes) > 1:
            raise UsageError(f"photo, blur and target differ in size: {sorted(shapes)}")

    @property
    def scale(self) -> float:
        """Pixels for each pixel of a picture of 1024 pixels height, at least a quarter."""
        return float(max(self.photo.shape[0] / 1024, 0.25))

    @cached_property
    def light(self) -> Picture:
        """Linear light of the photo."""
        return to_light(self.photo)

    @cached_property
    def layered(self) -> Picture:
        """The layered renderer's picture at this blur, sRGB-encoded."""
        return srgb_curve(render_shallow(self.light, self.coc_px))

    @cached_property
    def photo_detail(self) -> Map2d:
        """See :func:`detail`."""
        return detail(self.photo)

    @cached_property
    def layered_detail(self) -> Map2d:
        """See :func:`detail`."""
        return detail(self.layered)

    @cached_property
    def in_focus(self) -> Mask:
        """Where pictures have to be as sharp as the photo."""
        return np.asarray(np.abs(self.coc_px) <= IN_FOCUS_PX)

    @cached_property
    def blurred(self) -> Mask:
        """Where pictures must not be as sharp as the photo."""
        return np.asarray(np.abs(self.coc_px) > BLURRED_PX)

    @cached_property
    def near_clipping(self) -> Mask:
        """Within reach of what clips in the photo, or in the target."""
        clipped = (self.photo >= CLIPPED).any(axis=2)
        if self.target is not None:
            clipped |= (self.target >= CLIPPED).any(axis=2)
        shown = np.asarray(clipped, np.float32)
        return np.asarray(within_reach(shown, self.coc_px, largest=True) > 0)

    def references(self) -> list[Picture]:
        """Pictures without artefacts: the photo, the layered render and, if there is one, the target."""
        return [self.photo, self.layered, *([] if self.target is None else [self.target])]


def luma(picture: Picture) -> Map2d:
    """Weighted mean of the encoded channels."""
    return np.asarray(picture @ LUMA, np.float32)


def detail(picture: Picture) -> Map2d:
    """Mean energy of the Laplacian around each pixel, (H, W)."""
    import cv2

    smooth = cv2.GaussianBlur(luma(picture), (0, 0), _DETAIL_SIGMA)
    return np.asarray(
        cv2.GaussianBlur(cv2.Laplacian(smooth, -1) ** 2, (0, 0), _DETAIL_NEIGHBOURHOOD), np.float32
    )


def within_reach(values: Map2d, coc_px: Map2d, *, largest: bool, margin: int = 3) -> Map2d:
    """Largest or smallest value among the pixels that can contribute to each pixel.

    A pixel receives light from as far as half a blur disc, its own or that of a neighbour; the distance is
    rounded up to 2ⁿ + ``margin`` pixels.

    Args:
        values: (H, W).
        coc_px: (H, W), diameters of the blur discs.
        largest: Whether the largest value is wanted.
        margin: Pixels beyond the blur disc.
    """
    import cv2

    spread = cv2.dilate if largest else cv2.erode
    reach = _own_or_neighbours(np.asarray(np.abs(coc_px) / 2, np.float32))
    found = np.empty_like(values)
    lower, radius = -1.0, 0
    while lower < float(reach.max()):
        kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * (radius + margin) + 1,) * 2)
        here = (reach > lower) & (reach <= radius)
        if here.any():
            found[here] = spread(values, kernel)[here]
        lower, radius = radius, max(1, 2 * radius)
    return found


def _own_or_neighbours(radius: Map2d) -> Map2d:
    """Largest blur radius that reaches each pixel, over-estimated by a square."""
    import cv2

    reach = radius.copy()
    limit = 1
    while limit < 2 * float(radius.max()):
        disc = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * limit + 1, 2 * limit + 1))
        band = np.where((radius <= limit) & (radius > limit / 2), radius, 0).astype(np.float32)
        if band.any():
            reach = np.maximum(reach, cv2.dilate(band, disc))
        limit *= 2
    return np.asarray(reach, np.float32)
