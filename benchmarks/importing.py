"""Processor time of a pair that is imported and measured, relative to aligning the same pair.

Method: simulated pairs (`ebb simulate`, JPEG of 1536 x 1024, no defects) are listed in a CSV file. `ebb
import` decodes, measures and stores each pair as it is; `ebb align` aligns the same files with --height 0,
which stores about as many pixels, and the limits of profile paper. Both run one after the other in one
process with one thread, in several rounds. Reported are the medians of processor seconds per pair, and the
median and range of the ratio of each pair, import over align. The differences are the resampling, which
import does not do, and the residuals of photos as they are, which align does not measure.

    python benchmarks/importing.py        writes benchmarks/results/importing.json
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["OPENBLAS_NUM_THREADS"] = "1"

import cv2
import numpy as np
import pyarrow.parquet as pq

from ebb.dataset.catalog import pairs_of, read_catalog
from ebb.errors import Rejected
from ebb.measurements import PROFILES
from ebb.progress import SilentProgress
from ebb.runner.keys import align_key
from ebb.scan.data_set import Request
from ebb.settings import AlignSettings, IngestSettings, RunSettings, SimulateSettings
from ebb.stages import align, import_, ingest, simulate
from ebb.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULT = Path(__file__).parent / "results" / "importing.json"
SEED = 81_003


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), chosen.pairs, chosen.rounds)
    facts = summary(rows)
    RESULT.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


def measure(folder: Path, num_pairs: int, rounds: int) -> list[tuple[float, float]]:
    """Median seconds of each pair: imported, aligned."""
    photos, run, progress = folder / "photos", RunSettings(workers=1), SilentProgress()
    wanted = SimulateSettings(scenes=num_pairs, seed=SEED, bad=0, size="1536x1024", format="jpeg")
    simulate.run(photos, wanted, run, progress)
    listing = folder / "pairs.csv"
    with listing.open("w", newline="", encoding="utf-8") as file:
        names = [
            (row["wide"], row["shallow"]) for row in pq.read_table(photos / simulate.TRUTH_FILE).to_pylist()
        ]
        csv.writer(file).writerows([("wide", "shallow"), *names])
    imports, aligns = (
        import_jobs(folder / "imported", photos, listing),
        align_jobs(folder / "aligned", photos),
    )
    pairs = [(imports[name], aligns[name]) for name in sorted(imports.keys() & aligns.keys())]
    times = [
        [
            (seconds(partial(import_.take_in, one)), seconds(partial(align.align_pair, other)))
            for one, other in pairs
        ]
        for _ in range(rounds + 1)
    ]
    return [(float(a), float(b)) for a, b in np.median(np.array(times[1:]), axis=0)]  # the first warms up


def import_jobs(dataset: Path, photos: Path, listing: Path) -> dict[str, import_.ImportJob]:
    """Name of the wide photo → its pair, to be imported."""
    with open_workspace(dataset, create=True) as workspace:
        request = Request(source=photos, pairs=listing)
        import_.run(workspace, request, PROFILES["paper"], RunSettings(workers=1), SilentProgress())
        pairs = pairs_of(read_catalog(workspace.catalog_file))
        return {
            Path(pair.wide.name).name: import_.ImportJob(
                pair.pair_id, align_key(pair, AlignSettings()), workspace.pair(pair.pair_id), pair
            )
            for pair in pairs
        }


def align_jobs(dataset: Path, photos: Path) -> dict[str, align.AlignJob]:
    """Name of the wide photo → its pair, to be aligned."""
    settings = AlignSettings.of_profile("paper", height=0)
    with open_workspace(dataset, create=True) as workspace:
        ingest.run(workspace, photos, IngestSettings(), RunSettings(workers=1), SilentProgress())
        return {Path(job.wide.name).name: job for job in align.jobs(workspace, settings)}


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process; infinite if the pair is rejected on the way."""
    start = time.process_time()
    try:
        work()
    except Rejected:
        return float("inf")
    return time.process_time() - start


def summary(rows: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Medians and ratios."""
    known = np.array([row for row in rows if np.isfinite(row).all()])
    ratio = known[:, 0] / known[:, 1]
    method = " ".join((__doc__ or "").split("Method: ")[1].split("    python")[0].split())
    return {
        "method": method,
        "opencv": cv2.__version__,
        "num_pairs": len(known),
        "import_cpu_s": round(float(np.median(known[:, 0])), 3),
        "align_cpu_s": round(float(np.median(known[:, 1])), 3),
        "ratio": {
            "median": round(float(np.median(ratio)), 3),
            "min": round(float(ratio.min()), 3),
            "max": round(float(ratio.max()), 3),
        },
    }


if __name__ == "__main__":
    main()
