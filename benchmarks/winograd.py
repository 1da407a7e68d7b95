"""Speed of minimal filtering (Winograd) relative to PyTorch, compiled PyTorch and ONNX Runtime.

Run: ``python benchmarks/winograd.py [--cases megadepth pynet_512x768 pynet_1024x1536] [--repeats 5]``

Method: all implementations run the same network with the same weights on the same photo, batch 1, float32, on
``--threads`` threads of the CPU (one by default), in one process. After a warm-up round, which also compiles,
they alternate for --repeats rounds, so that other work on the machine affects all equally; medians and
quartiles of the wall time are kept.

- ``eager``: the network as published, PyTorch in inference mode.
- ``inference_graph``: the inference graph without minimal filtering.
- ``winograd``: the inference graph with minimal filtering, as in use.
- ``compiled``: ``torch.compile`` of the eager network (Inductor, weights frozen); requires g++.
- ``onnxruntime``: the network as an ONNX file, with all graph optimisations.

``difference`` is relative to ``eager``: the largest, the mean, and the range of the values of ``eager``. The
weights are random, scaled such that the signal is kept through all layers: the rule of the golden file for
MegaDepth, noise by fan-in on all parameters of PyNET. A PyNET case is named after its photo; the input of the
network has half the height and width. A case whose first run shows that it takes longer than the rest of
--minutes is omitted. The first compilation takes minutes and is not timed: ``--compile-only`` fills the cache
of the compiler.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from depth import write_golden_weights

from ebb.depthmap.inference_graph import MegaDepthGraph
from ebb.depthmap.megadepth import MegaDepth, load_megadepth
from ebb_train import optional
from ebb_train.export.onnx.export import export_onnx
from ebb_train.models.inference_graph import InferenceGraph
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

RESULT = Path(__file__).parent / "results" / "winograd.json"
CASES = {"megadepth": (512, 768), "pynet_512x768": (512, 768), "pynet_1024x1536": (1024, 1536)}
TINY = {"megadepth": (64, 96), "pynet_512x768": (128, 192), "pynet_1024x1536": (192, 128)}
CONTENDERS = ("eager", "inference_graph", "winograd", "compiled", "onnxruntime")


@dataclass
class Contenders:
    """Implementations of a network for one photo."""

    runs: dict[str, Callable[[], NDArray[np.float32]]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    """Implementation → reason why it is missing."""


def megadepth(
    height: int, width: int, threads: int, folder: Path, wanted: set[str], **_: object
) -> Contenders:
    """MegaDepth on a photo of this size."""
    plain = load_megadepth(write_golden_weights(folder / "megadepth.pth"))
    photo = torch.from_numpy(np.random.default_rng(1).random((1, 3, height, width), np.float32))
    return contenders(
        photo,
        plain,
        megadepth_graph(plain, winograd=False),
        megadepth_graph(plain, winograd=True),
        lambda: megadepth_file(plain, photo, folder / "megadepth.onnx"),
        threads,
        wanted,
    )


def megadepth_graph(plain: MegaDepth, *, winograd: bool) -> torch.nn.Module:
    """As :func:`ebb.depthmap.inference_graph.build_inference_graph`, with and without minimal filtering."""
    with torch.no_grad():
        network = MegaDepthGraph(plain, winograd=winograd)
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(requires_grad=False)  # type: ignore[call-overload]


def megadepth_file(plain: MegaDepth, photo: torch.Tensor, path: Path) -> Path:
    """MegaDepth as an ONNX file."""
    torch.onnx.export(plain, (photo,), str(path), dynamo=False, opset_version=17)
    return path


def pynet(
    height: int, width: int, threads: int, folder: Path, wanted: set[str], *, scale: float
) -> Contenders:
    """PyNET on a photo of this size."""
    torch.manual_seed(2020)
    plain = PyNet(PyNetConfig(width=scale)).eval().requires_grad_(requires_grad=False)
    for parameter in plain.parameters():
        parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    shape = (1, 4, height // 2, width // 2)
    photo = torch.from_numpy(np.random.default_rng(2).random(shape, np.float32))

    def file() -> Path:
        save_pynet(folder / "pynet.safetensors", plain, source="random")
        export_onnx(folder / "pynet.safetensors", folder / "pynet.onnx", level=1, clip=False)
        return folder / "pynet.onnx"

    return contenders(
        photo, plain, InferenceGraph(plain, winograd=False), InferenceGraph(plain), file, threads, wanted
    )


def contenders(
    photo: torch.Tensor,
    plain: torch.nn.Module,
    graph: torch.nn.Module,
    winograd: torch.nn.Module,
    onnx_file: Callable[[], Path],
    threads: int,
    wanted: set[str],
) -> Contenders:
    """The requested implementations that are available on this machine."""
    found = Contenders()
    networks = {"eager": plain, "inference_graph": graph, "winograd": winograd}
    if shutil.which("g++"):
        networks["compiled"] = torch.compile(plain, options={"freezing": True})
    elif "compiled" in wanted:
        found.notes["compiled"] = "g++ is not installed"
    for name, network in networks.items():
        if name in wanted:
            found.runs[name] = lambda network=network: network(photo).numpy()
    if "onnxruntime" not in wanted:
        return found
    try:
        session = onnx_session(onnx_file(), threads)
    except Exception as error:  # noqa: BLE001 - the other contenders are still worth their time
        found.notes["onnxruntime"] = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        feed = {session.get_inputs()[0].name: photo.numpy()}
        found.runs["onnxruntime"] = lambda: session.run(None, feed)[0]
    return found


def onnx_session(path: Path, threads: int) -> Any:  # noqa: ANN401 - onnxruntime has no types
    """ONNX Runtime on the CPU."""
    runtime = optional.onnxruntime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@torch.inference_mode()
def measure(ways: Contenders, repeats: int, left_s: float) -> dict[str, Any]:
    """Medians and differences of a case, or a note if there is not enough time."""
    outputs: dict[str, NDArray[np.float32]] = {}
    first: dict[str, float] = {}
    for name in list(ways.runs):
        start = time.perf_counter()
        try:
            outputs[name] = np.array(ways.runs[name]())
        except Exception as error:  # noqa: BLE001 - such as a compiler that fails
            ways.notes[name] = f"{type(error).__name__}: {error}".splitlines()[0]
            del ways.runs[name]
            continue
        first[name] = time.perf_counter() - start
        if (needed := first["eager"] * len(ways.runs) * (repeats + 1)) > left_s:
            return {"notes": {"case": f"omitted: it takes about {needed:.0f} s"}}
    seconds: dict[str, list[float]] = {name: [] for name in ways.runs}
    for _ in range(repeats):
        for name, way in ways.runs.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "median_s": {name: round(value, 4) for name, value in medians.items()},
        "quartiles_s": {name: quartiles(values) for name, values in seconds.items()},
        "times_faster_than_eager": {
            name: round(medians["eager"] / value, 3) for name, value in medians.items()
        },
        "best_other_over_winograd": ratio(medians),
        "difference": {name: difference(output, outputs["eager"]) for name, output in outputs.items()},
        "first_run_s": {name: round(value, 2) for name, value in first.items()},
        "notes": ways.notes,
    }


@torch.inference_mode()
def compile_once(ways: Contenders) -> None:
    """Store the compiled kernels in the cache of Inductor."""
    if "compiled" in ways.runs:
        ways.runs["compiled"]()


def ratio(medians: dict[str, float]) -> float | None:
    """Shortest time without minimal filtering divided by that with it; above 1, it is faster."""
    if "winograd" not in medians:
        return None
    return round(min(value for name, value in medians.items() if name != "winograd") / medians["winograd"], 3)


def quartiles(values: list[float]) -> list[float]:
    """First and third quartile."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(low, 4), round(high, 4)]


