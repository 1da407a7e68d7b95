"""Randomised study of wrongly accepted and wrongly rejected pairs, on simulated pairs with ground truth.

Method: pairs are made by ebb.simulation in memory (1024 x 684, a third portrait; see alignment_pairs.py) and
registered on one core with default settings, except that exposure may differ by 2 stops and no blur is
required, as neither concerns alignment. All lengths are pixels at 1024 px photo height. For every two scenes
there are

- six pairs that should align: roll up to 2 degrees, shift up to 6 % of the frame, focal ratio 0.96 to 1.04,
  for half of them sideways motion of the hand up to 0.8 mm, exposure off by up to 1.5 stops that EXIF does
  not record, ISO 100 to 1600, apertures f/1.8, f/2.8 and f/5.6; every fifth scene has a tenth to a half of
  its contrast, and three in five have a smooth subject, lights in the background, wind, or f/1.0 instead of
  f/1.8 (study_conditions.py);
- two pairs of unrelated scenes;
- two pairs with a moved subject, missed focus, a sideways step of 2 to 80 mm, or overexposure.

A position is in focus if its true blur disc in the shallow photo is below 2 px; the true displacement follows
from its depth. Accepting a pair is right if its mean error in focus is at most 1 px and both photos show the
same scene. A pair must be rejected if it is unrelated, if more than 2 % of the frame shows another object, if
less than 0.5 % is in focus, or if the clipped share of the shallow photo exceeds that of the wide photo by 30
%. Pairs with missed focus or a sideways step to which none of this applies may be accepted or rejected. The
limits were set on other seeds.

For every gate the result contains its limit, the distribution of the measurement over the alignable pairs and
over those that must be rejected, the numbers of both beyond the limit, and how many of the latter no other
gate rejects. Pairs without any motion have no measurements.

``--moved`` studies smooth subjects that moved alone, three in five at a tenth to a half of their contrast.

    python benchmarks/alignment_study.py --groups 60 --seed 80005 --out other.json
    python benchmarks/alignment_study.py --beside other.json  # writes benchmarks/results/alignment_study.json
    python benchmarks/alignment_study.py --moved 30 --seed 80021 --out moved.json
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.alignment_pairs import StudyPair, moved_smooth_subject, pairs_of_group
from ebb.errors import ItemError
from ebb.geometry.homography import apply
from ebb.measurements import GATED, TABLE
from ebb.photo.frame import DevelopedFrame
from ebb.registration.register import register
from ebb.settings import AlignSettings
from ebb.simulation.plan import PairKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb8

RESULT = Path(__file__).parent / "results" / "alignment_study.json"
SETTINGS = AlignSettings(height=512, max_exposure_ev=2, min_blur_px=0)
MAX_FOCUS_ERROR_PX = 1.0
IN_FOCUS_COC_PX = 2.0
MAX_CHANGED, MIN_IN_FOCUS, MAX_CLIPPED = 0.02, 0.005, 0.3
PRIOR_EV = 0.0


def main() -> None:
    """Run the study and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--groups", type=int, default=100, help="of ten pairs")
    parser.add_argument("--moved", type=int, default=0, help="only so many moved smooth subjects, no groups")
    parser.add_argument("--seed", type=int, default=80_004)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--rows", type=Path, help="JSON lines of finished groups; an interrupted study is resumed"
    )
    parser.add_argument("--beside", type=Path, help="result of another seed, to be added to this one")
    parser.add_argument("--out", type=Path, default=RESULT)
    chosen = parser.parse_args()
    rows = read_rows(chosen.rows)
    left = sorted(set(range(chosen.moved or chosen.groups)) - {row["group"] for row in rows})
    study = study_moved if chosen.moved else study_group
    with multiprocessing.get_context("spawn").Pool(chosen.workers) as pool:
        for done in pool.imap_unordered(study, [(chosen.seed, group) for group in left]):
            rows += done
            if chosen.rows:
                with chosen.rows.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done) + "\n")
            print(len(rows), tally(rows, "verdict"), flush=True)
    result = summary(rows, chosen.seed)
    if chosen.moved:
        result["method"] = f"Only smooth subjects that moved. Else: {result['method']}"
    if chosen.beside:
        other = json.loads(chosen.beside.read_text(encoding="utf-8"))
        result["other_seed"] = {key: value for key, value in other.items() if key not in ("method", "pairs")}
    chosen.out.write_text(json.dumps(result) + "\n", encoding="utf-8")
    print(json.dumps({name: value for name, value in result.items() if name != "pairs"}, indent=1))


