"""Overfitting of a narrow PyNET to the sample captures, as a test of training from camera files to level 1.

in        data/sample/captures: 3 pairs that align
out       overfit/: set/ (photos of 256 pixels height), run/ (weights, log, report.html)
          benchmarks/results/overfit.json, docs/overfit.png
hardware  2 cores, no GPU; under 10 minutes
expect    on the last training crops, the PSNR of level 1 is at least 3 dB above that of the unchanged wide
          photo; the loss of every level decreases

    python pipelines/overfit.py               # or: --out FOLDER; an interrupted run is resumed

PSNR is the mean over the crops, in float64, for a range of 1, over the whole crop. ``seconds`` is the time of
``ebb-train fit`` with validation, pictures and page.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch  # noqa: TID253

from ebb.cli import main as ebb
from ebb.formats.png import encode_png
from ebb_train.cli import main as ebb_train
from ebb_train.data.batch_sampler import BatchRange, MicroBatchSampler
from ebb_train.data.dataset import CropDataset, CropSettings, full_height, unit_range
from ebb_train.data.sources import open_source
from ebb_train.metrics.similarity import psnr
from ebb_train.models.network import load_pynet
from ebb_train.settings import FitSettings, LevelSchedule
from ebb_train.stages import read_schedule
from ebb_train.training.run_folder import read_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb_train.data.batch_sampler import SampleIndex
    from ebb_train.data.sources import Photos, Source

ROOT = Path(__file__).parents[1]
RESULT, PICTURE = ROOT / "benchmarks" / "results" / "overfit.json", ROOT / "docs" / "overfit.png"
WIDTH, HEIGHT, CROPS = 0.125, 256, 48
RISE_DB, MINUTES = 3.0, 10.0
SETTINGS = FitSettings(schedule="smoke", ema=0.99)


class Crops(NamedTuple):
    """Training crops, (N, H, W, 3) in [0, 1]."""

    wide: NDArray[np.float64]
    output: NDArray[np.float64]
    shallow: NDArray[np.float64]


class AsShot:
    """The pairs of a source, with the wide photo in place of the shallow one."""

    def __init__(self, source: Source) -> None:
        self.folder, self._source = source.folder, source

    def __len__(self) -> int:
        return len(self._source)

    def read(self, index: int) -> Photos:
        """Read a pair."""
        photos = self._source.read(index)
        return photos._replace(shallow=photos.wide)

    def fingerprint(self) -> str:
        """Fingerprint of the source."""
        return self._source.fingerprint()


def main() -> None:
    """Make the data set, train, measure; fail if a result is not as expected."""
    parser = argparse.ArgumentParser(description="Overfit the sample captures.")
    parser.add_argument("--out", type=Path, default=Path("overfit"))
    out: Path = parser.parse_args().out
    flags = ["--dataset", out / "set", "--height", HEIGHT, "--provider", "sidecar", "--test", 0, "--val", 0]
    run(ebb, "run", ROOT / "data" / "sample" / "captures", *flags)
    start = time.perf_counter()
    flags = ["--width", WIDTH, "--schedule", SETTINGS.schedule, "--ema", SETTINGS.ema, "--loaders", 1]
    watch = ["--validate-on", "train", "--validate-every", 250]
    run(ebb_train, "fit", out / "set", "--out", out / "run", *flags, *watch)
    seconds = time.perf_counter() - start
    crops = last_crops(open_source(out / "set"), out / "run" / "level-1.safetensors")
    facts = figures(crops, read_log(out / "run")) | {
        "seconds": round(seconds, 1),
        "threads": torch.get_num_threads(),
    }
    facts["load_average"] = round(os.getloadavg()[0], 1)
    RESULT.write_text(json.dumps(facts, indent=2) + "\n")
    PICTURE.write_bytes(encode_png(sheet(crops)))
    print(json.dumps(facts, indent=2))
    met = (
        facts["rise_db"] >= RISE_DB
        and seconds <= 60 * MINUTES
        and all(row["falls"] for row in facts["levels"])
    )
    sys.exit(0 if met else "a result is not as expected")


def run(command: Callable[[list[str]], None], *words: object) -> None:
    """Run a verb; stop if it fails."""
    try:
        command([str(word) for word in words])
    except SystemExit as ended:
        if ended.code:
            raise


def last_crops(source: Source, weights: Path) -> Crops:
    """The last training crops of level 1: wide photo, output of the network, shallow photo."""
    settings = CropSettings(level=1, side=full_height(source), seed=SETTINGS.seed, augment=SETTINGS.augment)
    indices = last_indices(read_schedule(SETTINGS.schedule), len(source))
    batch = CropDataset(source, settings).__getitems__(indices)
    as_shot = CropDataset(AsShot(source), settings).__getitems__(indices)
    network = load_pynet(weights)
    with torch.inference_mode():
        output = torch.cat([network(unit_range(part)) for part in batch.photo.split(4)]).clamp(0, 1)
    return Crops(
        *(
            planes.permute(0, 2, 3, 1).double().numpy()
            for planes in (unit_range(as_shot.target), output, unit_range(batch.target))
        )
    )


def last_indices(schedule: LevelSchedule, num_pairs: int) -> list[SampleIndex]:
    """Indices of the last training samples."""
    samples = sum(row.iterations * row.batch for row in schedule.rows)
    batch_range = BatchRange(start=samples - CROPS, batches=1, batch=CROPS)
    return next(iter(MicroBatchSampler(num_pairs, SETTINGS.seed, batch_range)))


def figures(crops: Crops, log: list[dict[str, Any]]) -> dict[str, Any]:
    """Results."""
    identity, output = (
        float(
            np.mean([psnr(picture, target) for picture, target in zip(pictures, crops.shallow, strict=True)])
        )
        for pictures in (crops.wide, crops.output)
    )
    levels = [level_figures(log, level) for level in range(7, 0, -1)]
    return {
        "width": WIDTH,
        "schedule": SETTINGS.schedule,
        "photo_height": HEIGHT,
        "crops": len(crops.wide),
        "psnr_as_shot_db": round(identity, 2),
        "psnr_level_1_db": round(output, 2),
        "rise_db": round(output - identity, 2),
        "levels": levels,
    }


def level_figures(log: list[dict[str, Any]], level: int) -> dict[str, Any]:
    """Mean loss of a level over the first and the last tenth of its log."""
    losses = [line["loss"] for line in log if line["level"] == level and "loss" in line]
    few = max(1, len(losses) // 10)
    start, end = (float(np.mean(part)) for part in (losses[:few], losses[-few:]))
    return {"level": level, "loss_start": round(start, 4), "loss_end": round(end, 4), "falls": end < start}


def sheet(crops: Crops) -> NDArray[np.uint8]:
    """Six crops; from top to bottom: wide photo, output of the network, shallow photo."""
    rows = [np.hstack(pictures[-6:]) for pictures in crops]
    return np.asarray(np.rint(np.vstack(rows) * 255), np.uint8)


if __name__ == "__main__":
    main()
