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
        residual_px: Median transfer error of the inliers.
        scale_min: Smallest stretch at the frame centre.
        scale_max: Largest stretch at the frame centre.
        rotation_deg: Roll about the optical axis.
        perspective: Relative change of depth from the frame centre to a corner.
        corner_shift: Largest move of a frame corner, as a share of the frame diagonal.
        overlap: Share of the wide photo inside the common crop, 0 … 1.
    """

    num_matches: float
    num_inliers: float
    inlier_ratio: float
    coverage: float
    residual_px: float
    scale_min: float
    scale_max: float
    rotation_deg: float
    perspective: float
    corner_shift: float
    overlap: float

    def as_dict(self) -> dict[str, float]:
        """Name → value, in the order above."""
        return dataclasses.asdict(self)


class _Failure(NamedTuple):
    reason: Reason
    message: str


def check_alignment(figures: AlignmentFigures, settings: AlignSettings) -> None:
    """Let a pair pass, or reject it by the first gate that it fails.

    Raises:
        Rejected: ``too_few_inliers``, ``implausible_motion`` or ``low_overlap``, with the number, the limit
            and all figures.
    """
    for failure in _failures(figures, settings):
        raise Rejected(failure.reason, failure.message, figures=figures.as_dict())


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


def _motion(figures: AlignmentFigures, settings: AlignSettings) -> Iterator[_Failure]:
    smallest, largest = 1 - settings.max_scale_change, 1 + settings.max_scale_change
    for scale in (figures.scale_min, figures.scale_max):
        if not smallest <= scale <= largest:
            yield _Failure(
                Reason.IMPLAUSIBLE_MOTION, f"scale {scale:.3f}, outside {smallest:g} to {largest:g}"
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
