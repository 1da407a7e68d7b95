"""Parameters, multiply-adds and inference time of PyNET.

Run: ``python benchmarks/pynet.py [--runs 3] [--training]``

Method: ``parameters`` and ``multiply_adds`` are counted from the list of layers, per level, the latter for an
input of 512 x 768 (output 1024 x 1536) and for convolutions only.

``inference``: the full network with its initial weights, batch 1, float32, on the CPU, with one thread and
with two; median and quartiles of --runs runs after a warm-up run. The implementations alternate, so that
other work on the machine affects all equally. ``tensorflow``: the same weights as constants of a TensorFlow
graph (the one that ``ebb-train export-tflite`` converts), in TensorFlow's runtime with oneDNN and the same
number of threads; ``contiguous`` and ``channels_last``: PyTorch in either memory layout; ``fast``:
:mod:`ebb_train.models.inference_graph`. ``largest_difference`` is relative to ``contiguous`` with these
weights, which are small; with the weights of the reference run, the tests require it to be below 1e-4 (other
weights: ``benchmarks/accuracy.py``). Each number of threads has its own process, because TensorFlow reads the
number once.

``training_step`` (only with --training): forward, backward and Adam step of levels 5 and 1 with the paper's
losses without the VGG term, width 1/4, batch 1, crops of 256 pixels, on one thread; median processor time of
--runs runs after a warm-up run. Compiling can take minutes; results are written as they become available.
Nothing was measured on a GPU.

``instance_norm`` compares PyTorch's instance norm, that of this project, and a group norm in channels-last
layout on maps of 64 x 128 x 192: milliseconds, and the largest error relative to float64 if the mean is ten
times the deviation.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ebb_train import optional
from ebb_train.export.tflite.operations import TensorFlowOperations
from ebb_train.losses import Loss
from ebb_train.models.blocks import EPSILON
from ebb_train.models.inference_graph import InferenceGraph
from ebb_train.models.network import PyNet, instance_norm
from ebb_train.models.pynet import PAPER, PyNetConfig, layers, output_size, pynet, used_layers
from ebb_train.settings import LossWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

RESULT = Path(__file__).parent / "results" / "pynet.json"
HEIGHT, WIDTH = 512, 768
CROP = 256
PARTS = ("counts", "instance_norm", "inference_1_thread", "inference_2_threads", "training_step")
ORDER = ("benchmark", "input", *PARTS, "machine")


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Wall or processor time of one call."""
    start = clock()
    work()
    return clock() - start


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
def inference(runs: int, threads: int) -> dict[str, object]:
    """Seconds for one photo with each implementation."""
    torch.set_num_threads(threads)
    photo = torch.rand(1, PAPER.in_channels, HEIGHT, WIDTH)
    ways = contenders(photo, threads)
    wall_s: dict[str, list[float]] = {name: [] for name in ways}
    cpu_s: dict[str, list[float]] = {name: [] for name in ways}
    pictures: dict[str, Tensor] = {}
    for run in range(runs + 1):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), time.process_time()
            pictures[name] = way()
            if run:
                wall_s[name].append(time.perf_counter() - wall)
                cpu_s[name].append(time.process_time() - cpu)
    cost = sum(layer.multiply_adds for layer in used_layers(PAPER, HEIGHT, WIDTH))
    medians = {name: statistics.median(values) for name, values in wall_s.items()}
    return {
        "wall_seconds": {name: spread(values) for name, values in wall_s.items()},
        "cpu_seconds": {name: spread(values) for name, values in cpu_s.items()},
        "speed_up_over_tensorflow": {
            name: round(medians["tensorflow"] / median, 3) for name, median in medians.items()
        },
        "multiply_adds_a_second": {name: round(cost / median) for name, median in medians.items()},
        "largest_difference": {
            name: float((picture - pictures["contiguous"]).abs().max()) for name, picture in pictures.items()
        },
    }


def contenders(photo: Tensor, threads: int) -> dict[str, Callable[[], Tensor]]:
    """Name → function that returns the picture (1, 3, H, W) of a photo."""
    torch.manual_seed(2020)
    plain = PyNet(PAPER).eval()
    nhwc = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    nhwc_photo = photo.contiguous(memory_format=torch.channels_last)
    fast = InferenceGraph(copy.deepcopy(plain))
    graph = tensorflow_graph(plain, threads)
    pixels = photo.permute(0, 2, 3, 1).contiguous().numpy()
    return {
        "tensorflow": lambda: torch.from_numpy(graph(pixels)).permute(0, 3, 1, 2),
        "contiguous": lambda: plain(photo),
        "channels_last": lambda: nhwc(nhwc_photo),
        "fast": lambda: fast(nhwc_photo),
    }


