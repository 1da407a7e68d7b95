"""How far alignment is from the truth, and what it costs, on the rendered pairs of ``data/sample``.

Method: every photo is developed upright and reduced to a grey of 1024 px height as the align stage does it;
keypoints, matches and motion run at that scale with the default settings. The truth of each pair, rescaled
likewise, gives the error at the four corners and over the frame; for the pair with parallax, the true
displacement of every pixel with a blur disc below 2 px gives the error in focus. Two different scenes must be
rejected. The same matches also go through OpenCV's robust homographies without our polish. Seconds are
medians of three runs on one thread.

    python benchmarks/alignment.py            # writes benchmarks/results/alignment.json
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import cv2
import numpy as np

from ebb.arrays import Size
from ebb.errors import Rejected
from ebb.geometry.crop import common_crop, overlap
from ebb.geometry.homography import (
    apply,
    corner_error_px,
    decompose,
    rescale_homography,
    resizing,
    transfer_error_px,
)
from ebb.geometry.keypoints import Keypoints, detect
from ebb.geometry.matching import match
from ebb.geometry.motion import Motion, estimate
from ebb.photo.decode import decode
from ebb.photo.resample import resample, to_gray8
from ebb.quality.gates import AlignmentFigures, check_alignment, coverage
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Points2d

T = TypeVar("T")

REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "data" / "sample"
RESULT = REPOSITORY / "benchmarks" / "results" / "alignment.json"
SETTINGS = AlignSettings()
HEIGHT = 1024
REPEATS = 3
IN_FOCUS_COC_PX = 2.0
PAIRS = {
    "s01_table": ("IMG_0301.DNG", "IMG_0302.DNG"),
    "s02_garden": ("IMG_0304.DNG", "IMG_0303.DNG"),
    "s03_street_parallax": ("IMG_0305.JPG", "IMG_0306.JPG"),
    "unrelated": ("IMG_0307.JPG", "IMG_0308.JPG"),
}
"""Truth → wide file, shallow file."""

ROBUST = {
    "ransac_3px": (cv2.RANSAC, 3.0),
    "usac_magsac_1.5px": (cv2.USAC_MAGSAC, 1.5),
    "usac_accurate_1.5px": (cv2.USAC_ACCURATE, 1.5),
}


class Photo(NamedTuple):
    """A grey at 1024 px height, and its scale to the developed photo in x and y."""

    gray: Gray8
    scale: tuple[float, float]

    @property
    def size(self) -> Size:
        """Of the grey."""
        return Size(self.gray.shape[1], self.gray.shape[0])


@dataclass(frozen=True)
class Matched:
    """Both photos' keypoints, their pairs, and the seconds each step took."""

    points_shallow: Points2d
    points_wide: Points2d
    sigmas_px: NDArray[np.float64]
    num_keypoints: tuple[int, int]
    seconds: dict[str, float]


def main() -> None:
    """Measure every pair and write the result."""
    cv2.setNumThreads(1)
    scenes = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))["pairs"]
    truths = {scene["id"]: scene for scene in scenes}
    pairs = {name: measure(*files, truths.get(name)) for name, files in PAIRS.items()}
    method = " ".join((__doc__ or "").split("Method: ")[1].split("\n\n")[0].split())
    result = {"method": method, "opencv": cv2.__version__, "height": HEIGHT, "pairs": pairs}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(pairs, indent=2))


def measure(wide_name: str, shallow_name: str, truth: dict[str, Any] | None) -> dict[str, Any]:
    """Align one pair and compare it with its truth."""
    orientation = truth["orientation"] if truth else 1
    wide, shallow = (load(SAMPLE / "captures" / name, orientation) for name in (wide_name, shallow_name))
    matched = match_photos(wide, shallow)
    row: dict[str, Any] = {
        "wide": wide_name,
        "shallow": shallow_name,
        "keypoints_wide": matched.num_keypoints[0],
        "keypoints_shallow": matched.num_keypoints[1],
        "matches": len(matched.points_wide),
    }
    try:
        motion, row["seconds"] = fit(matched, wide.size)
        figures = figures_of(motion, matched, wide.size, shallow.size)
        check_alignment(figures, SETTINGS)
    except Rejected as rejected:
        return row | {"status": "rejected", "reason": rejected.reason, "message": rejected.message}
    row |= {"status": "ok", "model": motion.kind, "figures": rounded(figures.as_dict())}
    if truth is None:
        return row
    H_truth = true_homography(truth, wide_name, wide.scale, shallow.scale)
    errors = {"ours": motion.H_shallow_to_wide} | opencv_only(matched)
    row["error_px"] = {name: error_figures(H, H_truth, wide.size, truth) for name, H in errors.items()}
    return row


def load(path: Path, orientation: int) -> Photo:
    """Develop a photo upright and reduce it to the working height, as the align stage does."""
    developed = decode(path.read_bytes(), path.suffix, orientation)
    height, width = developed.shape[:2]
    size = Size(round(width * HEIGHT / height), HEIGHT)
    scale = (size.width / width, size.height / height)
    return Photo(to_gray8(resample(developed, resizing((1 / scale[0], 1 / scale[1])), size)), scale)


def match_photos(wide: Photo, shallow: Photo) -> Matched:
    """Find and match keypoints, with the time of each step."""
    a, shallow_s = timed(lambda: detect(shallow.gray, SETTINGS.max_keypoints))
    b, wide_s = timed(lambda: detect(wide.gray, SETTINGS.max_keypoints))
    pairs, match_s = timed(lambda: match(a, b, SETTINGS.match_ratio))
    return matched_points(a, b, pairs, {"detect_shallow": shallow_s, "detect_wide": wide_s, "match": match_s})


