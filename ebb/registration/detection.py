"""What registration looks at: both photos of a pair at 1024 px height.

All constants of keypoints, tiles and patches are pixels at that height. A higher photo is reduced to it; a
lower one is enlarged, so that the same pair gives the same measurements whatever its size. What is left of a
difference in scale, for photos of less than half that height, is in :attr:`DetectionPhoto.unit_px`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ebb.arrays import Size
from ebb.measurement_types import REFERENCE_HEIGHT
from ebb.photo.resample import enlarged, to_gray8

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb
    from ebb.photo.frame import Frame

MAX_ENLARGEMENT = 2
"""Detail of the scale that tiles compare, 6 to 16 px at 1024 px height, survives in a photo half as high."""


class DetectionPhoto(NamedTuple):
    """A photo at the height at which it is registered."""

    rgb: Rgb
    gray: Gray8
    detail: Gray8
    """The same before it was enlarged, where it was: noise is measured on it."""
    scale: tuple[float, float]
    """Its width and height over those of the full-size photo."""
    full: Size

    @property
    def size(self) -> Size:
        """Size of this one."""
        return Size(self.rgb.shape[1], self.rgb.shape[0])

    @property
    def unit_px(self) -> float:
        """Pixels at 1024 px height for each of its pixels; 1 unless the photo is very small."""
        return REFERENCE_HEIGHT / len(self.rgb)

    @property
    def reference_size(self) -> Size:
        """Its size at 1024 px height."""
        return _with_height(self.size, REFERENCE_HEIGHT)

    @property
    def enlargement(self) -> float:
        """Size of this photo over that of what was enlarged to it; 1 unless the photo is small."""
        return len(self.gray) / len(self.detail)

    @property
    def inverse_scale(self) -> tuple[float, float]:
        """Width and height of the full-size photo over those of this one."""
        return 1 / self.scale[0], 1 / self.scale[1]


def detection_photo(photo: Frame, detail_height: int = REFERENCE_HEIGHT) -> DetectionPhoto:
    """Bring a photo to the height at which it is registered.

    Args:
        photo: Of any size.
        detail_height: Reduce it to this height first, for less detail; lower photos are not enlarged to it.

    Returns:
        The photo at 1024 px height, or at twice its own if that is lower.
    """
    full = photo.size
    detail = _with_height(full, min(detail_height, full.height))
    rgb = photo.reduced(detail)
    gray = to_gray8(rgb)
    height = min(REFERENCE_HEIGHT, MAX_ENLARGEMENT * detail.height)
    if height == detail.height:
        return DetectionPhoto(rgb, gray, gray, _scale(detail, full), full)
    size = _with_height(full, height)
    rgb = enlarged(rgb, size)
    return DetectionPhoto(rgb, to_gray8(rgb), gray, _scale(size, full), full)


def _scale(size: Size, full: Size) -> tuple[float, float]:
    return size.width / full.width, size.height / full.height


def _with_height(full: Size, height: int) -> Size:
    return Size(max(1, round(full.width * height / full.height)), height)
