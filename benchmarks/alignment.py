"""How far alignment is from the truth, which refinement wins, and what it costs.

Method: the rendered pairs of data/sample, and simulated pairs of a seed that was not used to choose
anything (ebb.optics, 1296 x 864, motion of a hand, half of them with some tenths of a millimetre
sideways), developed upright and reduced to 1024 px height (864 where the photo has no more) as the
align stage does it. The truth of each pair gives the mean error over the frame where the camera
only turned, and the mean error of every pixel with a true blur disc below 2 px; all in pixels at
1024 px height. The same start, the motion from keypoints, goes through each refinement: none;
OpenCV's ECC with a homography, without a mask and with the tiles in focus as mask, the border of
the frame (25 px) left out; phase correlation of windowed 64 px tiles in focus and a robust fit of
the same model; ours. The same matches also go through OpenCV's robust homographies without any
polish. Two different scenes must be rejected. Seconds are processor time of one thread.

    python benchmarks/alignment.py --simulated 12       # writes benchmarks/results/alignment.json
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

from ebb.arrays import Size
from ebb.errors import Rejected
from ebb.geometry.homography import apply, resizing, transfer_error_px
from ebb.geometry.models import Matches, polish
from ebb.optics.motion import intrinsics
from ebb.optics.plan import plan_pair
from ebb.optics.simulate import planned_scenes, simulate_pair
from ebb.photo.decode import decode
from ebb.settings import AlignSettings
from ebb.stages.align import Found, Reduced, find_motion, reduce, register

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Rgb

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "data" / "sample"
RESULT = REPOSITORY / "benchmarks" / "results" / "alignment.json"
SETTINGS = AlignSettings()
SEED = 80_001
IN_FOCUS_COC_PX = 2.0
BORDER_PX = 25
PHASE_TILE = 64
UNRELATED = ("IMG_0307.JPG", "IMG_0308.JPG")
PAIRS = {
    "s01_table": ("IMG_0301.DNG", "IMG_0302.DNG"),
    "s02_garden": ("IMG_0304.DNG", "IMG_0303.DNG"),
    "s03_street_parallax": ("IMG_0305.JPG", "IMG_0306.JPG"),
}
"""Truth → wide file, shallow file."""

ROBUST = {
    "ransac_3px": (cv2.RANSAC, 3.0),
    "usac_magsac_1.5px": (cv2.USAC_MAGSAC, 1.5),
    "usac_accurate_1.5px": (cv2.USAC_ACCURATE, 1.5),
}


class Truth(NamedTuple):
    """Where places of the wide photo truly lie in the shallow one, both at full size."""

    wide: NDArray[np.float64]
    shallow: NDArray[np.float64]
    coc_px: NDArray[np.float64]
    """Blur disc at 1024 px height."""
    only_turns: bool


class Case(NamedTuple):
    """A developed pair with its truth."""

    name: str
    wide: Rgb
    shallow: Rgb
    truth: Truth


def main() -> None:
    """Measure every pair and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--simulated", type=int, default=12)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    pairs = {}
    for case in (*sample_cases(), *simulated_cases(chosen.simulated)):
        pairs[case.name] = measure(case)
        print(case.name, json.dumps(pairs[case.name]), flush=True)
    result = {
        "method": " ".join((__doc__ or "").split("Method: ")[1].split("\n\n")[0].split()),
        "opencv": cv2.__version__,
        "seed": SEED,
        "summary": summary(pairs),
        "unrelated": unrelated(),
        "pairs": pairs,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result["summary"], indent=2))


def measure(case: Case) -> dict[str, Any]:
    """Register one pair in every way and compare with the truth."""
    wide, shallow = reduce(case.wide), reduce(case.shallow)
    start = time.process_time()
    found = find_motion(wide.gray, shallow.gray, SETTINGS)
    seconds = {"find_motion": time.process_time() - start}
    start = time.process_time()
    try:
        register(case.wide, case.shallow, SETTINGS)
        status = "ok"
    except Rejected as rejected:
        status = str(rejected.reason)
    seconds["register"] = time.process_time() - start
    motions = {"keypoints": found.motion.H_shallow_to_wide, "ours": found.refinement.H_shallow_to_wide}
    others: dict[str, Callable[[], Homography]] = {
        "ecc": lambda: ecc(wide.gray, shallow.gray, found, masked=False),
        "ecc_in_focus": lambda: ecc(wide.gray, shallow.gray, found, masked=True),
        "phase_correlation": lambda: phase_correlation(wide.gray, shallow.gray, found),
    }
    for name, refinement in others.items():
        start = time.process_time()
        motions[name] = refinement()
        seconds[name] = time.process_time() - start
    motions |= opencv_only(found)
    return {
        "status": status,
        "only_turns": case.truth.only_turns,
        "model": {"keypoints": found.motion.kind, "ours": found.refinement.kind},
        "error_px": {name: errors(H, wide, shallow, case.truth) for name, H in motions.items()},
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
    }


