"""Random plans of capture pairs: camera settings of both shots, camera shake, and defects.

A plan depends only on (seed, index), not on the other pairs of the set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np

from ebb.arrays import Size
from ebb.errors import Reason, UsageError
from ebb.simulation.hand_motion import CameraPose

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FileFormat = Literal["dng", "jpeg"]

_FIRST_SHOT = datetime(2024, 6, 1, 8, 0, 0)  # noqa: DTZ001 (a camera's clock has no zone)
_BETWEEN_PAIRS_S = 600.0
"""Longer than the gap between bursts, so that every pair is a separate scene."""
_BETWEEN_SHOTS_S = (2.5, 9.0)
_SLOWEST_BY_HAND_S = 1 / 15
_PARTS_OF_A_SECOND = (
    *(8000, 6400, 5000, 4000, 3200, 2500, 2000, 1600, 1250, 1000, 800, 640, 500, 400, 320, 250, 200, 160),
    *(125, 100, 80, 60, 50, 40, 30, 25, 20, 15, 13, 10, 8, 6, 5, 4),
)
_TENTHS_OF_A_SECOND = (3, 4, 5, 6, 8, 10, 13, 16, 20)
_SHUTTER_S = (*(Fraction(1, n) for n in _PARTS_OF_A_SECOND), *(Fraction(n, 10) for n in _TENTHS_OF_A_SECOND))
"""Nominal shutter speeds in thirds of a stop."""


class PairKind(StrEnum):
    """Kind of defect of a pair."""

    GOOD = "good"
    UNRELATED = "unrelated"
    """The two shots show different scenes."""
    MOVED_SUBJECT = "moved_subject"
    """The subject moved between the shots."""
    MISSED_FOCUS = "missed_focus"
    """The shallow shot is focused in front of or behind the subject."""
    PARALLAX = "parallax"
    """The camera was translated between the shots."""
    MISSING_PARTNER = "missing_partner"
    """One of the two files is missing."""
    OVEREXPOSED = "overexposed"
    """The shallow shot is overexposed by several stops."""


EXPECTED_REASONS: Mapping[PairKind, tuple[Reason, ...]] = {
    PairKind.GOOD: (),
    PairKind.UNRELATED: (
        Reason.TOO_FEW_INLIERS,
        Reason.TOO_FEW_MATCHES,
        Reason.IMPLAUSIBLE_MOTION,
        Reason.LOW_OVERLAP,
        Reason.LOW_SIMILARITY,
    ),
    PairKind.MOVED_SUBJECT: (
        Reason.LOW_SIMILARITY,
        Reason.PARALLAX,
        Reason.TOO_FEW_INLIERS,
        Reason.TOO_FEW_MATCHES,
        Reason.IMPLAUSIBLE_MOTION,
    ),
    PairKind.MISSED_FOCUS: (
        Reason.MISSED_FOCUS,
        Reason.TOO_FEW_MATCHES,
        Reason.TOO_FEW_INLIERS,
        Reason.LOW_SIMILARITY,
    ),
    PairKind.PARALLAX: (
        Reason.PARALLAX,
        Reason.TOO_FEW_INLIERS,
        Reason.TOO_FEW_MATCHES,
        Reason.IMPLAUSIBLE_MOTION,
        Reason.LOW_SIMILARITY,
    ),
    PairKind.MISSING_PARTNER: (Reason.MISSING_PARTNER,),
    PairKind.OVEREXPOSED: (Reason.EXPOSURE_MISMATCH, Reason.TOO_FEW_MATCHES, Reason.TOO_FEW_INLIERS),
}
"""Admissible reasons for rejection of each kind, the most specific first; empty if the pair must align."""

BAD_KINDS = tuple(kind for kind in PairKind if kind is not PairKind.GOOD)


class Stream(IntEnum):
    """Independent random streams of a pair."""

    PLAN = 0
    SCENE = 1
    OTHER_SCENE = 2
    WIDE_NOISE = 3
    SHALLOW_NOISE = 4


@dataclass(frozen=True, kw_only=True)
class ShotPlan:
    """Camera settings of one shot."""

    name: str
    """File name."""
    captured_at: datetime
    f_number: float
    exposure_time_s: Fraction
    iso: int
    gain_ev: float
    """Exposure in EV; at 0, diffuse white is at the sensor's white level."""
    focus_ratio: float = 1.0
    """Focus distance relative to the subject's distance."""


