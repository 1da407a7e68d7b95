"""Comparison of refinements: none, ECC, phase correlation, and tiles registered by Gauss-Newton steps.

Method: the alignable pairs of some groups of the alignment study (1024 x 684, made by ebb.simulation). Each
method starts from the motion of the keypoints and ends with a rotation of the camera, except ECC, which
OpenCV fits as a homography. ECC uses the area in focus according to ebb, dilated to 64 px, or the whole
frame. Phase correlation uses the same tiles as the refinement of ebb (32 px, band-passed, Hann window) and
the same fit of the motion. Errors are means over a pair, in pixels at 1024 px height: in focus (true blur
disc below 2 px), and over the frame for pairs without parallax. All methods alternate on each pair; processor
time is that of one core.

    python benchmarks/refinement.py        writes benchmarks/results/refinement.json
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.alignment_pairs import StudyPair, pairs_of_group
from ebb.arrays import Size
from ebb.errors import Rejected
from ebb.geometry.homography import apply
from ebb.geometry.models import Matches, MotionModel, refine_irls
from ebb.photo.resample import to_gray8
from ebb.quality.grid import TILE_PX
from ebb.registration.coarse import Search, coarse_motion
from ebb.registration.refinement import refine, sharp_in_both
from ebb.registration.tiles import band, measure, pyramid
from ebb.simulation.plan import PairKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.geometry.models import Motion

RESULT = Path(__file__).parent / "results" / "refinement.json"
SEED, GROUPS, WORKERS = 80_001, 2, 2
SEARCH = Search(max_keypoints=4000, match_ratio=0.8, threshold_px=1.5, min_inliers=15)
ECC_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-6)
ECC_BORDER = 25
ROUNDS = 3


def main() -> None:
    """Compare the methods and write the results."""
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        rows = [row for rows in pool.imap(compare_group, range(GROUPS)) for row in rows]
    methods = {
        name: {
            "focus_px": quantiles([row[name]["focus_px"] for row in rows]),
            "frame_px_of_turns": quantiles([row[name]["frame_px"] for row in rows if row["turn"]]),
            "cpu_s": round(float(np.median([row[name]["cpu_s"] for row in rows])), 3),
            "failed": sum(row[name]["failed"] for row in rows),
        }
        for name in METHODS
    }
    method = " ".join((__doc__ or "").split("Method: ")[1].split("\n\n")[0].split())
    facts = {"method": method, "opencv": cv2.__version__, "num_pairs": len(rows), "methods": methods}
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


def compare_group(group: int) -> list[dict[str, Any]]:
    """All methods on the alignable pairs of a group."""
    cv2.setNumThreads(1)
    good = [pair for pair in pairs_of_group(SEED, group) if pair.kind is PairKind.GOOD]
    return [row for row in map(compare, good) if row]


def compare(pair: StudyPair) -> dict[str, Any]:
    """All methods on one pair; nothing if no motion is found from keypoints."""
    wide, shallow = to_gray8(pair.wide), to_gray8(pair.shallow)
    try:
        motion = coarse_motion(wide, shallow, SEARCH).motion
    except Rejected:
        return {}
    row: dict[str, Any] = {"turn": pair.plan.pose.only_turns}
    for name, method in METHODS.items():
        start = time.process_time()
        try:
            H, failed = method(wide, shallow, motion), 0
        except cv2.error:  # ECC did not converge
            H, failed = motion.H_shallow_to_wide, 1
        row[name] = {"cpu_s": time.process_time() - start, "failed": failed} | errors(H, pair)
    return row


def errors(H_shallow_to_wide: NDArray[np.float64], pair: StudyPair) -> dict[str, float]:
    """Mean distance from the truth, in pixels at 1024 px height."""
    away = np.linalg.norm(apply(H_shallow_to_wide, pair.points_shallow) - pair.points_wide, axis=1)
    away *= 1024 / pair.height
    return {"focus_px": float(away[pair.coc_px < 2].mean()), "frame_px": float(away.mean())}


def nothing(_wide: NDArray[np.uint8], _shallow: NDArray[np.uint8], motion: Motion) -> NDArray[np.float64]:
    """Motion from keypoints."""
    return motion.H_shallow_to_wide


def ours(wide: NDArray[np.uint8], shallow: NDArray[np.uint8], motion: Motion) -> NDArray[np.float64]:
    """Refinement of ebb align."""
    return refine(pyramid(wide), pyramid(shallow), motion).H_shallow_to_wide


def ecc(wide: NDArray[np.uint8], shallow: NDArray[np.uint8], motion: Motion) -> NDArray[np.float64]:
    """ECC on the areas in focus, without the borders, where OpenCV 5 is incorrect."""
    tiles = measure(band(wide), band(shallow), motion.H_shallow_to_wide)
    mask = np.zeros(wide.shape, np.uint8)
    for x, y in tiles.centres[sharp_in_both(tiles)].astype(int):
        mask[max(0, y - TILE_PX) : y + TILE_PX, max(0, x - TILE_PX) : x + TILE_PX] = 255
    return _ecc(wide, shallow, motion, mask)


def ecc_everywhere(
    wide: NDArray[np.uint8], shallow: NDArray[np.uint8], motion: Motion
) -> NDArray[np.float64]:
    """ECC on the whole frame."""
    return _ecc(wide, shallow, motion, np.full(wide.shape, 255, np.uint8))


def _ecc(
    wide: NDArray[np.uint8], shallow: NDArray[np.uint8], motion: Motion, mask: NDArray[np.uint8]
) -> NDArray[np.float64]:
    # The mask is that of the second photo.
    there = cv2.warpPerspective(
        mask, motion.H_shallow_to_wide, wide.shape[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    )
    inner = np.zeros_like(mask)
    inner[ECC_BORDER:-ECC_BORDER, ECC_BORDER:-ECC_BORDER] = 255
    start = np.linalg.inv(motion.H_shallow_to_wide).astype(np.float32)
    _, found = cv2.findTransformECC(
        wide, shallow, start / start[2, 2], cv2.MOTION_HOMOGRAPHY, ECC_STEPS, there & inner, 5
    )
    return np.asarray(np.linalg.inv(found.astype(np.float64)))


def phase_correlation(
    wide: NDArray[np.uint8], shallow: NDArray[np.uint8], motion: Motion
) -> NDArray[np.float64]:
    """Shift of each tile in focus by phase correlation, then the robust fit of ebb."""
    first, second = band(wide), band(shallow)
    size, window = Size(wide.shape[1], wide.shape[0]), cv2.createHanningWindow((TILE_PX,) * 2, cv2.CV_32F)
    H = motion.H_shallow_to_wide
    for _ in range(ROUNDS):
        tiles = measure(first, second, H)
        centres = tiles.centres[sharp_in_both(tiles)]
        moved = cv2.warpPerspective(second.detail, H, size, flags=cv2.INTER_LANCZOS4)
        shifts, weights = [], []
        for x, y in centres:
            cut = np.s_[int(y - 15.5) : int(y + 16.5), int(x - 15.5) : int(x + 16.5)]
            shift, response = cv2.phaseCorrelate(moved[cut].copy(), first.detail[cut].copy(), window)
            shifts.append(shift)
            weights.append(max(response, 1e-3))
        if len(shifts) < 12:
            return H
        places = apply(np.asarray(np.linalg.inv(H)), centres)
        seen = Matches.isotropic(places, centres + np.array(shifts), 1 / np.sqrt(weights), size)
        H = refine_irls(seen, MotionModel.ROTATION, H)
    return H


METHODS = {
    "keypoints only": nothing,
    "ECC, whole frame": ecc_everywhere,
    "ECC, in focus": ecc,
    "phase correlation": phase_correlation,
    "ours": ours,
}


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile, worst."""
    shares = {"median": 50, "p95": 95, "max": 100}
    return {name: round(float(np.percentile(values, share)), 4) for name, share in shares.items()}


if __name__ == "__main__":
    main()
