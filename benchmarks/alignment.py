"""How far alignment is from the truth of the sample captures.

Method: every pair is developed and registered as `ebb align` does it, with default settings, on one
core. The error is the distance between where our matrix and the truth send a pixel of the wide
photo, at 1024 px height: over a grid on the frame for the two pairs of a pure turn, and over the
pixels whose true blur disc is below 2 px for the pair with parallax, where the truth comes from its
depth map. The fourth pair shows two scenes and must be rejected.

    python benchmarks/alignment.py        writes benchmarks/results/alignment.json
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from ebb.errors import Rejected
from ebb.geometry.homography import apply
from ebb.photo.frame import open_frame
from ebb.settings import AlignSettings
from ebb.stages.align import register

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
RESULT = Path(__file__).parent / "results" / "alignment.json"
JPEG_SCALE = 1728 / 1920
"""The JPEG files are smaller than the frames that the truth speaks of."""
PAIRS = (
    ("s01_table", "IMG_0301.DNG", "IMG_0302.DNG", 1),
    ("s02_garden", "IMG_0304.DNG", "IMG_0303.DNG", 6),
    ("s03_street_parallax", "IMG_0305.JPG", "IMG_0306.JPG", 1),
    ("two scenes", "IMG_0307.JPG", "IMG_0308.JPG", 1),
)


def main() -> None:
    """Measure every pair and keep the figures."""
    cv2.setNumThreads(1)
    truth = read_truth()
    rows = [measure(*pair, truth.get(pair[0])) for pair in PAIRS]
    facts = {"opencv": cv2.__version__, "pairs": rows}
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


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
    """A grid over the wide photo, and where the truth has it in the shallow one."""
    y, x = np.mgrid[0 : truth["height"] : 20, 0 : truth["width"] : 20]
    wide = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float64)
    return wide, apply(np.array(truth["H"]), wide)


def in_focus(truth: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of the wide photo that the shallow one has in focus, and where it has them, at JPEG size."""
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
