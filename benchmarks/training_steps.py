"""Steps a second of ``ebb-train fit`` with a network of width 1/8 on one core, before and after.

Method: processor time of training steps on one thread, with the moving average of the weights, on batches of
noise; the levels, batches and crops of the schedule ``smoke``. The code of an earlier commit is taken from
the history and measured in a process of its own, in turn with the present code, twice each; the minimum and
the median over all steps but the first ones are kept. Processor time is used because the machine may have
other work; it still varies with what shares the caches.

    python benchmarks/training_steps.py       # two minutes; writes benchmarks/results/training_steps.json
"""

from __future__ import annotations

import importlib
import io
import itertools
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "training_steps.json"
BEFORE = "4ad180c"
"""The last commit without the fused optimizer and without channels-last maps in thin networks."""
LEVELS, STEPS, SKIPPED, ROUNDS, WIDTH = (7, 6, 5, 4, 3), 16, 4, 2, 0.125


def main() -> None:
    """Measure both in turn, and write the JSON."""
    times: dict[str, list[dict[str, list[float]]]] = {"before": [], "after": []}
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(["git", "archive", BEFORE], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        for _ in range(ROUNDS):
            times["before"].append(measured(Path(folder)))
            times["after"].append(measured(ROOT))
    facts = {
        "benchmark": "training_steps",
        "before": BEFORE,
        "width": WIDTH,
        "levels": {str(level): compared(times, str(level)) for level in LEVELS},
        "machine": {"torch": torch.__version__, "cores": os.cpu_count(), "threads": 1},
    }
    RESULT.write_text(json.dumps(facts, indent=1) + "\n")
    print(json.dumps(facts, indent=1))


def measured(code: Path) -> dict[str, list[float]]:
    """Level → seconds of its steps, with the packages in a folder."""
    environment = os.environ | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", __file__, "--steps", str(code)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, cwd=code)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def compared(times: dict[str, list[dict[str, list[float]]]], level: str) -> dict[str, Any]:
    """Milliseconds a step before and after, and the ratio of the steps a second."""
    rows: dict[str, Any] = {}
    for name, rounds in times.items():
        seconds = sorted(value for one in rounds for value in one[level])
        rows[name] = {"least_ms": 1e3 * seconds[0], "median_ms": 1e3 * seconds[len(seconds) // 2]}
        rows[name] = {key: round(value, 2) for key, value in rows[name].items()}
    for key in ("least", "median"):
        rows[f"ratio_of_{key}"] = round(rows["before"][f"{key}_ms"] / rows["after"][f"{key}_ms"], 3)
    return rows


def steps(code: Path) -> dict[str, list[float]]:
    """Times of the steps of all levels."""
    import ebb_train
    from ebb_train.settings import SCHEDULES

    if Path(ebb_train.__file__).parents[1].resolve() != code.resolve():
        raise SystemExit(f"{ebb_train.__file__} is not the code in {code}")
    torch.set_num_threads(1)
    rows = {row.level: row for row in SCHEDULES["smoke"].rows}
    return {str(level): level_steps(rows[level]) for level in LEVELS}


def level_steps(row: Any) -> list[float]:  # noqa: ANN401 - of one of two versions
    """Times of the steps of one level."""
    from lightning_fabric import Fabric

    from ebb_train.data.dataset import Batch
    from ebb_train.losses import Loss
    from ebb_train.models.pynet import PyNetConfig, output_size
    from ebb_train.settings import FitSettings
    from ebb_train.training.trainer import Trainer

    try:
        from ebb_train.training.pynet_levels import initial_pynet
    except ImportError:  # code from before other networks were trained
        initial_pynet = importlib.import_module("ebb_train.training.level").initial_network

    network = initial_pynet(PyNetConfig(width=WIDTH, level=row.level), FitSettings(), row.level, None)
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), network, row, Loss(row.loss), ema=0.999)
    side = row.crop // 2
    shapes = (4, side, side), (3, *output_size(row.level, side, side))
    noise = (torch.randint(0, 256, (row.batch, *shape), dtype=torch.uint8) for shape in shapes)
    batches = itertools.repeat(Batch(*noise, ("noise",) * row.batch))
    times = []
    for _ in range(STEPS):
        start = time.process_time()
        trainer.step(batches)
        times.append(time.process_time() - start)
    return times[SKIPPED:]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--steps"]:
        print(json.dumps(steps(Path(sys.argv[2]))))
    else:
        main()
