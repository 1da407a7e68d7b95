"""Throughput of ebb align relative to a simple script, and a profile of its time.

Files: pairs of a plane of real pictures with known motion, four ninths of it out of focus in the shallow
photo (benchmarks/composites.py), as DNG at 5184 x 3456 (18 megapixels) and 2592 x 1728 (4.5 megapixels), made
once in --folder and kept there.

Throughput: in each round ebb aligns every pair --repeat times through its runner (default settings, two
workers, an empty state, including start and end of the workers), then benchmarks/plain_script.py aligns one
of them in a separate process (default settings and threads, without the start of Python). The script reads no
EXIF, computes no hashes or measurements, and writes no state. Both write to the same disk. Reported are
seconds per pair: median and interquartile range over the rounds. Then ebb runs once more with one worker.

Error: distance from the true position, in pixels at 1024 px height, averaged over the frame.

Memory: largest resident set of a worker, as counted by the system. The profile is that of one process that
aligns every pair once, by cProfile: seconds in each function, including the functions that it calls.

    python benchmarks/throughput.py --folder DIR     # writes benchmarks/results/throughput.json
"""

from __future__ import annotations

import argparse
import cProfile
import dataclasses
import json
import multiprocessing
import os
import pstats
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in the workers, for the profile

import cv2
import numpy as np

from ebb.arrays import Size
from ebb.geometry.homography import apply
from ebb.progress import SilentProgress
from ebb.results import ALIGN, StoredAlignment
from ebb.runner.local import settle_worker
from ebb.runner.stage import run_pairs
from ebb.settings import AlignSettings, IngestSettings, RunSettings
from ebb.stages import align, ingest
from ebb.state import State
from ebb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb.runner.items import Result

sys.path.insert(0, str(Path(__file__).parent))
import composites
import plain_script

RESULT = Path(__file__).parent / "results" / "throughput.json"
SIZES = {"18 megapixels": Size(5184, 3456), "4.5 megapixels": Size(2592, 1728)}
NUM_PAIRS = 3
PARTS = {
    "read and decode": ("open_frames",),
    "reduce": ("detection_photo",),
    "SIFT": ("detect",),
    "match": ("match",),
    "fit": ("estimate",),
    "refine": ("refine",),
    "agreement": ("at_equal_blur", "agreement", "smooth_changes"),
    "exposure": ("measure_exposure",),
    "defocus": ("aligned_halves", "defocus_px", "largest_discs_px"),
    "final pixels": ("resample",),
    "PNG": ("encode_png",),
    "write": ("write_atomic",),
}
"""Parts of the profile: functions called by the stage that do not call each other."""


def main() -> None:
    """Measure both sizes and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "ebb-throughput")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=NUM_PAIRS)
    parser.add_argument("--only", choices=list(SIZES))
    parser.add_argument("--repeat", type=int, default=4)
    chosen = parser.parse_args()
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    facts = {"method": _method(), "opencv": cv2.__version__, "load": _load()}
    for name, size in SIZES.items():
        if chosen.only in (None, name):
            captures = chosen.folder / name.replace(" ", "-")
            composites.make(captures, size, chosen.pairs)
            with tempfile.TemporaryDirectory() as made:
                kept[name] = measure(captures, Path(made), chosen.rounds, chosen.repeat)
    RESULT.write_text(json.dumps({**kept, **facts}, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({**kept, **facts}, indent=1))


def measure(captures: Path, made: Path, rounds: int, repeat: int) -> dict[str, Any]:
    """Throughput, errors, memory and profile on the pairs of one folder."""
    with open_workspace(made / "dataset", create=True) as workspace:
        ingest.run(workspace, captures, IngestSettings(), RunSettings(), SilentProgress())
        pairs = align.jobs(workspace, AlignSettings())
    jobs = [
        dataclasses.replace(job, pair_id=f"{job.pair_id}-{number}", folder=made / f"{job.pair_id}-{number}")
        for number in range(repeat)
        for job in pairs
    ]
    ours, script, script_errors = [], [], []
    for index in range(rounds):
        ours.append(timed(lambda: align_all(State(made / f"{index}.sqlite"), jobs, 2)) / len(jobs))  # noqa: B023
        job = pairs[index % len(pairs)]
        seconds, H = in_own_process(run_script, job, made)
        script.append(seconds)
        script_errors.append(error_px(H, job, captures))
    last = State(made / "last.sqlite")
    alone = timed(lambda: align_all(last, jobs, 1)) / len(jobs)
    rows = last.stage_rows(ALIGN)
    found = [(job, value) for job in jobs[: len(pairs)] if (value := rows[job.pair_id].value) is not None]
    errors = [error_px(np.reshape(one.H_shallow_to_wide, (3, 3)), job, captures) for job, one in found]
    return {
        "num_pairs": len(pairs),
        "accepted": len(found),
        "ebb_s": quartiles(ours),
        "script_s": quartiles(script),
        "times_faster": round(float(np.median(script) / np.median(ours)), 2),
        "one_worker_s": round(alone, 3),
        "two_workers_over_one": round(alone / float(np.median(ours)), 2),
        "worker_mb": max(row.value.measurements["peak_mb"] for row in rows.values() if row.value),
        "ebb_error_px": [round(one, 4) for one in errors],
        "script_error_px": [round(one, 4) for one in script_errors],
        "profile": profile(pairs),
    }


def align_all(state: State, jobs: list[align.AlignJob], workers: int) -> None:
    """Align every pair like the verb."""
    run_pairs(state, ALIGN, jobs, align_and_weigh, RunSettings(workers=workers), SilentProgress())


def align_and_weigh(job: align.AlignJob) -> Result[StoredAlignment]:
    """Align a pair and record the peak memory of the worker. Runs in a worker."""
    result = align.align_pair(job)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measurements = {**result.value.measurements, "peak_mb": round(peak_mb)}
    return dataclasses.replace(result, value=dataclasses.replace(result.value, measurements=measurements))


def run_script(job: align.AlignJob, folder: Path) -> tuple[float, NDArray[np.float64]]:
    """The plain script on one pair: seconds and homography."""
    files = [Path(row.folder, row.name) for row in (job.wide, job.shallow)]
    start = time.perf_counter()
    H = plain_script.align(*files, folder)
    return time.perf_counter() - start, H


def in_own_process(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (any result)
    """Call a function in a new process, with the default threads of the libraries."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.pop(name, None)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def timed(call: Callable[[], None]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def profile(jobs: list[align.AlignJob]) -> dict[str, float]:
    """Seconds per pair in each part of the work and their shares, in this process with one thread."""
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
    """Mean distance from the truth over the frame, in pixels at 1024 px height."""
    truth = np.reshape(json.loads((captures / "truth.json").read_text())[Path(job.wide.name).name], (3, 3))
    rows, columns = np.mgrid[0 : job.shallow.height : 20, 0 : job.shallow.width : 20]
    places = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    return float(
        np.linalg.norm(apply(H, places) - apply(truth, places), axis=1).mean() * 1024 / job.wide.height
    )


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
