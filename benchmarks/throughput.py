"""How many pairs ebb align does in the time the plain script needs, and where its time goes.

Files: hand-held pairs of procedural scenes photographed by ebb simulate (DNG, 14 bit, seed 41, no bad pairs)
at 5184 x 3456 (18 megapixels) and 2592 x 1728 (4.5 megapixels), made once into --folder and kept there.

Throughput: in each round ebb aligns all pairs through its runner (default settings, two workers, an empty
state, start of the workers included), then benchmarks/plain_script.py aligns one of them in a process of its
own (default settings and threads; start of Python not included). The script reads no EXIF, hashes nothing,
measures nothing and writes no state. Both write to the same disk. Reported are seconds a pair: median and
interquartile range over the rounds. Then ebb runs once more with one worker.

Error: distance from the true place, in pixels at 1024 px height, averaged over the pixels of the wide photo
whose true blur disc in the shallow photo is below 2 px; the truth comes from the depth file and the pose.

Memory: largest resident set of a worker, as the system counts it. The profile is that of one process that
aligns every pair once, by cProfile: seconds inside each function, those it calls included.

    python benchmarks/throughput.py --folder DIR     # writes benchmarks/results/throughput.json
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import json
import multiprocessing
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from ebb.arrays import Size
from ebb.console import SilentProgress
from ebb.errors import Status
from ebb.geometry.homography import apply
from ebb.optics.motion import intrinsics
from ebb.runner.items import Result
from ebb.runner.keys import ALIGN
from ebb.runner.local import settle_worker
from ebb.runner.stage import run_pairs
from ebb.settings import AlignSettings, IngestSettings, RunSettings
from ebb.stages import align, ingest
from ebb.state import State
from ebb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
import plain_script

RESULT = Path(__file__).parent / "results" / "throughput.json"
SIZES = {"18 megapixels": "5184x3456", "4.5 megapixels": "2592x1728"}
SEED, NUM_PAIRS = 41, 4
STRIDE = 8
PARTS = {
    "read and decode": ("open_photos",),
    "reduce": ("reduce",),
    "SIFT": ("detect",),
    "match": ("match",),
    "fit": ("estimate",),
    "refine": ("refine",),
    "agreement": ("agreement",),
    "exposure": ("measure_exposure",),
    "defocus": ("median_defocus_px",),
    "final pixels": ("resample",),
    "PNG": ("encode_png",),
    "write": ("write_atomic",),
}
"""What the profile is split into: functions called by the stage, none inside another."""


def main() -> None:
    """Measure both sizes and keep the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ebb-throughput")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=NUM_PAIRS)
    parser.add_argument("--only", choices=list(SIZES))
    parser.add_argument("--without-script", action="store_true")
    chosen = parser.parse_args()
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    facts = {"method": _method(), "opencv": cv2.__version__, "load": _load()}
    for name, size in SIZES.items():
        if chosen.only in (None, name):
            captures = make_captures(chosen.folder / size, size, chosen.pairs)
            with tempfile.TemporaryDirectory() as made:
                kept[name] = measure(captures, Path(made), 0 if chosen.without_script else chosen.rounds)
    if not chosen.without_script:
        RESULT.write_text(json.dumps({**kept, **facts}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({**kept, **facts}, indent=1))


def make_captures(folder: Path, size: str, pairs: int) -> Path:
    """Capture pairs with truth; goes on where an earlier call stopped."""
    if (folder / "truth.parquet").exists():
        return folder
    command = [sys.executable, "-m", "ebb", "simulate", str(folder), "--quiet", "--bad", "0"]
    command += ["--seed", str(SEED), "--size", size, "--scenes", str(pairs)]
    subprocess.run([*command, "--workers", "1", "--item-timeout", "3600"], check=True)
    return folder


def measure(captures: Path, made: Path, rounds: int) -> dict[str, Any]:
    """Throughput, errors, memory and profile on the pairs of one folder."""
    with open_workspace(made / "dataset", create=True) as workspace:
        ingest.run(workspace, captures, IngestSettings(), RunSettings(), SilentProgress())
        jobs = align.jobs(workspace, AlignSettings())
        states = (State(made / f"{number}.sqlite") for number in itertools.count())
        ours, script, errors = [], [], {"script": []}
        for index in range(max(rounds, 1)):
            ours.append(timed(lambda: align_all(next(states), jobs, 2)) / len(jobs))
            if rounds == 0:
                break
            job = jobs[index % len(jobs)]
            seconds, H = in_own_process(run_script, job, made)
            script.append(seconds)
            errors["script"].append(error_px(H, job, captures))
        last = next(states)
        alone = timed(lambda: align_all(last, jobs, 1)) / len(jobs)
        rows = last.stage_rows(ALIGN)
        errors["ebb"] = [
            error_px(np.reshape(rows[job.pair_id].figures["H_shallow_to_wide"], (3, 3)), job, captures)
            for job in jobs
            if rows[job.pair_id].status is Status.OK
        ]
        memory = max(row.figures.get("peak_mb", 0) for row in rows.values())
        parts = profile(jobs)
    return {
        "num_pairs": len(jobs),
        "accepted": len(errors["ebb"]),
        "ebb_s": quartiles(ours),
        "script_s": quartiles(script),
        "times_faster": round(float(np.median(script) / np.median(ours)), 2) if script else None,
        "one_worker_s": round(alone, 3),
        "two_workers_over_one": round(alone / float(np.median(ours)), 2),
        "worker_mb": memory,
        "error_px": {name: [round(one, 4) for one in values] for name, values in errors.items()},
        "profile": parts,
    }


def align_all(state: State, jobs: list[align.AlignJob], workers: int) -> None:
    """Align every pair as the verb does."""
    run_pairs(state, ALIGN, jobs, align_and_weigh, RunSettings(workers=workers), SilentProgress())


def align_and_weigh(job: align.AlignJob) -> Result:
    """Align a pair and note the memory of the worker so far. Runs in a worker."""
    result = align.align_pair(job)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Result(figures={**result.figures, "peak_mb": round(peak_mb)}, outputs=result.outputs)


def run_script(job: align.AlignJob, folder: Path) -> tuple[float, NDArray[np.float64]]:
    """The plain script on one pair: seconds and homography."""
    files = [Path(row.folder, row.name) for row in (job.wide, job.shallow)]
    start = time.perf_counter()
    H = plain_script.align(*files, folder)
    return time.perf_counter() - start, H


def in_own_process(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (what it returns)
    """Call a function in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def timed(call: Callable[[], None]) -> float:
    """Seconds a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def profile(jobs: list[align.AlignJob]) -> dict[str, float]:
    """Seconds a pair in each part of the work, in this process with one thread, and their shares."""
    threads = cv2.getNumThreads()
    settle_worker()
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    for job in jobs:
        align.align_pair(job)
    profiler.disable()
    cv2.setNumThreads(threads)
    spent: dict[str, float] = {}
    for (file, _, function), (_, _, _, cumulative, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if "/ebb/" in file:
            spent[function] = max(spent.get(function, 0.0), cumulative)
    seconds = {part: sum(spent.get(name, 0.0) for name in names) / len(jobs) for part, names in PARTS.items()}
    total = spent["align_pair"] / len(jobs)
    shares = {part: f"{value:.3f} s = {value / total:.0%}" for part, value in seconds.items()}
    decoding = (seconds["read and decode"] + seconds["reduce"] + seconds["SIFT"]) / total
    return {"cpu_s": round(total, 3), **shares, "decoding and SIFT": round(decoding, 2)}


def error_px(H: NDArray[np.float64], job: align.AlignJob, captures: Path) -> float:
    """Mean distance from the truth over what is in focus, in pixels at 1024 px height."""
    truth = next(
        row
        for row in pq.read_table(captures / "truth.parquet").to_pylist()
        if row["wide"] == Path(job.wide.name).name
    )
    size = Size(truth["width"], truth["height"])
    values = cv2.imread(str(captures / truth["depth"]), cv2.IMREAD_UNCHANGED)
    inverse = values[::STRIDE, ::STRIDE].astype(np.float64).ravel() / 16384
    rows, columns = np.mgrid[: size.height : STRIDE, : size.width : STRIDE]
    pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    K1 = intrinsics(truth["focal_px"], size)
    K2 = intrinsics(truth["focal_px"] * truth["focal_ratio"], size)
    seen = K2 @ (
        np.reshape(truth["R"], (3, 3)) @ np.linalg.inv(K1) @ pixels + np.array(truth["t"])[:, None] * inverse
    )
    aperture_m = truth["focal_length_mm"] / truth["f_number_shallow"] / 1000
    coc = truth["focal_px"] * aperture_m * np.abs(inverse - 1 / truth["focus_m_shallow"])
    in_focus = coc * 1024 / size.height < 2
    away = np.linalg.norm(apply(H, (seen[:2] / seen[2]).T[in_focus]) - pixels[:2].T[in_focus], axis=1)
    return float(away.mean() * 1024 / size.height)


def quartiles(values: list[float]) -> dict[str, float]:
    """Median and interquartile range."""
    if not values:
        return {}
    low, middle, high = (float(np.percentile(values, share)) for share in (25, 50, 75))
    return {"median": round(middle, 3), "iqr": round(high - low, 3), "rounds": len(values)}


def _method() -> str:
    return " ".join((__doc__ or "").split("Files: ")[1].split("\n\n    python")[0].split())


def _load() -> float:
    return round(float(Path("/proc/loadavg").read_text().split()[0]), 2)


if __name__ == "__main__":
    main()