def difference(output: NDArray[np.float32], eager: NDArray[np.float32]) -> dict[str, float]:
    """Difference between two results."""
    gap = np.abs(output.reshape(eager.shape).astype(np.float64) - eager)
    return {"largest": float(gap.max()), "mean": float(gap.mean()), "range": float(np.ptp(eager))}


def machine() -> dict[str, Any]:
    """Versions and machine."""
    return {
        "cpu": cpu_name(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxruntime": optional.onnxruntime().__version__,
    }


def cpu_name() -> str:
    """Name of the processor according to Linux."""
    for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    """Measure the cases and write the JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=6.0, help="time for all cases")
    parser.add_argument("--compile-only", action="store_true", help="fill the cache of the compiler")
    parser.add_argument("--tiny", action="store_true", help="small sizes and a thin PyNET, as a test")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    end = time.monotonic() + 60 * options.minutes
    report: dict[str, Any] = {
        "benchmark": "winograd",
        "threads": options.threads,
        "repeats": options.repeats,
        "machine": machine(),
        "cases": {},
    }
    for case in options.cases:
        torch.compiler.reset()
        height, width = (TINY if options.tiny else CASES)[case]
        build = megadepth if case == "megadepth" else pynet
        with tempfile.TemporaryDirectory() as folder:
            wanted = {"eager", *options.contenders}
            scale = 1 / 8 if options.tiny else 1.0
            ways = build(height, width, options.threads, Path(folder), wanted, scale=scale)
            if options.compile_only:
                compile_once(ways)
                continue
            found = measure(ways, options.repeats, end - time.monotonic())
        report["cases"][case] = {"photo": [height, width]} | found
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if not options.compile_only:
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
