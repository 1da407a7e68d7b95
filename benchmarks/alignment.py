"""Accuracy of the alignment of the sample captures and of simulated captures.

Method: every pair is developed and registered like in `ebb align`, with default settings. The error is the
distance between the positions to which the estimated and the true homography map a pixel, at 1024 px height.
Of the sample captures, the two pairs with a pure rotation are measured over a grid on the frame, and the pair
with parallax over the pixels whose true blur disc is below 2 px, for which the depth map gives the true
position; the fourth pair shows two scenes and must be rejected. Simulated captures are DNG files of `ebb
simulate --bad 0`, at its default size and at 4.5 megapixels (from 4 megapixels on, the colour planes of the
sensor are resampled directly). They are processed by `ebb ingest` and `ebb align` and measured at every
eighth pixel of the depth map: for half of them the camera only rotates (measured over the frame and in
focus), for the others the hand also moves (in focus). The seed was not used to choose anything.

    python benchmarks/alignment.py        writes benchmarks/results/alignment.json
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from ebb.arrays import Size
from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.errors import Rejected, Status
from ebb.geometry.homography import apply
from ebb.photo.frame import open_frame
from ebb.progress import SilentProgress
from ebb.registration.register import register
from ebb.results import ALIGN
from ebb.settings import AlignSettings, IngestSettings, RunSettings, SimulateSettings
from ebb.simulation.hand_motion import intrinsics
from ebb.stages import align, ingest, simulate
from ebb.workspace import open_workspace

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
RESULT = Path(__file__).parent / "results" / "alignment.json"
JPEG_SCALE = 1728 / 1920
"""Size of the JPEG files relative to the frames of the ground truth."""
PAIRS = (
    ("s01_table", "IMG_0301.DNG", "IMG_0302.DNG", 1),
    ("s02_garden", "IMG_0304.DNG", "IMG_0303.DNG", 6),
    ("s03_street_parallax", "IMG_0305.JPG", "IMG_0306.JPG", 1),
    ("two scenes", "IMG_0307.JPG", "IMG_0308.JPG", 1),
)


SEED, HEIGHTS = 81_001, {"1296x864": 768, "2592x1728": 1024}
"""Seed of the simulated captures; their frame, and the height of the stored photos."""

DEPTH_SCALE = 16384.0
IN_FOCUS_PX = 2.0
STRIDE = 8


def main() -> None:
    """Measure every pair and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scenes", type=int, default=24, help="simulated, of each size")
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    truth = read_truth()
    rows = [measure(*pair, truth.get(pair[0])) for pair in PAIRS]
    method = " ".join((__doc__ or "").split("Method: ")[1].split("    python")[0].split())
    facts = {"method": method, "opencv": cv2.__version__, "pairs": rows, "seed": SEED}
    facts["simulated"] = {size: simulated(size, chosen.scenes, chosen.workers) for size in HEIGHTS}
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


def simulated(size: str, scenes: int, workers: int) -> dict[str, Any]:
    """Simulate captures, align them, and summarise the errors."""
    settings, run = AlignSettings(height=HEIGHTS[size]), RunSettings(workers=workers)
    with tempfile.TemporaryDirectory() as folder:
        captures, progress = Path(folder) / "captures", SilentProgress()
        simulate.run(captures, SimulateSettings(scenes=scenes, seed=SEED, bad=0, size=size), run, progress)
        with open_workspace(Path(folder) / "set", create=True) as workspace:
            ingest.run(workspace, captures, IngestSettings(), run, progress)
            align.run(workspace, settings, run, progress)
            wide_names = {p.pair_id: p.wide.name for p in pairs_of(read_catalog(workspace.catalog_file))}
            rows = {wide_names[pair]: row for pair, row in workspace.state.stage_rows(ALIGN).items()}
        truths = pq.read_table(captures / simulate.TRUTH_FILE).to_pylist()
        aligned = [(truth, value) for truth in truths if (value := rows[truth["wide"]].value)]
        found = [(truth, errors(truth, captures, value.H_shallow_to_wide)) for truth, value in aligned]
    turns = [error for truth, error in found if not any(truth["t"])]
    moved = [error for truth, error in found if any(truth["t"])]
    return {
        "pairs": len(truths),
        "aligned": len(found),
        "turns": {
            "count": len(turns),
            "frame_px": quantiles([error["frame_px"] for error in turns]),
            "focus_px": quantiles([error["focus_px"] for error in turns]),
        },
        "moved": {"count": len(moved), "focus_px": quantiles([error["focus_px"] for error in moved])},
        "rejected": {name: str(row.reason) for name, row in rows.items() if row.status is not Status.OK},
    }


