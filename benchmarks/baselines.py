"""Comparison of the models without learned weights on captures with known depth.

Two data sets are made by the commands of a user: ``data/sample`` (Blender, 3 pairs, 2 of them for testing)
and ``ebb simulate`` (procedural scenes, 8 pairs for testing; the seed differs from those on which the
constants of the focus estimate were chosen). ``identity``, ``gain``, ``gaussian`` and ``layered`` are
calibrated on the train split and use only the wide photo and its 8-bit depth map at half size; both blurs
share the focus estimate and the enlarged depth. Scores are by region (``ebb_train.metrics.regions``), over
the test split, with paired differences ``layered - gaussian`` and ``layered - identity`` and their 95 %
bootstrap intervals. The page in ``--work`` shows a strip of pictures of each test pair.

A relative depth map does not determine the strength of the blur, and one calibrated scale is wrong for single
photos, by a factor of up to three here. ``true_blur_scale`` removes this error: both blurs use the true scale
of each simulated photo (lens, focus and range of depth are known) and the exposure of the train split.
``layered_without_highlights`` does not brighten clipped lights; ``layered`` makes them as bright as
calibrated.

``focus_error``: distance of the estimated from the true focus of the simulated scenes, on the scale of the
depth map (0 farthest, 1 nearest), over all pairs of both splits.

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

from ebb.bokeh.focus import estimate_focus
from ebb.cli import main as ebb
from ebb.console import PlainProgress
from ebb.dataset.shards import ShardReader
from ebb.formats.png import decode_png
from ebb.simulation.simulate import DEPTH_SCALE
from ebb_train.baselines import layered
from ebb_train.baselines.exposure import fit_exposure
from ebb_train.baselines.gaussian import Gaussian
from ebb_train.baselines.layered import Layered
from ebb_train.data.sources import open_source
from ebb_train.evaluation.benchmark import Benchmark, benchmark
from ebb_train.evaluation.evaluate import train_of
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.evaluation.summary import compare
from ebb_train.metrics.aggregate import Estimate, estimate_difference
from ebb_train.metrics.regions import find_regions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.dataset.record import Record
    from ebb_train.evaluation.scores import Row

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
        "true_blur_scale": compare_at_true_scale(work / "raw", work / "set"),
        "focus_error": focus_errors(work / "raw", work / "set"),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def call(arguments: list[str]) -> None:
    """Run a verb of ebb, which raises SystemExit at its end."""
    try:
        ebb(arguments)
    except SystemExit as error:
        if error.code:
            raise


def compare_models(dataset: Path, out: Path) -> dict[str, Any]:
    """Means of every model, and paired differences of the layered renderer."""
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
    """Round to four decimal places."""
    return None if value is None else round(value, 4)


def compare_at_true_scale(raw: Path, dataset: Path) -> dict[str, Any]:
    """Both blurs on the test pairs of a simulated set, with the true blur scale of each photo."""
    train, source = train_of(dataset), open_source(dataset, "test")
    calibrated, exposure = layered.build(train, PlainProgress()), fit_exposure(train())
    records, truth = read_records(dataset), read_truth(raw)
    scores: dict[str, list[dict[str, float]]] = {}
    for index in range(len(source)):
        pair = source.read(index)
        record = records[pair.pair_id]
        scale = true_blur_scale(record, raw, truth[record.source_wide])
        regions = find_regions(pair.wide, pair.shallow)
        for name, model in {
            "gaussian": Gaussian(scale, exposure),
            "layered_without_highlights": Layered(scale, exposure),
            "layered": Layered(scale, exposure, calibrated.highlights),
        }.items():
            scores.setdefault(name, []).append(regions.score(model.render(pair.wide, pair.depth)))
    columns = ("psnr_in_focus", "psnr_out_of_focus", "psnr_boundary", "edge_halo")
    values = {
        name: {column: [row[column] for row in rows] for column in columns} for name, rows in scores.items()
    }
    base = values["gaussian"]
    return {
        "pairs": len(source),
        "means": {
            name: {c: rounded(float(np.mean(own[c]))) for c in columns} for name, own in values.items()
        },
        "minus_gaussian": {
            name: {c: interval(estimate_difference(own[c], base[c])) for c in columns}
            for name, own in values.items()
            if name != "gaussian"
        },
    }


def interval(found: Estimate) -> dict[str, float | None]:
    """Mean and interval, as in :func:`differences`."""
    return {part: rounded(getattr(found, part)) for part in ("mean", "low", "high")}


def true_blur_scale(record: Record, raw: Path, truth: dict[str, Any]) -> float:
    """Blur between the nearest and the farthest depth of the stored map, as a share of the longer side.

    A · f_px · (1/z_near − 1/z_far): :func:`ebb.bokeh.thin_lens.coc_px` over the range of the map.
    """
    aperture_m = truth["focal_length_mm"] / truth["f_number_shallow"] / 1000
    stored_per_full_px = record.height / record.crop_height
    diameter_px = aperture_m * truth["focal_px"] * float(np.ptp(depth_crop(record, raw))) * stored_per_full_px
    return diameter_px / max(record.width, record.height)


def read_truth(raw: Path) -> dict[str, dict[str, Any]]:
    """Wide file → row of ``truth.parquet``."""
    return {row["wide"]: row for row in pq.read_table(raw / "truth.parquet").to_pylist()}


def read_records(dataset: Path) -> dict[str, Record]:
    """pair_id → row of the shards."""
    readers = [ShardReader(path) for path in sorted((dataset / "shards").glob("*.parquet"))]
    records = [reader.read(index) for reader in readers for index in range(len(reader))]
    return {record.pair_id: record for record in records}


def focus_errors(raw: Path, dataset: Path) -> dict[str, Any]:
    """Error of the estimated focus over all pairs of a simulated set."""
    truth = read_truth(raw)
    errors = []
    for record in read_records(dataset).values():
        crop = depth_crop(record, raw)
        true_focus = (1 / truth[record.source_wide]["focus_m_wide"] - crop.min()) / np.ptp(crop)
        assert record.depth is not None
        errors.append(abs(estimate_focus(decode_png(record.depth)) - float(true_focus)))
    return {"pairs": len(errors), "median": rounded(float(np.median(errors))), "max": rounded(max(errors))}


def depth_crop(record: Record, raw: Path) -> NDArray[np.float64]:
    """True inverse depth of the stored photo, in 1/m."""
    path = raw / f"{Path(record.source_wide).stem}_depth.png"
    values = np.asarray(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), np.float64) / DEPTH_SCALE
    left, top = record.crop_x, record.crop_y
    return values[top : top + record.crop_height, left : left + record.crop_width]


if __name__ == "__main__":
    main()