def read_rows(path: Path | None) -> list[dict[str, Any]]:
    """Pairs of earlier runs of the same seed."""
    lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
    return [row for line in lines for row in json.loads(line)]


def study_group(job: tuple[int, int]) -> list[dict[str, Any]]:
    """All pairs of one group."""
    cv2.setNumThreads(1)
    seed, group = job
    return [study_pair(pair) | {"group": group} for pair in pairs_of_group(seed, group)]


def study_moved(job: tuple[int, int]) -> list[dict[str, Any]]:
    """A smooth subject that moved."""
    cv2.setNumThreads(1)
    return [study_pair(moved_smooth_subject(*job)) | {"group": job[1]}]


def study_pair(pair: StudyPair) -> dict[str, Any]:
    """Align one pair and compare with the truth."""
    in_focus = pair.coc_px < IN_FOCUS_COC_PX
    row: dict[str, Any] = {
        "kind": str(pair.kind),
        "condition": str(pair.condition),
        "f_number": pair.plan.shallow.f_number,
        "texture": round(pair.texture, 2),
        "rotation": pair.plan.pose.only_turns,
        "iso": [pair.plan.wide.iso, pair.plan.shallow.iso],
        "ev": round(pair.ev, 2),
        "in_focus": round(float(in_focus.mean()), 4),
        "changed": round(pair.changed, 4),
        "clipped": round(share_clipped(pair.shallow) - share_clipped(pair.wide), 4),
        "blur_px": round(float(np.percentile(pair.coc_px, 95)), 1),
    }
    start = time.process_time()
    try:
        found = register(DevelopedFrame(pair.wide), DevelopedFrame(pair.shallow), SETTINGS, PRIOR_EV)
    except ItemError as rejected:
        row |= {"status": "rejected", "reason": str(rejected.reason), "message": rejected.message}
        measured = dict(rejected.measurements)
    else:
        measured = found.measurements.as_dict()
        row |= {"status": "ok", "model": found.motion_model}
        row |= errors(found.H_shallow_to_wide, pair, in_focus)
        row["ev_error"] = float(np.log2(measured["exposure_gain"])) - pair.ev
    row["cpu_s"] = time.process_time() - start
    return {**row, "verdict": verdict(row), "measured": measured}


def errors(
    H_shallow_to_wide: NDArray[np.float64], pair: StudyPair, in_focus: NDArray[np.bool_]
) -> dict[str, float | None]:
    """Mean distance from the truth over the frame and in focus, in pixels at 1024 px height."""
    away = np.linalg.norm(apply(H_shallow_to_wide, pair.points_shallow) - pair.points_wide, axis=1)
    away *= 1024 / pair.height
    return {
        "frame_px": float(away.mean()),
        "focus_px": float(away[in_focus].mean()) if in_focus.any() else None,
    }


def share_clipped(photo: Rgb8) -> float:
    """Share of the pixels with at least two channels at their limit."""
    return float(((photo == 255).sum(axis=2) >= 2).mean())


def must_reject(row: dict[str, Any]) -> bool:
    """Whether a pair is unsuitable for a training set."""
    return (
        row["kind"] == PairKind.UNRELATED
        or row["clipped"] > MAX_CLIPPED
        or row["changed"] > MAX_CHANGED
        or row["in_focus"] < MIN_IN_FOCUS
    )


def verdict(row: dict[str, Any]) -> str:
    """Cell of the table to which a pair belongs."""
    if row["status"] == "rejected":
        return "rejected wrong" if row["kind"] == PairKind.GOOD and not must_reject(row) else "rejected right"
    right = not must_reject(row) and row["focus_px"] is not None and row["focus_px"] <= MAX_FOCUS_ERROR_PX
    return "accepted right" if right else "accepted wrong"


