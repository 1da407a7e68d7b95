"""The gates of alignment: which figures reject a pair, and with which words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.errors import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb.arrays import Points2d, Size
    from ebb.settings import AlignSettings


@dataclass(frozen=True, kw_only=True)
class AlignmentFigures:
    """What was measured on the alignment of one pair; pixels are at 1024 px height.

    Attributes:
        num_matches: One-to-one matches.
        num_inliers: Matches that agree with the motion.
        inlier_ratio: Their share, 0 … 1.
        coverage: Share of the cells of a 4 x 4 grid with an inlier, 0 … 1.
        keypoint_residual_px: Median transfer error of the inliers.
        scale_min: Smallest stretch at the frame centre.
        scale_max: Largest stretch at the frame centre.
        stretch: Share by which the largest stretch there is above the smallest: a turn has next to none.
        rotation_deg: Roll about the optical axis.
        perspective: Relative change of depth from the frame centre to a corner.
        corner_shift: Largest move of a frame corner, as a share of the frame diagonal.
        overlap: Share of the wide photo inside the common crop, 0 … 1.
        focus_share: Share of the frame that is sharp in both photos, 0 … 1.
        residual_px: How far apart both photos still are where the motion was refined: median over tiles.
        residual_p95_px: The distance that one tile in twenty exceeds.
        focus_mismatch: Share of what is sharp in both photos and yet differs, 0 … 1.
        focus_correlation: Median correlation of fine detail there, −1 … 1.
        sharpness_wide: Contrast of fine detail there: standard deviation over mean.
        sharpness_shallow: The same in the shallow photo.
        defocus_px: Median blur of the shallow photo over the frame, diameter of a disc.
        similarity: Correlation of both photos, blur aside, −1 … 1.
        changed_share: Share of what has structure that looks different, 0 … 1.
        parallax_px: Displacement of what is found elsewhere: the largest of all but the worst quarter.
        exposure_gain: Linear light of the shallow photo over the wide one's, green, at the frame centre.
        exposure_gain_red: The same for red.
        exposure_gain_blue: The same for blue.
        vignetting_ev: Extra light in the corners of the shallow photo, in stops; negative when it is darker.
        clipped_wide: Share of the wide photo that is overexposed, 0 … 1.
        clipped_shallow: Share of the shallow photo that is overexposed, 0 … 1.
    """

    num_matches: float
    num_inliers: float
    inlier_ratio: float
    coverage: float
    keypoint_residual_px: float
    scale_min: float
    scale_max: float
    stretch: float
    rotation_deg: float
    perspective: float
    corner_shift: float
    overlap: float
    focus_share: float
    residual_px: float
    residual_p95_px: float
    focus_mismatch: float
    focus_correlation: float
    sharpness_wide: float
    sharpness_shallow: float
    defocus_px: float
    similarity: float
    changed_share: float
    parallax_px: float
    exposure_gain: float
    exposure_gain_red: float
    exposure_gain_blue: float
    vignetting_ev: float
    clipped_wide: float
    clipped_shallow: float

    def as_dict(self) -> dict[str, float]:
        """Name → value, in the order above; what could not be measured is left out."""
        return {name: value for name, value in dataclasses.asdict(self).items() if np.isfinite(value)}


class _Failure(NamedTuple):
    reason: Reason
    message: str


def check_alignment(figures: AlignmentFigures, settings: AlignSettings) -> None:
    """Let a pair pass, or reject it by the first gate that it fails.

    Raises:
        Rejected: for a reason of alignment, with the number, the limit and all figures.
    """
    for rejection in rejections(figures, settings):
        raise rejection


def rejections(figures: AlignmentFigures, settings: AlignSettings) -> list[Rejected]:
    """What every gate that says no would raise, the one that decides first."""
    return [
        Rejected(failure.reason, failure.message, measurements=figures.as_dict())
        for failure in _failures(figures, settings)
    ]


def check_clipping(clipped_wide: float, clipped_shallow: float, settings: AlignSettings) -> None:
    """Reject a shallow photo that is overexposed before anything is looked for in it.

    Raises:
        Rejected: ``exposure_mismatch``.
    """
    if not clipped_shallow - clipped_wide <= settings.max_clipped:
        raise Rejected(
            Reason.EXPOSURE_MISMATCH,
            f"{clipped_shallow:.0%} of the shallow photo is overexposed, {clipped_wide:.0%} of the wide one",
            measurements={"clipped_wide": clipped_wide, "clipped_shallow": clipped_shallow},
        )


def coverage(points: Points2d, size: Size, grid: int = 4) -> float:
    """Share of the cells of a grid over the frame that hold at least one point, 0 … 1.

    Args:
        points: (N, 2), inside the frame.
        size: Of the frame.
        grid: Cells on each side.
    """
    cells = np.floor((points.astype(np.float64) + 0.5) * grid / size)
    return len(np.unique(np.clip(cells, 0, grid - 1), axis=0)) / grid**2


def _failures(figures: AlignmentFigures, settings: AlignSettings) -> Iterator[_Failure]:
    """Every gate that says no, in the order of :class:`~ebb.settings.AlignSettings`."""
    yield from _support(figures, settings)
    yield from _motion(figures, settings)
    # "not >=" and "not <=" throughout: a figure that is not a number must not pass.
    if not figures.overlap >= settings.min_overlap:
        yield _Failure(
            Reason.LOW_OVERLAP,
            f"the common crop is {figures.overlap:.0%} of the frame, less than {settings.min_overlap:.0%}",
        )
    yield from _picture(figures, settings)


def _support(figures: AlignmentFigures, settings: AlignSettings) -> Iterator[_Failure]:
    if not figures.num_inliers >= settings.min_inliers:
        yield _Failure(
            Reason.TOO_FEW_INLIERS, f"{figures.num_inliers:.0f} inliers, fewer than {settings.min_inliers}"
        )
    if not figures.inlier_ratio >= settings.min_inlier_ratio:
        yield _Failure(
            Reason.TOO_FEW_INLIERS,
            f"{figures.inlier_ratio:.0%} of the matches agree, less than {settings.min_inlier_ratio:.0%}",
        )
    if not figures.coverage >= settings.min_coverage:
        yield _Failure(
            Reason.TOO_FEW_INLIERS,
            f"inliers in {figures.coverage:.0%} of the frame, less than {settings.min_coverage:.0%}",
        )
    if not figures.keypoint_residual_px <= settings.max_keypoint_residual_px:
        yield _Failure(
            Reason.TOO_FEW_INLIERS,
            f"half of the inliers are {figures.keypoint_residual_px:.2f} px or more from the motion, "
            f"more than {settings.max_keypoint_residual_px:g} px",
        )


def _motion(figures: AlignmentFigures, settings: AlignSettings) -> Iterator[_Failure]:
    smallest, largest = 1 - settings.max_scale_change, 1 + settings.max_scale_change
    for scale in (figures.scale_min, figures.scale_max):
        if not smallest <= scale <= largest:
            yield _Failure(
                Reason.IMPLAUSIBLE_MOTION, f"scale {scale:.3f}, outside {smallest:g} to {largest:g}"
            )
    if not figures.stretch <= settings.max_stretch:
        yield _Failure(
            Reason.PARALLAX,
            f"the motion stretches the photo by {figures.stretch:.1%} in one direction, "
            f"more than {settings.max_stretch:.1%}",
        )
    if not abs(figures.rotation_deg) <= settings.max_rotation_deg:
        yield _Failure(
            Reason.IMPLAUSIBLE_MOTION,
            f"rolled by {abs(figures.rotation_deg):.1f} degrees, more than {settings.max_rotation_deg:g}",
        )
    if not figures.perspective <= settings.max_scale_change:
        yield _Failure(
            Reason.IMPLAUSIBLE_MOTION,
            f"perspective changes by {figures.perspective:.1%} towards a corner, "
            f"more than {settings.max_scale_change:.0%}",
        )


def _picture(figures: AlignmentFigures, settings: AlignSettings) -> Iterator[_Failure]:
    """Gates on what the aligned photos show; parallax before similarity, which it lowers too."""
    if not figures.focus_share >= settings.min_focus_share:
        yield _Failure(
            Reason.MISSED_FOCUS,
            f"{figures.focus_share:.1%} of the frame is sharp in both photos, "
            f"less than {settings.min_focus_share:.1%}",
        )
    if figures.parallax_px > settings.max_parallax_px:  # unknown only where similarity is low or unknown
        yield _Failure(
            Reason.PARALLAX,
            f"a quarter of the frame is displaced by {figures.parallax_px:.1f} px or more, "
            f"the limit is {settings.max_parallax_px:g} px",
        )
    if not figures.similarity >= settings.min_similarity:
        yield _Failure(
            Reason.LOW_SIMILARITY,
            f"the photos correlate by {figures.similarity:.2f}, less than {settings.min_similarity:g}",
        )
    if not figures.changed_share <= settings.max_changed:
        yield _Failure(
            Reason.LOW_SIMILARITY,
            f"{figures.changed_share:.0%} of the frame shows something else, "
            f"more than {settings.max_changed:.0%}",
        )
    if figures.focus_mismatch > settings.max_focus_mismatch:  # unknown where hardly anything is clear
        yield _Failure(
            Reason.LOW_SIMILARITY,
            f"{figures.focus_mismatch:.0%} of what is sharp in both photos differs, "
            f"more than {settings.max_focus_mismatch:.0%}",
        )
    if not figures.residual_px <= settings.max_residual_px:
        yield _Failure(
            Reason.LOW_SIMILARITY,
            f"what is in focus is {figures.residual_px:.2f} px apart after alignment, "
            f"more than {settings.max_residual_px:g} px",
        )
    if not figures.residual_p95_px <= settings.max_residual_p95_px:
        yield _Failure(
            Reason.LOW_SIMILARITY,
            f"a part of what is in focus is {figures.residual_p95_px:.1f} px apart after alignment, "
            f"more than {settings.max_residual_p95_px:g} px",
        )
    exposure_ev = float(np.log2(figures.exposure_gain))
    if not abs(exposure_ev) <= settings.max_exposure_ev:
        brighter = "brighter" if exposure_ev > 0 else "darker"
        yield _Failure(
            Reason.EXPOSURE_MISMATCH,
            f"the shallow photo is {abs(exposure_ev):.1f} stops {brighter}, "
            f"the limit is {settings.max_exposure_ev:g}",
        )
