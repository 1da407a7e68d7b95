"""Speed, memory and accuracy of the folded MegaDepth relative to the published network.

Method: one process for each measurement of memory, and one for all timings. The input is a sample photo at
512 x 768. Timings alternate plain, fast and bfloat16 for ``--repeats`` rounds after a warm-up round, so that
other work on the machine affects all equally; the summary contains median, interquartile range, minimum and
the ratio of the minima. ``plain`` is the published network in evaluation mode under ``torch.inference_mode``,
with default memory layout and the same number of threads. Weights are given by ``--weights FILE``; by default
they follow the rule of the golden file, with the same amount of work and rounding but no photo-like depth.

    python benchmarks/depth.py --threads 1 2 --repeats 5
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
RESULTS = ROOT / "benchmarks" / "results" / "depth.json"
PHOTO = ROOT / "data" / "sample" / "captures" / "IMG_0305.JPG"
HEIGHT, WIDTH = 512, 768
KINDS = ("plain", "fast", "bf16")


def main() -> None:
    """Run everything and write the results."""
    options = parse_options()
    if options.peak_of:
        print(run_once(options.peak_of, options.weights))
        return
    with tempfile.TemporaryDirectory() as folder:
        weights = options.weights or write_golden_weights(Path(folder) / "golden.pth")
        results = measure(weights, options.threads, options.repeats)
        results["peak_memory_mb_512x800"] = {kind: peak_memory_mb(kind, weights) for kind in KINDS}
    results["weights"] = options.weights.name if options.weights else "golden rule"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))


def parse_options() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--weights", type=Path, help="a weights file of the authors")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peak-of", choices=KINDS, help=argparse.SUPPRESS)
    return parser.parse_args()


def write_golden_weights(path: Path, seed: int = 1000) -> Path:
    """Write the 624 tensors of the golden file by its rule, with the random numbers of a seed."""
    import torch

    tensors = json.loads((GOLDEN / "megadepth_official.json").read_text(encoding="utf-8"))["tensors"]
    state = {
        name: torch.from_numpy(golden_tensor(seed + i, name, shape))
        for i, (name, shape) in enumerate(tensors)
    }
    torch.save(state, path)
    return path


def golden_tensor(seed: int, name: str, shape: list[int]) -> np.ndarray:
    """One tensor by the rule of the golden file."""
    rng = np.random.default_rng(seed)
    if name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif len(shape) == 1 and name.endswith("weight"):
        values = rng.uniform(0.8, 1.2, shape)
    else:
        bias = 0.1 if name.endswith("running_mean") else 0.05
        values = rng.standard_normal(shape) * (bias if len(shape) == 1 else np.sqrt(2 / np.prod(shape[1:])))
    return values.astype(np.float32)


def networks(weights: Path, kinds: tuple[str, ...]) -> dict[str, Callable[[Tensor], Tensor]]:
    """The networks to compare."""
    import torch

    from ebb.depthmap.inference_graph import build_inference_graph
    from ebb.depthmap.megadepth import load_megadepth

    plain = load_megadepth(weights)
    builders = {
        "plain": lambda: plain,
        "fast": lambda: build_inference_graph(plain),
        "bf16": lambda: build_inference_graph(plain, torch.bfloat16),
    }
    return {kind: builders[kind]() for kind in kinds}


def sample_input(width: int) -> Tensor:
    """(1, 3, HEIGHT, width) in [0, 1], from a sample photo."""
    import cv2
    import torch

    photo = cv2.cvtColor(cv2.resize(cv2.imread(str(PHOTO)), (width, HEIGHT)), cv2.COLOR_BGR2RGB)
    return torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 255


def measure(weights: Path, threads: list[int], repeats: int) -> dict[str, Any]:
    """Parity, errors and timings."""
    import torch

    nets = networks(weights, KINDS)
    rgb = sample_input(WIDTH)
    with torch.inference_mode():
        outputs = {kind: net(rgb)[0, 0].numpy() for kind, net in nets.items()}
        timings = {f"{num}_threads": time_networks(nets, rgb, num, repeats) for num in threads}
    return {
        "machine": {"cpu": cpu_name(), "torch": torch.__version__, "repeats": repeats},
        "golden_parity_max_abs": golden_parity(),
        "error_against_plain": {kind: errors(outputs["plain"], outputs[kind]) for kind in ("fast", "bf16")},
        "timings_512x768": timings,
    }


def time_networks(
    nets: dict[str, Callable[[Tensor], Tensor]], rgb: Tensor, threads: int, repeats: int
) -> dict[str, Any]:
    """Seconds of every network, measured alternately, and speed-up relative to plain."""
    import torch

    torch.set_num_threads(threads)
    seconds: dict[str, list[float]] = {kind: [] for kind in nets}
    for _ in range(repeats):
        for kind, net in nets.items():
            start = time.perf_counter()
            net(rgb)
            seconds[kind].append(time.perf_counter() - start)
    return {
        "seconds": {kind: summary(values) for kind, values in seconds.items()},
        "times_faster": {kind: min(seconds["plain"]) / min(seconds[kind]) for kind in KINDS[1:]},
    }


def golden_parity() -> float:
    """Largest difference from the stored output of the official network."""
    import torch

    golden = np.load(GOLDEN / "megadepth_official.npz")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        weights = write_golden_weights(Path(folder) / "golden.pth")
        log_depth = networks(weights, ("plain",))["plain"](torch.from_numpy(golden["input"])).numpy()
    return float(np.abs(log_depth - golden["output"]).max())


def errors(plain: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Differences in log depth and in grey levels of the 8-bit map."""
    from ebb.depthmap.encoding import encode_depth8, inverse_depth_from_log

    maps = [encode_depth8(inverse_depth_from_log(log_depth)).astype(int) for log_depth in (plain, other)]
    levels = np.abs(maps[0] - maps[1])
    return {
        "log_depth_max": float(np.abs(plain - other).max()),
        "log_depth_range": float(np.ptp(plain)),
        "grey_levels_max": int(levels.max()),
        "grey_levels_mean": float(levels.mean()),
    }


def summary(seconds: list[float]) -> dict[str, float]:
    """Median and interquartile range."""
    low, median, high = np.percentile(seconds, (25, 50, 75))
    return {"median": float(median), "iqr": float(high - low), "min": float(min(seconds))}


def peak_memory_mb(kind: str, weights: Path) -> float:
    """Peak resident memory of a new process that loads the weights and runs 512 x 800 twice."""
    command = [sys.executable, __file__, "--peak-of", kind, "--weights", weights]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_once(kind: str, weights: Path) -> float:
    """Body of the memory measurement; megabytes of 10⁶ bytes."""
    import torch

    net = networks(weights, (kind,))[kind]
    with torch.inference_mode():
        for _ in range(2):
            net(sample_input(800))
    # not ru_maxrss, which a child inherits
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def cpu_name() -> str:
    """Model name of the processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