def errors(H: Homography, wide: Reduced, shallow: Reduced, truth: Truth) -> dict[str, float]:
    """Mean error over the frame and in focus, at 1024 px height."""
    source, target = apply(resizing(shallow.scale), truth.shallow), apply(resizing(wide.scale), truth.wide)
    away = transfer_error_px(H, source, target) * 1024 / wide.size.height
    sharp = away[truth.coc_px < IN_FOCUS_COC_PX]
    found = {"frame": away.mean(), "in_focus": sharp.mean(), "in_focus_p95": np.percentile(sharp, 95)}
    return {name: round(float(value), 4) for name, value in found.items()}


def ecc(wide: Gray8, shallow: Gray8, found: Found, *, masked: bool) -> Homography:
    """OpenCV's enhanced correlation coefficient; the start itself where it does not converge."""
    mask = np.full(wide.shape, 255, np.uint8)
    if masked:
        mask[:] = 0
        tiles = found.refinement.tiles
        for x, y in (tiles.centres[found.refinement.in_focus] - 15.5).astype(int):
            mask[y : y + 32, x : x + 32] = 255
    inner = np.zeros_like(mask)
    inner[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = 255
    mask &= inner
    start = np.linalg.inv(found.motion.H_shallow_to_wide)
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-6)
    try:
        _, H = cv2.findTransformECC(
            wide, shallow, (start / start[2, 2]).astype(np.float32), cv2.MOTION_HOMOGRAPHY, criteria, mask, 5
        )
    except cv2.error:
        return found.motion.H_shallow_to_wide
    inverse = np.linalg.inv(np.asarray(H, np.float64))
    return np.asarray(inverse / inverse[2, 2])


def phase_correlation(wide: Gray8, shallow: Gray8, found: Found) -> Homography:
    """Shifts of windowed tiles in focus by phase correlation, and a robust fit of the model we chose."""
    H = found.motion.H_shallow_to_wide
    window = cv2.createHanningWindow((PHASE_TILE, PHASE_TILE), cv2.CV_32F)
    tiles = found.refinement.tiles
    centres = np.round(tiles.centres[found.refinement.in_focus] - (PHASE_TILE - 1) / 2).astype(int)
    size = Size(wide.shape[1], wide.shape[0])
    for _ in range(3):
        moved = cv2.warpPerspective(shallow, H, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)
        places, shifts = [], []
        for x, y in centres:
            cell = np.s_[y : y + PHASE_TILE, x : x + PHASE_TILE]
            if x >= 0 and y >= 0 and wide[cell].shape == window.shape:
                first, second = (photo[cell].astype(np.float32) for photo in (wide, np.asarray(moved)))
                shift, _ = cv2.phaseCorrelate(second, first, window)
                places.append((x + (PHASE_TILE - 1) / 2, y + (PHASE_TILE - 1) / 2))
                shifts.append(shift)
        if len(places) < 20:
            return H
        target = np.array(places) + np.array(shifts)
        source = apply(np.asarray(np.linalg.inv(H)), np.array(places))
        H = polish(Matches.isotropic(source, target, np.ones(len(source)), size), found.refinement.kind, H)
    return H


def opencv_only(found: Found) -> dict[str, Homography]:
    """The same matches through OpenCV's robust homographies, as they come."""
    fits = {
        name: cv2.findHomography(found.points_shallow, found.points_wide, flag, threshold)[0]
        for name, (flag, threshold) in ROBUST.items()
    }
    return {name: np.asarray(H, np.float64) for name, H in fits.items()}


