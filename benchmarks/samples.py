"""Speed and memory of sample loading, relative to the speed of training.

Method: a shard set of 2000 pairs of 387 x 256 pixels (the height of pipelines/overfit.py), made of six JPEG
photos of ``data/sample`` that are encoded once and reused under new ids, and a set of three pairs, the size
of the demo. Reported is the processor time per sample of the loader and of the network (forward, backward,
Adam step, a PyNET of width 1/8, batch of the smoke schedule), each on one thread, so that results are valid
on a machine that others use; cores / time is the throughput of an idle machine. ``first_epoch``: every pair
is read, decoded and reduced; ``later_epochs``: the second epoch of the 2000 rows, with as many of them in
memory as there is room for; ``demo``: the three pairs, all in memory. Memory: resident size of the training
process and of its reader at the end of each of three epochs of the 2000 rows, at the level whose pairs are
the largest.

    python benchmarks/samples.py              # writes benchmarks/results/samples.json
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import psutil
import torch
from lightning_fabric import Fabric

from ebb.dataset.index import INDEX_NAME, DatasetIndex, index_text
from ebb.dataset.record import Record
from ebb.dataset.shards import shard_name, write_shard
from ebb.formats.png import encode_png
from ebb_train.data.batch_sampler import BatchRange
from ebb_train.data.dataset import CropDataset, CropSettings, full_height
from ebb_train.data.loader import micro_batches
from ebb_train.data.sources import open_source
from ebb_train.losses import Loss
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import SCHEDULES
from ebb_train.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebb_train.data.sources import Source

REPOSITORY = Path(__file__).parents[1]
CAPTURES = REPOSITORY / "data" / "sample" / "captures"
RESULT = REPOSITORY / "benchmarks" / "results" / "samples.json"
PHOTOS = ("IMG_0301.JPG", "IMG_0302.JPG", "IMG_0305.JPG", "IMG_0306.JPG", "IMG_0307.JPG", "IMG_0308.JPG")
WIDTH, HEIGHT = 387, 256
ROWS, DEMO_ROWS, SHARDS, EPOCHS = 2000, 3, 8, 3
BATCH, BATCHES, STEPS = 2, 300, 5
LEVELS = (7, 6, 5, 4, 3, 2, 1)


def main() -> None:
    """Measure everything and write the JSON."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        large = make_set(Path(folder) / "large", ROWS, SHARDS)
        demo = make_set(Path(folder) / "demo", DEMO_ROWS, 1)
        memory = megabytes(large)
        rows = {f"level {level}": costs(level, large, demo) for level in LEVELS}
    result = {
        "machine": {"cores": len(os.sched_getaffinity(0)), "torch": torch.__version__},
        "processor_ms_per_sample": rows,
        "network_over_loader": {
            level: {
                name: round(row["network"] / value, 1) for name, value in row.items() if name != "network"
            }
            for level, row in rows.items()
        },
        "resident_mb_after_each_epoch": memory,
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def costs(level: int, large: Source, demo: Source) -> dict[str, float]:
    """Processor time of one sample, in milliseconds."""
    return {
        "first_epoch": loader_ms(large, level, skip=0),
        "later_epochs": loader_ms(large, level, skip=ROWS),
        "demo": loader_ms(demo, level, skip=DEMO_ROWS),
        "network": network_ms(demo, level),
    }


def make_set(folder: Path, rows: int, shards: int) -> Source:
    """Write the shards."""
    folder.mkdir()
    pictures = [
        cv2.resize(cv2.imread(str(CAPTURES / name)), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        for name in PHOTOS
    ]
    encoded = [encode_png(np.asarray(picture, np.uint8)) for picture in pictures]
    depth = encode_png(np.asarray(cv2.resize(pictures[0], (WIDTH // 2, HEIGHT // 2)), np.uint8)[..., 0])
    facts = {}
    for index in range(shards):
        name = shard_name("train", index, shards)
        with (folder / name).open("wb") as file:
            facts[name] = write_shard(file, records(encoded, depth, range(index, rows, shards)))
    (folder / INDEX_NAME).write_text(index_text(DatasetIndex(shards=facts)))
    return open_source(folder)


def records(encoded: list[bytes], depth: bytes, numbers: range) -> Iterator[Record]:
    """Rows with distinct ids."""
    for number in numbers:
        yield Record(
            pair_id=hashlib.sha256(str(number).encode()).hexdigest()[:16],
            wide=encoded[2 * number % 6],
            shallow=encoded[2 * number % 6 + 1],
            depth=depth,
            width=WIDTH,
            height=HEIGHT,
            crop_x=0,
            crop_y=0,
            crop_width=WIDTH,
            crop_height=HEIGHT,
            depth_provider="sidecar",
            source_wide="a.jpg",
            source_shallow="b.jpg",
            source_wide_sha256="a" * 64,
            source_shallow_sha256="b" * 64,
            software="ebb",
        )


def loader_ms(source: Source, level: int, skip: int) -> float:
    """Stream some batches after ``skip`` samples."""
    samples = CropDataset(source, CropSettings(level=level, side=full_height(source)))
    stream = micro_batches(samples, BatchRange(start=0, batches=BATCHES + skip, batch=BATCH))
    for _ in range(-(-skip // BATCH) + 1):
        next(stream)
    start = time.process_time()
    seen = sum(len(next(stream).pair_ids) for _ in range(BATCHES // 2))
    return round((time.process_time() - start) / seen * 1e3, 2)


def network_ms(source: Source, level: int) -> float:
    """Train on one batch repeatedly."""
    plan = next(row for row in SCHEDULES["smoke"].rows if row.level == level)
    samples = CropDataset(source, CropSettings(level=level, side=full_height(source)))
    batch = next(micro_batches(samples, BatchRange(start=0, batches=1, batch=plan.batch)))
    network = PyNet(PyNetConfig(level=level, width=1 / 8))
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), network, plan, Loss(plan.loss))
    seconds = []
    for _ in range(STEPS):
        start = time.process_time()
        trainer.step(iter([batch]))
        seconds.append(time.process_time() - start)
    return round(statistics.median(seconds[1:]) / plan.batch * 1e3, 2)


def megabytes(source: Source) -> dict[str, Any]:
    """Resident memory of this process and of its largest child after each epoch."""
    samples = CropDataset(source, CropSettings(level=1, side=full_height(source)))
    stream = micro_batches(
        samples, BatchRange(start=0, batches=EPOCHS * ROWS // BATCH, batch=BATCH), workers=1
    )
    process = psutil.Process()
    own, children = [], []
    for number, _ in enumerate(stream, start=1):
        if number % (ROWS // BATCH) == ROWS // BATCH - 10:  # the workers are still running
            own.append(round(process.memory_info().rss / 1e6))
            sizes = [child.memory_info().rss for child in process.children(recursive=True)]
            children.append(round(max(sizes, default=0) / 1e6))
    return {"main": own, "worker": children}


if __name__ == "__main__":
    main()