def matched_points(
    a: Keypoints, b: Keypoints, pairs: NDArray[np.int64], seconds: dict[str, float]
) -> Matched:
    """Look the matched points up."""
    of_a, of_b = pairs.T
    sigmas = np.hypot(a.sigmas_px[of_a], b.sigmas_px[of_b])
    return Matched(a.points[of_a], b.points[of_b], sigmas, (len(b), len(a)), seconds)


def fit(matched: Matched, size: Size) -> tuple[Motion, dict[str, float]]:
    """Estimate the motion; all times so far."""
    motion, fit_s = timed(
        lambda: estimate(
            matched.points_shallow,
            matched.points_wide,
            size,
            SETTINGS.ransac_threshold_px,
            sigmas_px=matched.sigmas_px,
        )
    )
    return motion, rounded(matched.seconds | {"fit": fit_s})


def figures_of(motion: Motion, matched: Matched, wide: Size, shallow: Size) -> AlignmentFigures:
    """What the gates look at."""
    agreeing_wide = matched.points_wide[motion.inliers]
    residual = transfer_error_px(
        motion.H_shallow_to_wide, matched.points_shallow[motion.inliers], agreeing_wide
    )
    moved = decompose(motion.H_shallow_to_wide, wide)
    return AlignmentFigures(
        num_matches=len(matched.points_wide),
        num_inliers=int(motion.inliers.sum()),
        inlier_ratio=float(motion.inliers.mean()),
        coverage=coverage(agreeing_wide, wide),
        residual_px=float(np.median(residual)),
        scale_min=moved.scale_min,
        scale_max=moved.scale_max,
        rotation_deg=moved.rotation_deg,
        perspective=moved.perspective,
        corner_shift=moved.corner_shift,
        overlap=overlap(common_crop(motion.H_shallow_to_wide, wide, shallow), wide),
    )


def true_homography(
    truth: dict[str, Any],
    wide_name: str,
    wide_scale: tuple[float, float],
    shallow_scale: tuple[float, float],
) -> Homography:
    """The truth maps wide to shallow pixels of the developed files; ours is its inverse, at working scale."""
    H = np.linalg.inv(truth["H_jpeg" if wide_name.endswith("JPG") else "H"])
    return rescale_homography(H, shallow_scale, wide_scale)


def opencv_only(matched: Matched) -> dict[str, Homography]:
    """The same matches through OpenCV's robust homographies, as they come."""
    found = {
        name: cv2.findHomography(matched.points_shallow, matched.points_wide, flag, threshold)[0]
        for name, (flag, threshold) in ROBUST.items()
    }
    return {name: np.asarray(H, np.float64) for name, H in found.items()}


def error_figures(H: Homography, H_truth: Homography, size: Size, truth: dict[str, Any]) -> dict[str, float]:
    """Corner and frame error against the truth; with parallax, the error where the picture is in focus."""
    corners = corner_error_px(H, H_truth, size)
    x, y = np.meshgrid(np.linspace(0, size.width - 1, 31), np.linspace(0, size.height - 1, 21))
    frame = np.column_stack([x.ravel(), y.ravel()])
    across = transfer_error_px(H, frame, apply(H_truth, frame))
    figures = {"corner_mean": corners.mean(), "corner_max": corners.max(), "frame_mean": across.mean()}
    if np.any(truth["t"]):
        shallow, wide = true_points_in_focus(truth, size)
        focus = transfer_error_px(H, shallow, wide)
        figures |= {"in_focus_mean": focus.mean(), "in_focus_p95": np.percentile(focus, 95)}
    return rounded(figures)


def true_points_in_focus(
    truth: dict[str, Any], size: Size
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the sharp pixels of the wide photo lie in both photos, at working scale.

    X = depth · K1⁻¹ x1, x2 = K2 (R X + t), at the full size of the camera file; in focus is a blur disc
    f · aperture · |1/depth − 1/focus| below ``IN_FOCUS_COC_PX``.
    """
    name = Path(truth["wide"]["raw"]).stem
    values = cv2.imdecode(
        np.fromfile(SAMPLE / "captures" / f"{name}_depth.png", np.uint8), cv2.IMREAD_UNCHANGED
    )
    inverse_depth = np.asarray(values, np.float64)[::4, ::4] / 16384
    K1, K2, R, t = (np.array(truth[key]) for key in ("K1", "K2", "R", "t"))
    coc_px = K1[0, 0] * truth["aperture_m"][1] * np.abs(inverse_depth - 1 / truth["focus_m"])
    rows, columns = np.nonzero((coc_px < IN_FOCUS_COC_PX) & (inverse_depth > 0))
    pixels = np.column_stack([4.0 * columns, 4.0 * rows])
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(K1).T
    seen = (rays / inverse_depth[rows, columns][:, None] @ R.T + t) @ K2.T
    to_working = resizing((size.width / truth["width"], size.height / truth["height"]))
    return apply(to_working, seen[:, :2] / seen[:, 2:]), apply(to_working, pixels)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Result and median seconds."""
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return result, statistics.median(seconds)


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Four digits after the point are enough to read."""
    return {name: round(float(value), 4) for name, value in values.items()}


if __name__ == "__main__":
    main()