def unrelated() -> str:
    """What becomes of two different scenes."""
    wide, shallow = (decode((SAMPLE / "captures" / name).read_bytes(), ".jpg", 1) for name in UNRELATED)
    try:
        register(wide, shallow, SETTINGS)
    except Rejected as rejected:
        return f"rejected: {rejected.reason}"
    return "accepted"


def sample_cases() -> Iterator[Case]:
    """The rendered pairs."""
    scenes = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))["pairs"]
    for name, files in PAIRS.items():
        scene = next(scene for scene in scenes if scene["id"] == name)
        wide, shallow = (
            decode((SAMPLE / "captures" / file).read_bytes(), Path(file).suffix, scene["orientation"])
            for file in files
        )
        yield Case(name, wide, shallow, rendered_truth(scene, wide.shape[0] / scene["height"]))


def rendered_truth(scene: dict[str, Any], scale: float) -> Truth:
    """Truth of a rendered pair; JPEG files are smaller than the frames it speaks of by ``scale``."""
    name = Path(scene["wide"]["raw"]).stem
    data = np.fromfile(SAMPLE / "captures" / f"{name}_depth.png", np.uint8)
    inverse = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.float64)[::4, ::4] / 16384
    K1, K2, R, t = (np.array(scene[key], np.float64) for key in ("K1", "K2", "R", "t"))
    coc = K1[0, 0] * scene["aperture_m"][1] * np.abs(inverse - 1 / scene["focus_m"]) * 1024 / scene["height"]
    wide, shallow = projected(inverse, 4, (K1, K2, R, t))
    to_file = resizing(scale)
    return Truth(apply(to_file, wide), apply(to_file, shallow), coc.ravel(), not t.any())


def simulated_cases(number: int) -> Iterator[Case]:
    """Good pairs of the simulated camera."""
    for index in range(number):
        plan = plan_pair(SEED, index, bad_share=0.0)
        scenes = planned_scenes(plan)
        pair = simulate_pair(scenes, plan)
        wide, shallow = (
            decode(data or b"", ".dng", plan.orientation) for data in (pair.wide_file, pair.shallow_file)
        )
        inner = slice(scenes.wide.margin, -scenes.wide.margin or None, 4)
        inverse = 1 / scenes.wide.depth_m[inner, inner].astype(np.float64)
        truth = pair.truth
        cameras = (
            intrinsics(truth.focal_px, plan.size),
            intrinsics(truth.focal_px * truth.focal_ratio, plan.size),
            np.array(truth.R).reshape(3, 3),
            np.array(truth.t),
        )
        coc = truth.focal_px * truth.focal_length_mm / 1800 * np.abs(inverse - 1 / truth.focus_m_shallow)
        places = projected(inverse, 4, cameras)
        turns = plan.pose.only_turns
        height = plan.size.height
        yield Case(
            f"simulated_{index:03d}", wide, shallow, Truth(*places, coc.ravel() * 1024 / height, turns)
        )


def projected(
    inverse_depth: NDArray[np.float64], stride: int, cameras: tuple[NDArray[np.float64], ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wide pixels on a grid, and where they lie in the shallow photo: x2 ~ K2 (R K1⁻¹ x1 + t / depth)."""
    K1, K2, R, t = cameras
    rows, columns = np.indices(inverse_depth.shape) * stride
    pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    seen = K2 @ (R @ np.linalg.inv(K1) @ pixels + t[:, None] * inverse_depth.ravel())
    return pixels[:2].T, (seen[:2] / seen[2]).T


def summary(pairs: dict[str, Any]) -> dict[str, Any]:
    """Median and worst error of each method: over the frame where the camera only turned, else in focus."""
    table: dict[str, Any] = {}
    for only_turns, measured in ((True, "frame"), (False, "in_focus")):
        rows = [pair["error_px"] for pair in pairs.values() if pair["only_turns"] is only_turns]
        kind = f"{'turned' if only_turns else 'moved'}: {measured} px of {len(rows)} pairs"
        table[kind] = {
            name: {
                "median": round(float(np.median([row[name][measured] for row in rows])), 4),
                "max": round(float(max(row[name][measured] for row in rows)), 4),
            }
            for name in rows[0]
        }
    return table


if __name__ == "__main__":
    main()
