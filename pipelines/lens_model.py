"""The lens model: procedural scenes, training of the repair network, acceptance and model card.

in        nothing
out       lens/: train/ val/ test/ radius-…/ (scenes), run/ (weights, log), worst.png
          benchmarks/results/lens_model.json, docs/lens_model.md, and with --ship, if the network helps,
          ebb_train/lens/lens.safetensors
hardware  2 cores, no GPU, 2 GB of memory, 2.4 MB of disk a scene
hours     0.1 core-hours as it is, 1.2 with --scenes 1000 --steps 30000: 1 s a scene, 0.1 s a step
expect    as it is, a network that is not good enough to be shipped: 2,000 steps are too few

    python pipelines/lens_model.py          # or: --scenes 1000 --steps 30000; an interrupted run is continued

Scenes and training depend on the seeds below only. Training uses one thread and, in the convolutions of its
steps, bfloat16; it is resumed to the same bits on the same processor.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253

from ebb.console import Console
from ebb.files import sha256_file
from ebb.formats.png import encode_png
from ebb_train.lens.acceptance import choose_threshold, evaluate_set, helps, picture_sheet, worst
from ebb_train.lens.batches import draw_batch
from ebb_train.lens.card import card_text
from ebb_train.lens.fitting import LICENCE, LOG, WEIGHTS, FitPlan, fit
from ebb_train.lens.network import load_repair, save_repair
from ebb_train.lens.repair import WEIGHTS_FILE, repair
from ebb_train.lens.samples import make_sample
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from ebb_train.lens.network import RepairNet

ROOT = Path(__file__).parents[1]
RESULT, CARD = ROOT / "benchmarks" / "results" / "lens_model.json", ROOT / "docs" / "lens_model.md"
SHIPPED = ROOT / "ebb_train" / "lens" / WEIGHTS_FILE
SOURCE = "pipelines/lens_model.py"
STRENGTHS = ("none", "median", "hard")
RADII = (3.3, 7.7, 14.0)
WORST, TIMED_SCENES, TIMED_BATCHES = 10, 8, 50


def plans(scenes: int) -> dict[str, SetPlan]:
    """The sets by name; their seeds differ."""
    named = {"strengths": STRENGTHS}
    unseen = {
        f"radius-{radius}": SetPlan(scenes=8, seed=110 + k, largest_radius_px=radius, **named)
        for k, radius in enumerate(RADII)
    }
    return {
        "train": SetPlan(scenes=scenes, seed=100, random_strengths=3),
        "val": SetPlan(scenes=16, seed=101, **named),
        "test": SetPlan(scenes=32, seed=102, **named),
    } | unseen


def main() -> None:
    """Make the sets, train, measure, write."""
    parser = argparse.ArgumentParser(description="Train the repair network of the lens model.")
    parser.add_argument("--out", type=Path, default=Path("lens"))
    parser.add_argument("--scenes", type=int, default=96)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop training after")
    parser.add_argument("--ship", action="store_true", help="put the weights into the package if they help")
    parser.add_argument("--note", action="append", default=[], help="a remark for the card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = plans(options.scenes)
    progress = Console().progress()
    for name, plan in chosen.items():
        make_set(options.out / name, plan, options.workers, progress)
    sets = {name: LensSet(options.out / name) for name in chosen}
    run, plan = options.out / "run", FitPlan(steps=options.steps)
    stop_at = time.time() + 60 * options.minutes
    trainer = fit(run, plan, sets["train"], sets["val"], lambda line: print(line, flush=True), stop_at)
    network = load_repair(run / WEIGHTS)
    choose_threshold(network, sets["val"])
    final = run / WEIGHTS_FILE
    save_repair(final, network, source=f"{SOURCE}, {trainer.step} steps", licence=LICENCE)
    facts = measure(network, sets, run, plan, trainer.step, options.out)
    write(facts | {"notes": options.note}, final, ship=options.ship)


def measure(
    network: RepairNet, sets: dict[str, LensSet], run: Path, plan: FitPlan, steps: int, out: Path
) -> dict[str, Any]:
    """All figures of the card; the worst pictures are drawn as well."""
    results, comparisons = evaluate_set(network, sets["test"])
    (out / "worst.png").write_bytes(
        encode_png(picture_sheet(network, sets["test"], worst(comparisons, WORST)))
    )
    unseen = {name: evaluate_set(network, sets[f"radius-{name}"])[0] for name in RADII}
    log = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    torch.set_num_threads(os.cpu_count() or 1)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "threshold": network.config.threshold,
        "bytes": (run / WEIGHTS_FILE).stat().st_size,
        "sha256": None,
        "helps": helps(results),
        "steps": steps,
        "planned_steps": plan.steps,
        "plan": asdict(plan),
        "sets": {
            name: {"scenes": found.plan.scenes, "seed": found.plan.seed} for name, found in sets.items()
        },
        "core_hours": {
            "data": round(core_seconds_a_scene(sets["train"].plan) * sum(map(len, sets.values())) / 3600, 2),
            "training": round(sum(entry["core_seconds"] for entry in log) / 3600, 2),
        },
        "batch_ms": round(batch_ms(sets["train"], plan), 1),
        "step_ms": round(1000 * sum(entry["core_seconds"] for entry in log) / max(1, log[-1]["step"]), 1),
        "results": [one.as_dict() for one in results],
        "unseen": {str(name): [one.as_dict() for one in found] for name, found in unseen.items()},
        "curve": log,
        "seconds": round(seconds(network), 2),
        "threads": torch.get_num_threads(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def core_seconds_a_scene(plan: SetPlan) -> float:
    """Mean processor time of a few scenes."""
    start = time.process_time()
    for index in range(TIMED_SCENES):
        make_sample(np.random.default_rng([plan.seed, index]), plan.side, [None] * plan.renders)
    return (time.process_time() - start) / TIMED_SCENES


def batch_ms(source: LensSet, plan: FitPlan) -> float:
    """Mean processor time of drawing a batch, in milliseconds."""
    start = time.process_time()
    for step in range(TIMED_BATCHES):
        draw_batch(source, plan.seed, step, plan.batch, plan.side)
    return 1000 * (time.process_time() - start) / TIMED_BATCHES


def seconds(network: RepairNet) -> float:
    """Best of three repairs of a photo of 1024 x 1536 pixels, blurred by up to 20 pixels' radius."""
    rng = np.random.default_rng(0)
    photo, layered = rng.random((2, 1024, 1536, 3), np.float32)
    coc = np.full((1024, 1536), 40, np.float32)
    coc[300:800, 400:1100] = 0
    times = []
    for _ in range(3):
        start = time.perf_counter()
        repair(photo, layered, coc, network)
        times.append(time.perf_counter() - start)
    return min(times)


def write(facts: dict[str, Any], weights: Path, *, ship: bool) -> None:
    """Write figures and card, and the weights into the package if they help."""
    if ship and facts["helps"]:
        shutil.copyfile(weights, SHIPPED)
        facts["sha256"] = sha256_file(SHIPPED)
    RESULT.write_text(json.dumps(facts, indent=2) + "\n")
    CARD.write_text(card_text(facts))
    print(card_text(facts))
    if not facts["helps"]:
        sys.exit("the network does not help on held-out scenes")


if __name__ == "__main__":
    main()
