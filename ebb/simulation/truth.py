"""Ground truth of simulated pairs: the rows of `truth.parquet`."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_type_hints

import numpy as np

from ebb.simulation.hand_motion import pose_homography
from ebb.simulation.plan import EXPECTED_REASONS, PairKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

    from ebb.arrays import Homography
    from ebb.simulation.plan import PairPlan


@dataclass(frozen=True, kw_only=True)
class PairTruth:
    """Ground truth of one pair; geometry refers to upright photos with pixel centres at integers."""

    index: int
    kind: PairKind
    expected: Literal["aligned", "rejected"]
    reasons: tuple[str, ...]
    """Admissible reasons for rejection, the most specific first."""
    wide: str
    """File name, even if the file is missing."""
    shallow: str
    depth: str
    """Name of the depth file, a sidecar of the wide photo."""
    missing: str
    width: int
    height: int
    orientation: int
    focal_length_mm: float
    focal_px: float
    """Focal length of the wide shot in pixels."""
    focal_ratio: float
    f_number_wide: float
    f_number_shallow: float
    iso_wide: int
    iso_shallow: int
    exposure_time_s_wide: float
    exposure_time_s_shallow: float
    exposure_difference_ev: float
    """Exposure of the shallow photo relative to the wide photo, in EV."""
    focus_m_wide: float
    focus_m_shallow: float
    R: tuple[float, ...]
    """Rotation, 9 values in row-major order: X_shallow = R X_wide + t."""
    t: tuple[float, ...]
    """Translation in metres."""
    H_wide_to_shallow: tuple[float, ...] | None
    """9 values in row-major order, valid at the subject's distance; None for unrelated scenes."""
    H_shallow_to_wide: tuple[float, ...] | None
    captured_at_wide: str
    captured_at_shallow: str


def pair_truth(plan: PairPlan, focal_px: float, focus_m: tuple[float, float]) -> PairTruth:
    """Ground truth of a pair.

    Args:
        plan: Plan of the pair.
        focal_px: Focal length of the wide shot in pixels.
        focus_m: Focus distances of the wide and the shallow shot; the homographies are valid at the former.
    """
    reasons = EXPECTED_REASONS[plan.kind]
    H = pose_homography(plan.pose, focal_px, plan.size, focus_m[0])
    related = plan.kind is not PairKind.UNRELATED
    return PairTruth(
        index=plan.index,
        kind=plan.kind,
        expected="rejected" if reasons else "aligned",
        reasons=tuple(str(reason) for reason in reasons),
        wide=plan.wide.name,
        shallow=plan.shallow.name,
        depth=f"{plan.wide.name.rpartition('.')[0]}_depth.png",
        missing=plan.missing,
        width=plan.size.width,
        height=plan.size.height,
        orientation=plan.orientation,
        focal_length_mm=plan.focal_length_mm,
        focal_px=focal_px,
        focal_ratio=plan.pose.focal_ratio,
        f_number_wide=plan.wide.f_number,
        f_number_shallow=plan.shallow.f_number,
        iso_wide=plan.wide.iso,
        iso_shallow=plan.shallow.iso,
        exposure_time_s_wide=float(plan.wide.exposure_time_s),
        exposure_time_s_shallow=float(plan.shallow.exposure_time_s),
        exposure_difference_ev=plan.shallow.gain_ev - plan.wide.gain_ev,
        focus_m_wide=focus_m[0],
        focus_m_shallow=focus_m[1],
        R=tuple(plan.pose.rotation.ravel().tolist()),
        t=plan.pose.translation_m,
        H_wide_to_shallow=tuple(H.ravel().tolist()) if related else None,
        H_shallow_to_wide=tuple(_inverse(H).ravel().tolist()) if related else None,
        captured_at_wide=plan.wide.captured_at.isoformat(timespec="milliseconds"),
        captured_at_shallow=plan.shallow.captured_at.isoformat(timespec="milliseconds"),
    )


def write_truth(truths: Iterable[PairTruth]) -> bytes:
    """Parquet file with one row per pair, sorted by index."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    rows = [dataclasses.asdict(truth) for truth in sorted(truths, key=lambda truth: truth.index)]
    table = pa.Table.from_pylist(rows, schema=truth_schema())
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def truth_schema() -> pa.Schema:
    """Schema of the ground truth: the fields of :class:`PairTruth`."""
    import pyarrow as pa

    numbers = pa.list_(pa.float64())
    types = {
        int: pa.int64(),
        float: pa.float64(),
        tuple[str, ...]: pa.list_(pa.string()),
        tuple[float, ...]: numbers,
        tuple[float, ...] | None: numbers,
    }
    hints = get_type_hints(PairTruth)
    return pa.schema([(name, types.get(hint, pa.string())) for name, hint in hints.items()])


def _inverse(H: Homography) -> Homography:
    inverse = np.linalg.inv(H)
    return np.asarray(inverse / inverse[2, 2])
