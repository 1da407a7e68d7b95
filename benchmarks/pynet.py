"""What PyNET costs: parameters, multiply-adds, seconds for one photo.

Run: ``python benchmarks/pynet.py [--runs 3] [--threads 1]``

Method. ``parameters`` and ``multiply_adds`` are counted from the list of layers, per level, the latter for an
input of 512 x 768 (output 1024 x 1536) and for convolutions only.

``inference``: the full network with its starting weights, batch 1, float32, on the CPU, --runs runs after one
that is not counted, median and quartiles; ``contiguous`` and ``channels_last`` name the memory layout of
weights and input. The two take turns, so that whatever else the machine does hits both; on a shared machine
(see ``load_average``) the processor time of the process says more than the wall time, and the ratios use it.
``largest_difference`` is that between their outputs.

``instance_norm`` compares, on maps of 64 x 128 x 192, PyTorch's instance norm, the project's, and a group
norm left in channels-last: milliseconds, and the largest error against float64 where the mean is ten times
the deviation.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ebb_train.models.blocks import EPSILON
from ebb_train.models.network import PyNet, instance_norm
from ebb_train.models.pynet import PAPER, layers, used_layers

if TYPE_CHECKING:
    from collections.abc import Callable

RESULT = Path(__file__).parent / "results" / "pynet.json"
HEIGHT, WIDTH = 512, 768
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(values: list[float]) -> dict[str, object]:
    """Median, quartiles and extremes."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return {
        "median": round(statistics.median(values), 4),
        "quartiles": [round(low, 4), round(high, 4)],
        "min": round(min(values), 4),
        "runs": len(values),
    }


def counts() -> dict[str, object]:
    """Parameters and multiply-adds by level."""
    parameters: Counter[str] = Counter()
    cost: Counter[str] = Counter()
    for layer in layers(PAPER, HEIGHT, WIDTH):
        parameters[layer.name.split(".")[0]] += sum(math.prod(shape) for shape in layer.tensors.values())
    for layer in used_layers(PAPER, HEIGHT, WIDTH):
        cost[layer.name.split(".")[0]] += layer.multiply_adds
    return {
        "parameters": dict(parameters) | {"all": parameters.total()},
        "multiply_adds": dict(cost) | {"all": cost.total()},
    }


@torch.inference_mode()
def inference(runs: int) -> dict[str, object]:
    """Seconds for one photo in either layout."""
    network = PyNet(PAPER).eval()
    photo = torch.rand(1, PAPER.in_channels, HEIGHT, WIDTH)
    wall_s: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    cpu_s: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    outputs: dict[str, Tensor] = {}
    for run in range(runs + 1):
        for name, layout in LAYOUTS.items():
            network.to(memory_format=layout)  # type: ignore[call-overload]
            x = photo.contiguous(memory_format=layout)
            wall, cpu = time.perf_counter(), time.process_time()
            outputs[name] = network(x)
            if run:
                wall_s[name].append(time.perf_counter() - wall)
                cpu_s[name].append(time.process_time() - cpu)
    difference = (outputs["contiguous"] - outputs["channels_last"]).abs().max()
    medians = {name: statistics.median(values) for name, values in cpu_s.items()}
    total = sum(layer.multiply_adds for layer in used_layers(PAPER, HEIGHT, WIDTH))
    return {
        "wall_seconds": {name: spread(values) for name, values in wall_s.items()},
        "cpu_seconds": {name: spread(values) for name, values in cpu_s.items()},
        "speed_up_of_channels_last": round(medians["contiguous"] / medians["channels_last"], 3),
        "multiply_adds_a_cpu_second": {name: round(total / median) for name, median in medians.items()},
        "largest_difference": float(difference),
    }


@torch.inference_mode()
def norms(runs: int = 11) -> dict[str, dict[str, float]]:
    """Three ways to normalise, in speed and error."""
    x = torch.randn(1, 64, 128, 192) * 0.1 + 1
    scale, shift = torch.ones(64), torch.zeros(64)
    variance, mean = torch.var_mean(x.double(), (2, 3), correction=0, keepdim=True)
    exact = (x.double() - mean) * torch.rsqrt(variance + EPSILON)
    nhwc = x.contiguous(memory_format=torch.channels_last)

    def torch_instance_norm() -> Tensor:
        return torch.nn.functional.instance_norm(x, weight=scale, bias=shift, eps=EPSILON)

    ways: dict[str, Callable[[], Tensor]] = {
        "torch_instance_norm": torch_instance_norm,
        "ours": lambda: instance_norm(x, scale, shift),
        "ours_from_channels_last": lambda: instance_norm(nhwc, scale, shift),
        "group_norm_in_channels_last": lambda: torch.group_norm(nhwc, 64, scale, shift, EPSILON),
    }
    return {
        name: {
            "milliseconds": round(1e3 * statistics.median([seconds(way) for _ in range(runs)][1:]), 3),
            "largest_error": float((way() - exact).abs().max()),
        }
        for name, way in ways.items()
    }


def main() -> None:
    """Measure, print and write the JSON."""
    parser = argparse.ArgumentParser(description="Parameters, cost and CPU latency of PyNET.")
    parser.add_argument("--runs", type=int, default=3, help="timed runs of the full network in each layout")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON to write")
    arguments = parser.parse_args()
    torch.manual_seed(2020)
    torch.set_num_threads(arguments.threads)
    report = {
        "benchmark": "pynet",
        "input": [HEIGHT, WIDTH],
        **counts(),
        "instance_norm": norms(),
        "inference": inference(arguments.runs),
        "threads": arguments.threads,
        "machine": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "cores": len(os.sched_getaffinity(0)),
            "architecture": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
            "load_average": round(os.getloadavg()[0], 1),
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
