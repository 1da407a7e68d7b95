"""Check of the costs in ``ebb_train/training/eta.py``, which predict the remaining time, by measured steps.

Method: processor time of a training step (forward, backward, Adam) on one thread, so that results are valid
on a machine that others use; the minimum of five steps (two at width 1) after a warm-up step. Levels 7 to 1,
at three widths, two crops and three batch sizes; L1, and at level 1 also SSIM. ``seconds_per_cost`` is the
time of a step divided by its cost, relative to the median: for a perfect prediction it is 1 everywhere.
``vgg``: the same for the VGG term alone.

    python benchmarks/eta.py                  # two minutes; writes benchmarks/results/eta.json
"""

from __future__ import annotations

import json
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from ebb_train.data.dataset import Batch
from ebb_train.losses import Loss
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig, output_size
from ebb_train.models.vgg import Vgg19
from ebb_train.settings import LevelPlan, LossWeights
from ebb_train.training.eta import level_cost
from ebb_train.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULT = Path(__file__).parent / "results" / "eta.json"
CASES = ((0.125, 256, 4), (0.125, 256, 1), (0.125, 512, 1), (0.5, 256, 2), (1.0, 256, 1))
"""Width, crop, batch."""
LEVELS = (7, 6, 5, 4, 3, 2, 1)
LAST_LOSS = LossWeights(l1=1.0, ssim=1.0)


def main() -> None:
    """Measure everything and write the JSON."""
    torch.set_num_threads(1)
    steps = [measure(width, crop, batch, level) for width, crop, batch in CASES for level in LEVELS]
    median = statistics.median(row["seconds"] / row["cost"] for row in steps)
    for row in steps:
        row["seconds_per_cost"] = round(row.pop("seconds_exact") / row["cost"] / median, 3)
    ratios = [row["seconds_per_cost"] for row in steps]
    facts = {
        "benchmark": "eta",
        "multiply_adds_a_second": round(1 / median),
        "seconds_per_cost": {"least": min(ratios), "most": max(ratios)},
        "vgg": vgg_seconds_per_cost(median),
        "steps": steps,
        "machine": {"torch": torch.__version__, "cores": os.cpu_count()},
    }
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts | {"steps": len(steps)}, indent=1))


def measure(width: float, crop: int, batch: int, level: int) -> dict[str, Any]:
    """One row."""
    row = plan(level, crop, batch, LAST_LOSS if level == 1 else LossWeights())
    seconds = step_seconds(width, row, Loss(row.loss))
    return {
        "width": width,
        "crop": crop,
        "batch": batch,
        "level": level,
        "seconds": round(seconds, 5),
        "seconds_exact": seconds,
        "cost": level_cost(PyNetConfig(width=width), row),
    }


def vgg_seconds_per_cost(median: float) -> float:
    """Time of the VGG term divided by its cost, relative to the median of the other terms."""
    times, costs = [], []
    for loss in (LossWeights(), LossWeights(l1=1.0, vgg=0.01)):
        row = plan(1, 256, 1, loss)
        times.append(step_seconds(0.125, row, Loss(loss, Vgg19() if loss.vgg else None)))
        costs.append(level_cost(PyNetConfig(width=0.125), row))
    return round((times[1] - times[0]) / (costs[1] - costs[0]) / median, 3)


def plan(level: int, crop: int, batch: int, loss: LossWeights) -> LevelPlan:
    """One step of a level."""
    return LevelPlan(level=level, iterations=1, batch=batch, crop=crop, loss=loss)


def step_seconds(width: float, row: LevelPlan, loss: Loss) -> float:
    """Processor time of one step."""
    network = PyNet(PyNetConfig(level=row.level, width=width))
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), network, row, loss)
    batches = noise(row)
    trainer.step(batches)
    times = []
    for _ in range(5 if width < 1 else 2):
        start = time.process_time()
        trainer.step(batches)
        times.append(time.process_time() - start)
    return min(times)


def noise(row: LevelPlan) -> Iterator[Batch]:
    """Repeat one batch."""
    side = row.crop // 2
    height, width = output_size(row.level, side, side)
    photo = torch.randint(0, 256, (row.batch, 4, side, side), dtype=torch.uint8)
    target = torch.randint(0, 256, (row.batch, 3, height, width), dtype=torch.uint8)
    while True:
        yield Batch(photo, target, ("noise",) * row.batch)


if __name__ == "__main__":
    main()