def errors(truth: dict[str, Any], captures: Path, H_shallow_to_wide: list[float]) -> dict[str, float]:
    """Mean error of a simulated pair over the frame and in focus."""
    values = cv2.imread(str(captures / truth["depth"]), cv2.IMREAD_UNCHANGED)[::STRIDE, ::STRIDE]
    inverse = values.ravel() / DEPTH_SCALE
    rows, columns = STRIDE * np.indices(values.shape)
    wide = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    size, focal_px = Size(truth["width"], truth["height"]), truth["focal_px"]
    K1, K2 = intrinsics(focal_px, size), intrinsics(focal_px * truth["focal_ratio"], size)
    rays = np.linalg.inv(K1) @ np.column_stack([wide, np.ones(len(wide))]).T
    seen = K2 @ (np.reshape(truth["R"], (3, 3)) @ rays + np.array(truth["t"])[:, None] * inverse)
    H = np.reshape(H_shallow_to_wide, (3, 3))
    scale = 1024 / size.height
    away = np.linalg.norm(apply(H, (seen[:2] / seen[2]).T) - wide, axis=1) * scale
    aperture_m = truth["focal_length_mm"] / truth["f_number_shallow"] / 1000
    discs_px = focal_px * aperture_m * abs(inverse - 1 / truth["focus_m_shallow"]) * scale
    return {"frame_px": float(away.mean()), "focus_px": float(away[discs_px < IN_FOCUS_PX].mean())}


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile, worst."""
    shares = {"median": 50, "p95": 95, "max": 100}
    return {name: round(float(np.percentile(values, share)), 4) for name, share in shares.items()}


def read_truth() -> dict[str, dict[str, Any]]:
    """Truth of the sample captures by the name of the pair."""
    return {pair["id"]: pair for pair in json.loads((SAMPLE / "truth.json").read_text())["pairs"]}


def measure(
    name: str, wide: str, shallow: str, orientation: int, truth: dict[str, Any] | None
) -> dict[str, Any]:
    """Error and processor time of one pair."""
    photos = [
        open_frame((SAMPLE / "captures" / file).read_bytes(), Path(file).suffix, orientation, 1.0)
        for file in (wide, shallow)
    ]
    start = time.process_time()
    try:
        found = register(photos[0], photos[1], AlignSettings())
    except Rejected as error:
        return {"pair": name, "rejected": error.reason, "seconds": round(time.process_time() - start, 2)}
    seconds = round(time.process_time() - start, 2)
    assert truth is not None, f"{name} should have been rejected"
    wide_points, shallow_points = in_focus(truth) if "parallax" in name else over_frame(truth)
    scale = 1024 / photos[0].size.height
    errors = np.linalg.norm(apply(found.H_shallow_to_wide, shallow_points) - wide_points, axis=1) * scale
    percentiles = {f"p{share}_px": round(float(np.percentile(errors, share)), 4) for share in (50, 95, 100)}
    return {
        "pair": name,
        "model": found.motion_model,
        "mean_px": round(float(errors.mean()), 4),
        **percentiles,
    } | {"seconds": seconds}


def over_frame(truth: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A grid over the wide photo and its true positions in the shallow photo."""
    y, x = np.mgrid[0 : truth["height"] : 20, 0 : truth["width"] : 20]
    wide = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    return wide, apply(np.array(truth["H"]), wide)


def in_focus(truth: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels that are in focus in the shallow photo and their true positions there, at JPEG size."""
    K1, K2, R = (np.array(truth[key]) for key in ("K1", "K2", "R"))
    values = cv2.imread(str(SAMPLE / "captures" / "IMG_0305_depth.png"), cv2.IMREAD_UNCHANGED)
    y, x = np.nonzero(values)
    metres = 16384 / values[y, x].astype(np.float64)
    blur = K1[0, 0] * truth["aperture_m"][1] * abs(1 / metres - 1 / truth["focus_m"])
    x, y, metres = x[blur < 2], y[blur < 2], metres[blur < 2]
    points = metres * (np.linalg.inv(K1) @ np.stack([x, y, np.ones_like(x)]))
    projected = K2 @ (R @ points + np.array(truth["t"])[:, None])
    shift = (JPEG_SCALE - 1) / 2
    wide = np.stack([x, y], axis=1) * JPEG_SCALE + shift
    return wide, (projected[:2] / projected[2]).T * JPEG_SCALE + shift


if __name__ == "__main__":
    main()
