"""Comparison of the gates with people's judgements of real pairs, and accuracy of their registration.

Run: ``python benchmarks/real_pairs.py FOLDER [--page wrong.html]``

FOLDER contains ``pairs.csv`` with the columns wide, shallow (paths below FOLDER), verdict and why. Verdicts:
``use``, ``doubtful``, ``align`` (correct, but too small or with too little blur for training: only the
registration is measured) and ``refuse``. No part of the photos is stored; the page, which shows the pairs for
which gates and people disagree, is written only if ``--page`` is given.

Method: each pair is registered once, and its measurements are compared with the limits of every profile.
Photos are developed as by ``ebb align``, without EXIF. The registration is checked by an independent
estimator: phase correlation (OpenCV, Hann window) of 64 px patches of both photos at 1024 px height, after
the shallow photo is warped by the homography. Lengths are pixels at 1024 px height, or of the photo if it is
lower. Patches are used if the shallow photo has the fine detail of the wide one (ratio of the energies of
their Laplacians above 0.5, both above noise) and the correlation peak is clear (response above 0.15). The
error is the length of the median displacement of the patches of a pair; ``apart`` is the median of their
lengths.

``held_out``: limits chosen by a rule on two thirds of the pairs judged ``use`` or ``refuse`` and applied to
the remaining third, over 200 random partitions. ``sensitivity``: accepted ``use`` and ``refuse`` pairs if one
limit of ``clean`` is scaled.
"""

from __future__ import annotations

import argparse
import csv
import html
import json
import math
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.held_out_limits import held_out, sensitivity
from ebb.errors import Rejected
from ebb.measurements import PROFILES
from ebb.photo.frame import PhotoFile, open_pair
from ebb.quality.gates import rejections
from ebb.registration.detection import detection_photo
from ebb.registration.estimate import find_motion
from ebb.registration.measure import measure
from ebb.settings import AlignSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.measurements import Measurements
    from ebb.registration.detection import DetectionPhoto

RESULT = Path(__file__).parent / "results" / "real_pairs.json"
PATCH, STRIDE = 64, 32
LIMITS = {**PROFILES, "clean, exposure matched": AlignSettings(match_exposure=True)}
"""Name of the limits → limits."""

MIN_DETAIL_RATIO, MIN_DETAIL, MIN_RESPONSE = 0.5, 9.0, 0.15


@dataclass
class Judged:
    """A pair with the judgement of people, the decisions of the profiles and the registration error."""

    folder: str
    wide: Path
    shallow: Path
    verdict: str
    why: str
    reasons: dict[str, str]
    """Profile → reasons for rejection; empty if accepted."""
    seconds: float
    measurements: Measurements | None = None
    error_px: float = math.nan
    apart_px: float = math.nan
    num_patches: int = 0