@dataclass(frozen=True, kw_only=True)
class PairPlan:
    """All parameters of one pair except the scene."""

    seed: int
    index: int
    kind: PairKind
    size: Size
    """Size of the upright photo."""
    file_format: FileFormat
    orientation: int
    focal_length_mm: float
    white_balance: tuple[float, float, float]
    pose: CameraPose
    """Pose of the shallow shot's camera relative to the wide shot's."""
    wide: ShotPlan
    shallow: ShotPlan
    missing: Literal["", "wide", "shallow"] = ""
    """Missing file."""
    subject_shift: float = 0.0
    """Displacement of the subject between the shots, relative to the frame's width."""

    def rng(self, stream: Stream) -> np.random.Generator:
        """Random generator of one stream of this pair."""
        return np.random.default_rng([self.seed, self.index, stream])


def plan_pair(
    seed: int,
    index: int,
    *,
    bad_share: float = 0.2,
    size: Size = Size(1296, 864),  # noqa: B008 (an immutable tuple)
    file_format: FileFormat = "dng",
    bad_kinds: Sequence[PairKind] = BAD_KINDS,
) -> PairPlan:
    """Draw the plan of a pair.

    Args:
        seed: Seed of the whole set, ≥ 0.
        index: Index of the pair, ≥ 0.
        bad_share: Probability of a defect, in [0, 1].
        size: Size of the sensor, landscape, even; about a third of the pairs are portrait.
        file_format: Format of the camera files.
        bad_kinds: Kinds of defects to draw from.

    Returns:
        The plan; it depends on the arguments only.

    Raises:
        UsageError: the seed or index is negative, the share is outside [0, 1], there are no kinds of defects
            to draw from, or a side is odd.
    """
    _check(seed, index, bad_share, size, bad_kinds)
    rng = np.random.default_rng([seed, index, Stream.PLAN])
    bad = rng.random() < bad_share
    kind = bad_kinds[int(rng.integers(len(bad_kinds)))] if bad else PairKind.GOOD
    orientation = int(rng.choice([1, 8, 6, 3], p=[0.65, 0.2, 0.1, 0.05]))
    upright = Size(size.height, size.width) if orientation >= 5 else size
    pose = _pose(rng, kind)
    wide, shallow = _shots(rng, index, kind, "DNG" if file_format == "dng" else "JPG")
    missing: tuple[Literal["wide", "shallow"], ...] = ("wide", "shallow")
    return PairPlan(
        seed=seed,
        index=index,
        kind=kind,
        size=upright,
        file_format=file_format,
        orientation=orientation,
        focal_length_mm=50.0,
        white_balance=(float(rng.uniform(1.8, 2.4)), 1.0, float(rng.uniform(1.3, 1.7))),
        pose=pose,
        wide=wide,
        shallow=shallow,
        missing=missing[int(rng.integers(2))] if kind is PairKind.MISSING_PARTNER else "",
        subject_shift=_either_side(rng, 0.2, 0.35) if kind is PairKind.MOVED_SUBJECT else 0.0,
    )


def _check(seed: int, index: int, bad_share: float, size: Size, bad_kinds: Sequence[PairKind]) -> None:
    if seed < 0 or index < 0:
        raise UsageError(f"seed {seed}, pair {index}", hint="neither may be negative")
    if not 0 <= bad_share <= 1:
        raise UsageError(f"a share of {bad_share} bad pairs", hint="it goes from 0 to 1")
    if bad_share > 0 and not bad_kinds:
        raise UsageError("bad pairs are wanted, but nothing may go wrong", hint="name at least one kind")
    if size.width % 2 or size.height % 2:
        raise UsageError(f"a frame of {size.width} x {size.height} pixels", hint="both sides must be even")


