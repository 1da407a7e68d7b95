"""Refinement of a motion to a hundredth of a pixel, on what is in focus in both photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.geometry.homography import apply, corner_error_px, rescale_homography
from ebb.geometry.models import Matches, Motion, MotionModel, refine_irls, whitening
from ebb.registration.model_selection import error_cap, held_out_error, select_model
from ebb.registration.tiles import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Homography, Mask, Size
    from ebb.registration.tiles import Band, Tiles

ROUNDS = 5
SETTLED_PX = 0.1
"""Rounds of warping and measuring; they end when no corner moves by more: one step from there on is exact to
some thousandths of a pixel."""

HELD_OUT_GRID = 16
"""Whether the refinement is kept is judged on the cells of a grid this fine: neighbours of what was seen."""

MIN_TILES = 12
"""With fewer usable tiles the motion stays as the keypoints gave it."""

MIN_SHARPNESS = 0.6
MIN_CORRELATION = 0.5
"""A tile is in focus when the shallow photo has this share of the wide one's detail, and the same detail."""

MAX_SIGMA_PX = 0.3
"""The shift of a tile in focus, along its clearest direction, is known this well."""

USABLE_SHARPNESS = 0.3
USABLE_CORRELATION = 0.3
USABLE_SIGMA_PX = 1.0
"""The same limits for tiles that the motion is fitted to: what is a little blurred, or known less well,
counts less, but there is more of it."""

MAX_COARSE_SHARPNESS = 0.7
"""Where the photos are compared at a smaller size, only what is blurred even there counts: the rest is seen
better at the larger size."""

DEPTH_SIGMA_PX = 0.5
"""Standard deviation of the shift of a tile that has lost all its sharpness; the variance goes with the loss.
A hand that moves sideways by t shifts what is blurred by a disc c, out of an aperture A, by c·t/A against the
plane in focus, and the loss of sharpness of a small blur goes with c²."""

_SHARPEST_PERCENTILE = 90
"""What is in focus has the sharpness of the sharpest tenth of the tiles in focus: noise and the lens take
their share of it everywhere."""


@dataclass(frozen=True)
class Refinement:
    """A refined motion and what was seen at it.

    Attributes:
        H_shallow_to_wide: (3, 3), H[2, 2] = 1.
        kind: The model it belongs to.
        tiles: All tiles of the photos at their size, measured at that motion.
        in_focus: (N,), which of them are sharp in both photos.
    """

    H_shallow_to_wide: Homography
    kind: MotionModel
    tiles: Tiles
    in_focus: Mask


def refine(
    wide: Sequence[Band], shallow: Sequence[Band], motion: Motion, model: MotionModel | None = None
) -> Refinement:
    """Fit the motion to the shifts of all usable tiles; keep it if it predicts held-out tiles better.

    Args:
        wide: The wide photo, each band half the size of the one before.
        shallow: The shallow photo, likewise.
        motion: From the keypoints, within about a pixel.
        model: Stay in this family; chosen by model selection if not given.
    """
    H, size = motion.H_shallow_to_wide, wide[0].size
    for _ in range(ROUNDS):
        tiles, seen = _look(wide, shallow, H)
        if len(seen) < MIN_TILES:
            return _result(tiles, H, motion)
        measured_at, H = H, refine_irls(seen, model or MotionModel.ROTATION, H)
        if corner_error_px(H, measured_at, size).max() < SETTLED_PX:
            break
    kinds = tuple(MotionModel) if model is None else (model,)
    everything = np.ones(len(seen), bool)
    refined = select_model(seen, [Motion(refine_irls(seen, kind, H), everything, kind) for kind in kinds])
    cap = error_cap(seen, refined.H_shallow_to_wide)
    before = float(np.minimum(seen.whitened_error(motion.H_shallow_to_wide), cap).mean())
    after = held_out_error(seen, refined.kind, refined.H_shallow_to_wide, cap, HELD_OUT_GRID)
    return _result(tiles, measured_at, refined if after < before else motion)


def _look(wide: Sequence[Band], shallow: Sequence[Band], H: Homography) -> tuple[Tiles, Matches]:
    """The tiles of the photos at their size, and all usable ones of all sizes as matches."""
    finest = measure(wide[0], shallow[0], H)
    seen = [as_matches(finest.subset(usable(finest)), H, wide[0].size)]
    for level, (one, other) in enumerate(zip(wide[1:], shallow[1:], strict=False), start=1):
        scale = 0.5**level
        small_H = rescale_homography(H, scale, scale)
        tiles = measure(one, other, small_H)
        blurred = tiles.subset(usable(tiles) & (tiles.sharpness < MAX_COARSE_SHARPNESS))
        seen.append(as_matches(blurred, small_H, one.size).at_scale(1 / scale, wide[0].size))
    return finest, Matches.joined(seen)


def _result(tiles: Tiles, measured_at: Homography, motion: Motion) -> Refinement:
    moved = tiles.moved(measured_at, motion.H_shallow_to_wide)
    return Refinement(motion.H_shallow_to_wide, motion.kind, moved, sharp_in_both(moved))


def sharp_in_both(tiles: Tiles) -> Mask:
    """Tiles where the shallow photo shows the detail of the wide one, and where it is clear enough to use."""
    return _limited(tiles, MIN_SHARPNESS, MIN_CORRELATION, MAX_SIGMA_PX)


def usable(tiles: Tiles) -> Mask:
    """Tiles that the motion is fitted to: also those that are a little blurred, or known less well."""
    return _limited(tiles, USABLE_SHARPNESS, USABLE_CORRELATION, USABLE_SIGMA_PX)


def _limited(tiles: Tiles, min_sharpness: float, min_correlation: float, max_sigma_px: float) -> Mask:
    certainty = np.trace(tiles.information, axis1=1, axis2=2)
    return np.asarray(
        (tiles.sharpness > min_sharpness)
        & (tiles.correlation > min_correlation)
        & (certainty > max_sigma_px**-2)
    )


def as_matches(tiles: Tiles, H_shallow_to_wide: Homography, size: Size) -> Matches:
    """Tiles as matches: the shallow place under each centre, and where in the wide photo it belongs.

    A tile counts the less the more sharpness it has lost against what is in focus.

    Args:
        tiles: Measured at ``H_shallow_to_wide``.
        H_shallow_to_wide: Where they were measured.
        size: Of the wide photo.
    """
    shallow = apply(np.asarray(np.linalg.inv(H_shallow_to_wide)), tiles.centres)
    information = _with_depth(tiles)
    return Matches(shallow, tiles.centres + tiles.shifts, whitening(information), size)


def _with_depth(tiles: Tiles) -> NDArray[np.float64]:
    """Information about the plane in focus, of tiles that may lie in front of it or behind."""
    in_focus = sharp_in_both(tiles)
    sharpness = tiles.sharpness[in_focus]
    sharpest = min(1.0, float(np.percentile(sharpness, _SHARPEST_PERCENTILE))) if len(sharpness) else 1.0
    variance = DEPTH_SIGMA_PX**2 * np.maximum(1 - tiles.sharpness / sharpest, 0)
    return np.asarray(
        np.linalg.solve(np.eye(2) + variance[:, None, None] * tiles.information, tiles.information)
    )
