"""Models without learned weights on captures of known depth: does the layered renderer beat a Gaussian blur?

Two data sets, made by the verbs a user would call: ``data/sample`` (Blender, 3 pairs, 2 to test on) and
``ebb simulate`` (procedural scenes, 8 pairs to test on; of another seed than those the constants of the focus
estimate were chosen on). ``identity``, ``gain``, ``gaussian`` and ``layered`` calibrate themselves on the
train split and see the wide photo and its 8-bit depth map at half size, nothing else; both blurs share the
focus estimate and the enlarged depth. Scores are by region (``ebb_train.metrics.regions``), over the test
split, with paired differences ``layered - gaussian`` and ``layered - identity`` and their 95 % bootstrap
intervals. A strip of pictures of each test pair is in the page that is left in ``--work``.

``focus_error``: distance of the estimated from the true focus of the simulated scenes, on the scale of the
depth map (0 farthest, 1 nearest); all pairs of both splits.

    python benchmarks/baselines.py --work build/baselines     # writes benchmarks/results/baselines.json
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pyarrow.parquet as pq

from ebb.cli import main as ebb
from ebb.console import PlainProgress
from ebb.dataset.png import decode_png
from ebb.dataset.shards import ShardReader
from ebb.optics.simulate import DEPTH_SCALE
from ebb_train.benchmark import Benchmark, benchmark
from ebb_train.peers.focus import estimate_focus
from ebb_train.scoring.summary import compare
from ebb_train.settings import ScoreSettings, TimingSettings

if TYPE_CHECKING:
    from ebb.dataset.record import Record
    from ebb_train.scoring.scores import Row

REPOSITORY = Path(__file__).parents[1]
RESULT = REPOSITORY / "benchmarks" / "results" / "baselines.json"
SAMPLE = REPOSITORY / "data" / "sample" / "captures"
MODELS = ("identity", "gain", "gaussian", "layered")
COLUMNS = (
    "regions.psnr_in_focus",
    "regions.psnr_out_of_focus",
    "regions.psnr_boundary",
    "regions.edge_halo",
    "ebb.psnr",
)
SIMULATE = ["--scenes", "12", "--seed", "2020", "--bad", "0", "--format", "jpeg", "--size", "960x640"]
RUN = ["--provider", "sidecar", "--val", "0"]


def main() -> None:
    """Make both data sets, compare the models on them, write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True, help="folder for data sets, pictures and pages")
    work = parser.parse_args().work
    call(["run", str(SAMPLE), "--dataset", str(work / "sample"), *RUN, "--test", "2"])
    call(["simulate", str(work / "raw"), *SIMULATE])
    flags = ["--dataset", str(work / "set"), *RUN, "--test", "8", "--height", "560"]
    call(["run", str(work / "raw"), *flags])
    result = {
        "method": " ".join((__doc__ or "").split("\n\n    python")[0].split()),
        "machine": {"cpus": os.cpu_count(), "opencv": cv2.__version__},
        "sample": compare_models(work / "sample", work / "sample-models"),
        "simulated": compare_models(work / "set", work / "simulated-models"),
        "focus_error": focus_errors(work / "raw", work / "set"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def call(arguments: list[str]) -> None:
    """Run a verb of ebb, which leaves the process when it is done."""
    try:
        ebb(arguments)
    except SystemExit as error:
        if error.code:
            raise


def compare_models(dataset: Path, out: Path) -> dict[str, Any]:
    """Means of every model, and how much better the layered renderer is, pair by pair."""
    settings, untimed = ScoreSettings(), TimingSettings(repeats=0)
    found = benchmark(MODELS, dataset, out, settings, untimed, PlainProgress())
    rows = {entry.name: entry.rows for entry in found.entries}
    return {
        "pairs": found.num_pairs,
        "models": {entry.name: entry.model for entry in found.entries},
        "means": means(found),
        "layered_minus_gaussian": differences(rows["layered"], rows["gaussian"]),
        "layered_minus_identity": differences(rows["layered"], rows["identity"]),
    }


def means(found: Benchmark) -> dict[str, Any]:
    """Model → column → mean."""
    return {
        entry.name: {name: rounded(entry.summary[name].plain()["mean"]) for name in COLUMNS}
        for entry in found.entries
    }


def differences(rows: list[Row], base: list[Row]) -> dict[str, Any]:
    """Column → mean and interval of the paired differences."""
    cells = {name: cell.plain() for name, cell in compare(rows, base, COLUMNS).items()}
    return {
        name: {part: rounded(cell.get(part)) for part in ("mean", "low", "high")}
        for name, cell in cells.items()
    }


def rounded(value: float | None) -> float | None:
    """To what is worth reading."""
    return None if value is None else round(value, 4)


def focus_errors(raw: Path, dataset: Path) -> dict[str, Any]:
    """How far the estimated focus is from the true one, over all pairs of a simulated set."""
    truth = {row["wide"]: row for row in pq.read_table(raw / "truth.parquet").to_pylist()}
    errors = []
    for shard in sorted((dataset / "shards").glob("*.parquet")):
        reader = ShardReader(shard)
        for index in range(len(reader)):
            record = reader.read(index)
            true_focus = focus_on_map(record, raw, truth[record.source_wide]["focus_m_wide"])
            assert record.depth is not None
            errors.append(abs(estimate_focus(decode_png(record.depth)) - true_focus))
    return {"pairs": len(errors), "median": rounded(float(np.median(errors))), "max": rounded(max(errors))}


def focus_on_map(record: Record, raw: Path, focus_m: float) -> float:
    """The true focus distance on the scale of the stored depth map."""
    path = raw / f"{Path(record.source_wide).stem}_depth.png"
    values = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.float64) / DEPTH_SCALE
    left, top = record.crop_x, record.crop_y
    crop = values[top : top + record.crop_height, left : left + record.crop_width]
    return float((1 / focus_m - crop.min()) / np.ptp(crop))


if __name__ == "__main__":
    main()