def _either_side(rng: np.random.Generator, least: float, most: float) -> float:
    return float(rng.choice([-1, 1]) * rng.uniform(least, most))


def _pose(rng: np.random.Generator, kind: PairKind) -> CameraPose:
    """Camera shake: rotation of some 0.1°, focus breathing, and, in half of the pairs, a translation."""
    pitch, yaw, roll = (float(value) for value in np.clip(rng.normal(0, 0.2, 3), -0.45, 0.45))
    shift = np.clip(rng.normal(0, 0.0003, 3), -0.0008, 0.0008) * (rng.random() < 0.5)
    breathing = float(1 + np.clip(rng.normal(0, 0.008), -0.016, 0.016))
    if kind is PairKind.PARALLAX:
        shift = np.array([_either_side(rng, 0.04, 0.08), _either_side(rng, 0.0, 0.02), 0.0])
    x, y, z = (float(value) for value in shift)
    return CameraPose(rotation_deg=(pitch, yaw, roll), translation_m=(x, y, z), focal_ratio=breathing)


def _shots(rng: np.random.Generator, index: int, kind: PairKind, suffix: str) -> tuple[ShotPlan, ShotPlan]:
    """Settings of the wide and the shallow shot."""
    start = _FIRST_SHOT + timedelta(seconds=index * _BETWEEN_PAIRS_S + round(rng.uniform(0, 60), 3))
    later = start + timedelta(seconds=round(rng.uniform(*_BETWEEN_SHOTS_S), 3))
    shallow_first = rng.random() < 0.4
    times = (later, start) if shallow_first else (start, later)
    numbers = (2 * index + 2, 2 * index + 1) if shallow_first else (2 * index + 1, 2 * index + 2)
    shallow_time = _nominal(np.exp(rng.uniform(np.log(1 / 3200), np.log(1 / 100))))
    too_long = float(rng.uniform(3.0, 4.0)) if kind is PairKind.OVEREXPOSED else 0.0
    wide_iso, wide_time = _wide_exposure(float(shallow_time))
    error = np.log2(float(wide_time) * wide_iso / 100 / float(shallow_time) * (1.8 / 16) ** 2)
    mistakes = rng.normal(0, 0.05, 2)
    wide = ShotPlan(
        name=f"IMG_{numbers[0]:04d}.{suffix}",
        captured_at=times[0],
        f_number=16.0,
        exposure_time_s=wide_time,
        iso=wide_iso,
        gain_ev=float(error + mistakes[0]),
    )
    shallow = ShotPlan(
        name=f"IMG_{numbers[1]:04d}.{suffix}",
        captured_at=times[1],
        f_number=1.8,
        exposure_time_s=_nominal(float(shallow_time) * 2**too_long),
        iso=100,
        gain_ev=float(too_long + mistakes[1]),
        focus_ratio=_missed(rng) if kind is PairKind.MISSED_FOCUS else 1.0,
    )
    return wide, shallow


def _missed(rng: np.random.Generator) -> float:
    return float(rng.choice([rng.uniform(0.5, 0.65), rng.uniform(1.8, 3.0)]))


def _wide_exposure(shallow_time_s: float) -> tuple[int, Fraction]:
    """ISO and time at f/16 that match f/1.8 at ISO 100, with a hand-held shutter speed where possible."""
    time_s = shallow_time_s * (16 / 1.8) ** 2
    iso = 100
    while time_s > _SLOWEST_BY_HAND_S and iso < 1600:
        iso, time_s = iso * 2, time_s / 2
    return iso, _nominal(time_s)


def _nominal(time_s: float) -> Fraction:
    """Nearest nominal shutter speed."""
    return min(_SHUTTER_S, key=lambda speed: abs(math.log(speed / time_s)))
