"""Training of every network: steps a second and memory, beside a plain PyTorch loop on the same batch.

Both train a network of equal weights with the first stage's loss and Adam, on the same crops in memory, one
after the other, so that another program on the machine slows both down. The plain loop is what a script would
do: forward, loss, backward, step.

    python benchmarks/networks.py --crop 64 --steps 5 --width 0.25 --out benchmarks/results/networks.json
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import resource
import statistics
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from ebb_train.data.dataset import Batch, unit_range
from ebb_train.losses import Loss
from ebb_train.networks.registry import NETWORKS
from ebb_train.networks.spec import NetworkConfig
from ebb_train.settings import FitSettings
from ebb_train.training.network_stages import NetworkStages
from ebb_train.training.optimizer import make_adam
from ebb_train.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb_train.networks.photo_network import PhotoNetwork
    from ebb_train.stages import StagePlan


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--width", type=float, default=1.0, help="not of dbsi-style, which has one width")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--names", nargs="*", default=list(NETWORKS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rows = []
    context = multiprocessing.get_context("spawn")
    for name in arguments.names:
        with context.Pool(1) as pool:  # so that the peak of memory is that of one network
            row = pool.apply(measure, (name, arguments))
        rows.append(row)
        print(row, flush=True)
    facts = {
        "device": device_name(arguments.device),
        "threads": arguments.threads,
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(facts | {"networks": rows}, indent=1) + "\n", encoding="utf-8")


def device_name(device: str) -> str:
    """The GPU's name, or cpu."""
    return torch.cuda.get_device_name() if device == "cuda" else "cpu"


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """One row: medians over alternating steps."""
    torch.set_num_threads(arguments.threads)
    stages = NetworkStages(NetworkConfig(model=name, width=1.0 if name == "dbsi-style" else arguments.width))
    plan = replace(stages.spec.schedule.rows[0], crop=arguments.crop, batch=arguments.batch, scale=1)
    network = stages.initial_network(FitSettings(), plan, None)
    photo, planes = stages.noise(plan, arguments.batch)
    batch = Batch(
        (255 * photo).to(torch.uint8), (255 * photo[:, :3]).to(torch.uint8), ("a",) * arguments.batch, planes
    )
    plain = PlainLoop(deepcopy(network), plan, batch, arguments.device)
    fabric = Fabric(accelerator=arguments.device, devices=1)
    trainer = Trainer(fabric, network, plan, Loss(plan.loss))
    batches = itertools.repeat(batch)
    ours, theirs = [], []  # seconds
    for _ in range(arguments.steps + 2):
        ours.append(timed(lambda: trainer.step(batches), arguments.device))
        theirs.append(timed(plain.step, arguments.device))
    a_step, a_plain_step = (statistics.median(times[2:]) for times in (ours, theirs))
    ratios = [one / other for one, other in zip(ours[2:], theirs[2:], strict=True)]
    return {
        "name": name,
        "width": stages.config.width,
        "crop": arguments.crop,
        "batch": arguments.batch,
        "steps_per_s": round(1 / a_step, 3),
        "plain_steps_per_s": round(1 / a_plain_step, 3),
        "time_over_plain": round(statistics.median(ratios), 3),
        "peak_memory_mb": round(peak_mb(arguments.device)),
    }


class PlainLoop:
    """What a script would do."""

    def __init__(self, network: PhotoNetwork, plan: StagePlan, batch: Batch, device: str) -> None:
        self.network, self.loss = network.to(device).train(), Loss(plan.loss).to(device)
        trained = [values for values in self.network.parameters() if values.requires_grad]
        self.optimizer = make_adam(trained, plan)
        self.batch, self.device = batch, device

    def step(self) -> float:
        """One step; the loss is read, as for a log."""
        photo, target = (unit_range(plane.to(self.device)) for plane in (self.batch.photo, self.batch.target))
        planes = {name: plane.to(self.device) for name, plane in self.batch.planes.items()}
        self.optimizer.zero_grad()
        loss = self.loss(self.network(photo, **planes), target)["loss"]
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


def timed(step: Callable[[], object], device: str) -> float:
    """Seconds of a step."""
    start = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def peak_mb(device: str) -> float:
    """Peak of the process, or of PyTorch on the GPU; both loops have their network in it."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    main()
