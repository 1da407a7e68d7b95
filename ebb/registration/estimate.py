"""The motion between two photos: from keypoints, or from sharp areas, then refined on what is in focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import Rejected
from ebb.geometry.models import MotionModel
from ebb.quality.sharpness import sharp_tiles
from ebb.registration.area import area_motion
from ebb.registration.coarse import ENOUGH_INLIERS, Search, coarse_motion
from ebb.registration.refinement import refine
from ebb.registration.tiles import pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import Points2d
    from ebb.geometry.models import Motion
    from ebb.quality.sharpness import SharpTiles
    from ebb.registration.coarse import Coarse, Look
    from ebb.registration.detection import DetectionPhoto
    from ebb.registration.keypoints import Keypoints
    from ebb.registration.refinement import Refinement
    from ebb.registration.tiles import Band
    from ebb.settings import AlignSettings

MIN_EXPLAINED = 0.8
"""Of what is sharp in the shallow photo, the share that a motion from keypoints shows in the wide one; with
less, areas are tried too: the keypoints may lie on another plane than the subject."""


class MotionEstimate(NamedTuple):
    """The motion between two photos at detection height, and what it was found from."""

    points_shallow: Points2d
    """(N, 2), matched places in the shallow photo."""
    points_wide: Points2d
    motion: Motion
    """What the matches agree on."""
    refinement: Refinement
    """The same, refined on what is in focus."""
    bands: tuple[Band, Band]
    """Detail of the wide and of the shallow photo, at their size."""

    @property
    def num_explained(self) -> int:
        """Sharp tiles of the shallow photo whose detail the wide photo shows."""
        return self._sharp.num_same

    @property
    def is_sure(self) -> bool:
        """Whether enough matches agree, and they explain what is sharp."""
        sharp = self._sharp
        enough = int(self.motion.inliers.sum()) >= ENOUGH_INLIERS
        return enough and sharp.num_same >= MIN_EXPLAINED * (sharp.num_same + sharp.num_other)

    @property
    def _sharp(self) -> SharpTiles:
        tiles = self.refinement.tiles
        return sharp_tiles(tiles.contrast, tiles.shallow_contrast, tiles.correlation)


def find_motion(
    wide: DetectionPhoto,
    shallow: DetectionPhoto,
    settings: AlignSettings,
    seen: dict[Look, Keypoints] | None = None,
) -> MotionEstimate:
    """Match keypoints, fit the motion, refine it on what is in focus.

    Where keypoints fail, are few, or leave much unexplained of what is sharp, areas are matched too, and the
    motion that explains more is taken.

    Args:
        wide: The wide photo.
        shallow: The shallow photo.
        settings: Limits and choices.
        seen: As in :func:`ebb.registration.coarse.coarse_motion`.

    Raises:
        Rejected: no motion explains the matches, and no areas agree.
    """
    model = None if settings.motion == "auto" else MotionModel(settings.motion)
    search = _search(wide, settings, model)
    bands = pyramid(wide.gray), pyramid(shallow.gray)
    found: list[MotionEstimate] = []
    failure: Rejected | None = None
    try:
        found.append(_refined(coarse_motion(wide.gray, shallow.gray, search, seen), *bands, model))
    except Rejected as error:
        failure = error
    if not found or not found[0].is_sure:
        try:
            found.append(_refined(area_motion(wide.gray, shallow.gray), *bands, model))
        except Rejected:
            if failure:
                raise failure from None
    return max(found, key=lambda estimate: estimate.num_explained)


def _search(wide: DetectionPhoto, settings: AlignSettings, model: MotionModel | None) -> Search:
    return Search(
        max_keypoints=settings.max_keypoints,
        match_ratio=settings.match_ratio,
        threshold_px=settings.ransac_threshold_px,
        unit_px=wide.unit_px,
        min_inliers=settings.min_inliers,
        model=model,
        robust=settings.robust,
    )


def _refined(
    coarse: Coarse, wide: Sequence[Band], shallow: Sequence[Band], model: MotionModel | None
) -> MotionEstimate:
    refined = refine(wide, shallow, coarse.motion, model)
    return MotionEstimate(*coarse, refinement=refined, bands=(wide[0], shallow[0]))