def tensorflow_graph(network: PyNet, threads: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network in TensorFlow's runtime."""
    tf = optional.tensorflow()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    operations = TensorFlowOperations({name: v.numpy() for name, v in network.state_dict().items()})
    spec = tf.TensorSpec((1, HEIGHT, WIDTH, PAPER.in_channels), tf.float32)

    def picture(photo: object) -> object:
        return pynet(operations, PAPER, photo, (1,))[1]

    function = tf.function(picture, input_signature=[spec], autograph=False).get_concrete_function()
    return lambda pixels: np.array(function(tf.constant(pixels)))


def training_steps(runs: int) -> Iterator[dict[str, object]]:
    """Seconds of a training step by level, precision and compilation, yielded after every step."""
    torch.set_num_threads(1)
    steps: dict[str, object] = {}
    losses = {5: LossWeights(), 1: LossWeights(l1=1, ssim=1)}
    precisions = {"fp32": torch.float32, "bf16": torch.bfloat16}
    for way in ("eager", "compiled"):
        for level, loss in losses.items():
            for precision, dtype in precisions.items():
                step = training_step(level, loss, dtype, is_compiled=way == "compiled")
                step()
                times = [seconds(step, time.process_time) for _ in range(runs)]
                steps[f"level {level} {precision} {way}"] = spread(times)
                yield steps


def training_step(
    level: int, weights: LossWeights, dtype: torch.dtype, *, is_compiled: bool
) -> Callable[[], object]:
    """A repeatable training step."""
    torch.manual_seed(2020)
    network = PyNet(PyNetConfig(level=level, width=1 / 4)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    run = torch.compile(network) if is_compiled else network
    loss = Loss(weights)
    optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=5e-5)
    photo = torch.rand(1, 4, CROP // 2, CROP // 2).contiguous(memory_format=torch.channels_last)
    target = torch.rand(1, 3, *output_size(level, CROP // 2, CROP // 2))

    def step() -> None:
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            picture = run(photo)
        optimizer.zero_grad()
        loss(picture, target)["loss"].backward()
        optimizer.step()

    return step


@torch.inference_mode()
def norms(runs: int = 11) -> dict[str, object]:
    """Speed and error of three normalisations on one thread."""
    torch.set_num_threads(1)
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


def machine() -> dict[str, object]:
    """Versions and machine."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": len(os.sched_getaffinity(0)),
        "architecture": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    """Measure one part in this process, or all parts in separate processes, and write the JSON."""
    parser = argparse.ArgumentParser(description="Parameters, cost and CPU latency of PyNET.")
    parser.add_argument("--runs", type=int, default=3, help="timed runs per measurement")
    parser.add_argument("--part", choices=PARTS, help="measure only this part")
    parser.add_argument("--training", action="store_true", help="also measure training steps")
    arguments = parser.parse_args()
    if arguments.part is None:
        for part in PARTS if arguments.training else PARTS[:-1]:
            command = [sys.executable, __file__, "--part", part, "--runs", str(arguments.runs)]
            subprocess.run(command, check=True)
        return
    torch.manual_seed(2020)
    measure: dict[str, Callable[[], Iterator[dict[str, object]]]] = {
        "counts": lambda: iter([counts()]),
        "instance_norm": lambda: iter([norms()]),
        "inference_1_thread": lambda: iter([inference(arguments.runs, 1)]),
        "inference_2_threads": lambda: iter([inference(arguments.runs, 2)]),
        "training_step": lambda: training_steps(arguments.runs),
    }
    for figures in measure[arguments.part]():
        save(arguments.part, figures)
    print(json.dumps(figures, indent=1))


def save(part: str, figures: dict[str, object]) -> None:
    """Add the results of a part to the JSON."""
    report = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    report |= {"benchmark": "pynet", "input": [HEIGHT, WIDTH], part: figures}
    report["machine"] = report.get("machine", {}) | {part: machine()}
    text = json.dumps({name: report[name] for name in ORDER if name in report}, indent=1) + "\n"
    RESULT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