def main() -> None:
    """Judge all pairs and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--page", type=Path, help="HTML page of the pairs for which gates and people disagree"
    )
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    with (chosen.folder / "pairs.csv").open(newline="", encoding="utf-8") as file:
        judged = [judge(chosen.folder, row) for row in csv.DictReader(file)]
    result = summary(judged)
    chosen.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["profiles"], indent=1))
    if chosen.page:
        write_page(chosen.page, judged)


def judge(root: Path, row: dict[str, str]) -> Judged:
    """Register a pair and compare it with the limits of every profile."""
    wide, shallow = (root / row[name] for name in ("wide", "shallow"))
    files = (PhotoFile(path.name, path.read_bytes(), 1) for path in (wide, shallow))
    frames = open_pair(*files, 1.0)
    start = time.process_time()
    photos = detection_photo(frames[0]), detection_photo(frames[1])
    folder = row["wide"].split("/")[0]
    try:
        estimate = find_motion(*photos, AlignSettings())
        found = measure(*photos, estimate, AlignSettings(), None)
    except Rejected as error:
        reasons = dict.fromkeys(LIMITS, str(error.reason))
        return Judged(folder, wide, shallow, row["verdict"], row["why"], reasons, time.process_time() - start)
    seconds = time.process_time() - start
    reasons = {
        name: ", ".join(sorted({str(one.reason) for one in rejections(found.measurements, limits)}))
        for name, limits in LIMITS.items()
    }
    shifts = patch_shifts(*photos, estimate.refinement.H_shallow_to_wide)
    return Judged(
        *(folder, wide, shallow, row["verdict"], row["why"], reasons, seconds, found.measurements),
        error_px=float(np.linalg.norm(np.median(shifts, axis=0))) if len(shifts) else math.nan,
        apart_px=float(np.median(np.linalg.norm(shifts, axis=1))) if len(shifts) else math.nan,
        num_patches=len(shifts),
    )


def patch_shifts(
    wide: DetectionPhoto, shallow: DetectionPhoto, H_shallow_to_wide: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N, 2), displacement of patches in focus, in pixels of the photo before it was enlarged."""
    size = wide.gray.shape[::-1]
    moved = cv2.warpPerspective(shallow.gray, H_shallow_to_wide, size, flags=cv2.INTER_CUBIC)
    first, second = (np.asarray(photo, np.float32) for photo in (wide.gray, moved))
    window = cv2.createHanningWindow((PATCH, PATCH), cv2.CV_32F)
    details = [cv2.Laplacian(cv2.GaussianBlur(photo, (0, 0), 1.0), cv2.CV_32F) for photo in (first, second)]
    shifts = []
    for y in range(STRIDE, size[1] - PATCH - STRIDE, STRIDE):
        for x in range(STRIDE, size[0] - PATCH - STRIDE, STRIDE):
            here = np.s_[y : y + PATCH, x : x + PATCH]
            energy = [float(np.square(detail[here]).mean()) for detail in details]
            if min(energy) < MIN_DETAIL or energy[1] < MIN_DETAIL_RATIO * energy[0]:
                continue
            shift, response = cv2.phaseCorrelate(first[here], second[here], window)
            if response > MIN_RESPONSE and np.hypot(*shift) < PATCH / 4:
                shifts.append(shift)
    return np.asarray(shifts, np.float64).reshape(-1, 2) / wide.enlargement


def summary(judged: list[Judged]) -> dict[str, Any]:
    """The table by profile, folder and verdict."""
    folders = sorted({one.folder for one in judged})
    known = [one for one in judged if math.isfinite(one.error_px)]
    clear = [one for one in judged if one.verdict in ("use", "refuse")]
    decided = [one.measurements for one in clear], [one.verdict == "use" for one in clear]
    return {
        "method": " ".join((__doc__ or "").split("Method: ")[1].split()),
        "num_pairs": len(judged),
        "profiles": {
            profile: {
                "limits": asdict(limits),
                "accepted": accepted(judged, profile),
                "accepted_by_folder": {
                    folder: accepted([one for one in judged if one.folder == folder], profile)
                    for folder in folders
                },
                "error_px": errors([one for one in known if not one.reasons[profile]]),
            }
            for profile, limits in LIMITS.items()
        },
        "held_out": held_out(*decided),
        "sensitivity": sensitivity(*decided),
        "registration_of_align": errors([one for one in known if one.verdict == "align"]),
        "cpu_s": float(np.median([one.seconds for one in judged])),
    }


def accepted(judged: list[Judged], profile: str) -> dict[str, str]:
    """Verdict → number of accepted pairs of all."""
    table = {}
    for verdict in sorted({one.verdict for one in judged}):
        pairs = [one for one in judged if one.verdict == verdict]
        table[verdict] = f"{sum(not one.reasons[profile] for one in pairs)} of {len(pairs)}"
    return table


def errors(judged: list[Judged]) -> dict[str, float]:
    """Median and worst error, and the share within 0.3 px."""
    if not judged:
        return {"count": 0}
    values = np.array([one.error_px for one in judged])
    return {
        "count": len(values),
        "median": round(float(np.median(values)), 3),
        "worst": round(float(values.max()), 3),
        "within_0.3_px": round(float((values <= 0.3).mean()), 3),
        "apart_median": round(float(np.median([one.apart_px for one in judged])), 3),
    }


def write_page(path: Path, judged: list[Judged]) -> None:
    """Write the pairs for which gates and people disagree, with both photos."""
    rows = []
    for one in judged:
        told = one.reasons["clean"]
        if (one.verdict == "use" and told) or (one.verdict == "refuse" and not told):
            names = f"{one.wide.name}, {one.shallow.name}"
            text = f"{names}: people say {one.verdict} ({one.why}); clean: {told or 'accepted'}"
            photos = "".join(
                f'<img src="{photo.resolve().as_uri()}" height="300">' for photo in (one.wide, one.shallow)
            )
            rows.append(f"<p>{html.escape(text)}</p>{photos}")
    path.write_text("<!doctype html><meta charset=utf-8>" + "\n".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
