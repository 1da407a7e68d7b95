"""The lens model: procedural scenes, training of the repair network, acceptance and model card.

in        nothing
out       lens/: train/ val/ (photos with depth), run/ (weights, log), worst.png
          benchmarks/results/lens_model.json, docs/lens_model.md, and with --ship, if the network helps,
          ebb_train/lens/lens.safetensors
hardware  2 cores, no GPU, 2 GB of memory, 0.74 MB of disk a photo
hours     1 core-hour: 0.07 s a photo, 0.25 s a step
expect    a network that moves most wrong edges; after 2,400 steps it is not good enough to be shipped

    python pipelines/lens_model.py          # an interrupted run is continued

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

import cv2  # noqa: TID253
import numpy as np
import torch  # noqa: TID253

from ebb.console import Console
from ebb.files import sha256_file
from ebb.formats.png import encode_png
from ebb_train.lens.acceptance import choose_limits, helps, picture_sheet, summarise, worst
from ebb_train.lens.batches import draw_batch
from ebb_train.lens.card import card_text
from ebb_train.lens.fitting import LICENCE, LOG, WEIGHTS, FitPlan, fit
from ebb_train.lens.network import load_repair, save_repair
from ebb_train.lens.repair import WEIGHTS_FILE, repair_depth
from ebb_train.lens.samples import make_held_out_scene, make_training_photo
from ebb_train.lens.scores import compare_renders
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.samples import HeldOutScene

ROOT = Path(__file__).parents[1]
RESULT, CARD = ROOT / "benchmarks" / "results" / "lens_model.json", ROOT / "docs" / "lens_model.md"
BOUNDS = ROOT / "benchmarks" / "results" / "lens_bounds.json"
"""What a repair can gain; measured by a script of its own."""
SHIPPED = ROOT / "ebb_train" / "lens" / WEIGHTS_FILE
SOURCE = "pipelines/lens_model.py"
STRENGTHS = ("none", "median", "hard")
RADII = (3.3, 7.7, 14.0)
SIDE = 384
"""Of the frames of held-out scenes, in pixels."""
SETS = {"train": (2000, 100), "val": (40, 101)}
"""Stored photos with depth: how many, and the seed."""
LIMITS, TEST, UNSEEN = (24, 103), (32, 102), (8, 110)
"""Held-out scenes: how many, and the seed. Those of the limits choose what is kept; the others are only
measured. The seeds of the unseen radii count upwards."""
SHEET = ROOT / "docs" / "lens_worst.jpg"
WORST, TIMED, TIMED_BATCHES = 10, 8, 20


def held_out(count: int, seed: int, radius: float | None = None) -> list[HeldOutScene]:
    """Scenes with the truth, at all strengths."""
    return [
        make_held_out_scene(np.random.default_rng([seed, number]), SIDE, STRENGTHS, radius)
        for number in range(count)
    ]


def main() -> None:
    """Make the photos, train, measure, write."""
    parser = argparse.ArgumentParser(description="Train the repair network of the lens model.")
    parser.add_argument("--out", type=Path, default=Path("lens"))
    parser.add_argument("--scenes", type=int, default=SETS["train"][0])
    parser.add_argument("--steps", type=int, default=FitPlan().steps)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="stop training after")
    parser.add_argument("--ship", action="store_true", help="put the weights into the package if they help")
    parser.add_argument("--note", action="append", default=[], help="a remark for the card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    progress = Console().progress()
    sets = {}
    for name, (scenes, seed) in (SETS | {"train": (options.scenes, SETS["train"][1])}).items():
        make_set(options.out / name, SetPlan(scenes=scenes, seed=seed, side=SIDE), options.workers, progress)
        sets[name] = LensSet(options.out / name)
    run, plan = options.out / "run", FitPlan(steps=options.steps)
    stop_at = time.time() + 60 * options.minutes
    trainer = fit(run, plan, sets["train"], sets["val"], lambda line: print(line, flush=True), stop_at)
    network = load_repair(run / WEIGHTS)
    choose_limits(network, held_out(*LIMITS))
    final = run / WEIGHTS_FILE
    save_repair(final, network, source=f"{SOURCE}, {trainer.step} steps", licence=LICENCE)
    facts = measure(network, sets, run, plan, trainer.step, options.out)
    write(facts | {"notes": options.note}, final, ship=options.ship)


def measure(
    network: RepairNet, sets: dict[str, LensSet], run: Path, plan: FitPlan, steps: int, out: Path
) -> dict[str, Any]:
    """All figures of the card; the worst pictures are drawn as well."""
    scenes = held_out(*TEST)
    comparisons = compare_renders(network, scenes)
    results = summarise(comparisons)
    sheet = picture_sheet(network, scenes, worst(comparisons, WORST))
    (out / "worst.png").write_bytes(encode_png(sheet))
    SHEET.write_bytes(small_jpeg(sheet))
    unseen = {
        str(radius): summarise(compare_renders(network, held_out(UNSEEN[0], UNSEEN[1] + k, radius)))
        for k, radius in enumerate(RADII)
    }
    log = [json.loads(line) for line in (run / LOG).read_text().splitlines()]
    photos = {name: {"scenes": len(found), "seed": found.plan.seed} for name, found in sets.items()}
    named = {"limits": LIMITS, "test": TEST} | {
        f"radius {radius}": (UNSEEN[0], UNSEEN[1] + k) for k, radius in enumerate(RADII)
    }
    core_seconds = sum(entry["core_seconds"] for entry in log)
    facts = {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "config": network.config.as_dict(),
        "bytes": (run / WEIGHTS_FILE).stat().st_size,
        "sha256": None,
        "helps": helps(results),
        "steps": steps,
        "planned_steps": plan.steps,
        "plan": asdict(plan),
        "sets": photos | {name: {"scenes": count, "seed": seed} for name, (count, seed) in named.items()},
        "core_hours": {
            "data": round(core_seconds_a_photo() * sum(map(len, sets.values())) / 3600, 2),
            "training": round(core_seconds / 3600, 2),
        },
        "batch_ms": round(batch_ms(sets["train"], plan), 1),
        "step_ms": round(1000 * core_seconds / max(1, log[-1]["step"]), 1),
        "results": [one.as_dict() for one in results],
        "unseen": {radius: [one.as_dict() for one in found] for radius, found in unseen.items()},
        "curve": log,
        "bounds": json.loads(BOUNDS.read_text()) if BOUNDS.exists() else None,
    }
    return facts | timing(network)


def small_jpeg(sheet: Rgb8) -> bytes:
    """A picture at half its size as JPEG."""
    half = cv2.resize(sheet, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", half[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def core_seconds_a_photo() -> float:
    """Mean processor time of a few photos."""
    start = time.process_time()
    for index in range(TIMED):
        make_training_photo(np.random.default_rng([SETS["train"][1], index]), SIDE)
    return (time.process_time() - start) / TIMED


def batch_ms(source: LensSet, plan: FitPlan) -> float:
    """Mean processor time of drawing a batch, in milliseconds."""
    start = time.process_time()
    for step in range(TIMED_BATCHES):
        draw_batch(source, plan.seed, step, plan.batch, plan.side)
    return 1000 * (time.process_time() - start) / TIMED_BATCHES


def timing(network: RepairNet) -> dict[str, Any]:
    """Best of three repairs of the depth of a photo of 1024 x 1536 pixels, on all cores."""
    threads = os.cpu_count() or 1
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    photo = np.random.default_rng(0).integers(0, 256, (1024, 1536, 3), np.uint8)
    depth = np.full((1024, 1536), 0.2, np.float32)
    depth[300:800, 400:1100] = 0.7
    times = []
    for _ in range(3):
        start = time.perf_counter()
        repair_depth(photo, depth, network)
        times.append(time.perf_counter() - start)
    return {
        "seconds": round(min(times), 2),
        "threads": threads,
        "load_average": round(os.getloadavg()[0], 1),
    }


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