def summary(rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """The table and the distributions of the errors."""
    good = [row for row in rows if row["kind"] == PairKind.GOOD and not must_reject(row)]
    accepted = [row for row in good if row["status"] == "ok"]
    rotated = [row["frame_px"] for row in accepted if row["rotation"]]
    moved = [row["focus_px"] for row in accepted if not row["rotation"]]
    kinds = sorted({row["kind"] for row in rows})
    return {
        "method": " ".join((__doc__ or "").split("Method: ")[1].split("\n\n")[0].split()),
        "opencv": cv2.__version__,
        "seed": seed,
        "num_pairs": len(rows),
        "table": tally(rows, "verdict"),
        "by_kind": {kind: tally([row for row in rows if row["kind"] == kind], "verdict") for kind in kinds},
        "by_condition": by_condition(rows),
        "texture_poor": tally([row for row in rows if row["texture"] < 1], "verdict"),
        "accepted_share_of_alignable": round(len(accepted) / len(good), 4) if good else None,
        "reasons": tally([row for row in rows if row["status"] == "rejected"], "reason"),
        "models": tally(accepted, "model"),
        "accepted_focus_px": quantiles([row["focus_px"] for row in rows if row.get("focus_px") is not None]),
        "rotation_frame_px": quantiles(rotated),
        "moved_focus_px": quantiles(moved),
        "exposure_error_ev": quantiles([abs(row["ev_error"]) for row in accepted]),
        "register_cpu_s": quantiles([row["cpu_s"] for row in accepted]),
        "gates": gates(good, [row for row in rows if must_reject(row)]),
        "pairs": [kept(row) for row in sorted(rows, key=lambda row: row["group"])],
    }


def by_condition(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Verdicts of all pairs under each condition, and the errors in focus of those accepted."""
    table = {}
    for name in sorted({row["condition"] for row in rows}):
        some = [row for row in rows if row["condition"] == name]
        errors_px = [row["focus_px"] for row in some if row.get("focus_px") is not None]
        table[name] = tally(some, "verdict") | {"focus_px": quantiles(errors_px)}
    return table


def gates(alignable: list[dict[str, Any]], bad: list[dict[str, Any]]) -> dict[str, Any]:
    """Measurements of pairs that should pass and of pairs that must not, for each limit."""
    table = {}
    for row in GATED:
        assert row.gate is not None
        beyond = [one for one in bad if row.name in failed(one)]
        table[row.name] = {
            "limit": str(row.limit(SETTINGS)),
            "alignable": distribution([row.seen(one["measured"]) for one in alignable]),
            "must_reject": distribution([row.seen(one["measured"]) for one in bad]),
            "alignable_beyond": sum(row.name in failed(one) for one in alignable),
            "must_reject_beyond": len(beyond),
            "must_reject_by_it_alone": sum(len(failed(one)) == 1 for one in beyond),
        }
    return table


def failed(row: dict[str, Any]) -> set[str]:
    """Gates that a pair with measurements does not pass."""
    measured = row["measured"]
    return {
        one.name
        for one in GATED
        if one.gate and one.name in measured and not one.gate.passes(one.seen(measured), SETTINGS)
    }


def distribution(values: list[float]) -> dict[str, float]:
    """Number of known values, and six of their percentiles."""
    known = [value for value in values if np.isfinite(value)]
    shares = (0, 1, 5, 50, 95, 99, 100) if known else ()
    return {"count": len(known)} | {
        f"p{share}": round(float(np.percentile(known, share)), 4) for share in shares
    }


def tally(rows: list[dict[str, Any]], name: str) -> dict[str, int]:
    """Number of occurrences of each value."""
    return dict(sorted(Counter(row[name] for row in rows).items()))


def quantiles(values: list[float]) -> dict[str, float]:
    """Number of values, median, 95th and 99th percentile, worst."""
    if not values:
        return {"count": 0}
    shares = {"median": 50, "p95": 95, "p99": 99, "max": 100}
    found = {name: round(float(np.percentile(values, share)), 4) for name, share in shares.items()}
    return {"count": len(values), **found}


def kept(row: dict[str, Any]) -> dict[str, Any]:
    """Entry of a pair in the results file: all measurements with four significant digits."""
    flat = {name: value for name, value in row.items() if name not in {"measured", "message"}}
    flat |= {one.name: row["measured"][one.name] for one in TABLE if one.name in row["measured"]}
    return {
        name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in flat.items()
    }


if __name__ == "__main__":
    main()
