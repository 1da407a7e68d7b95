"""Parity, GPU compatibility, speed and memory of the TFLite export, and a comparison with litert-torch.

Run: ``python benchmarks/export.py --part files|checks|memory|speed|trained [--work DIR]``; each part is added
to the JSON. ``files`` comes first; with ``--litert-torch PYTHON`` (a Python with litert-torch) it also makes
the files of the alternative (``export_alternative.py``). It takes about 4 GB of memory.

Method: the full PyNET at 1024x1536, with and without instance normalisation, with random weights that are
scaled such that every layer matters (the initial weights of training give a constant grey).

- ``checks``: exported files compared with PyTorch on a synthetic scene and on noise; faults found by
  ``ebb-train inspect``; whether LiteRT's GPU accelerator runs the file alone (``gpu``; null without a Vulkan
  driver).
- ``memory``: peak resident memory of a process that runs a file once, including LiteRT and Python (about 40
  MB). ``plain`` is the interpreter with its defaults, ``lean`` computes pointer tables in every run.
- ``speed``: seconds of a run on one thread. All files are open in one process and alternate for --rounds
  rounds after a warm-up round; median and quartiles. It takes about 12 GB of memory.
- ``trained``: precisions of a trained network compared with PyTorch, on photos of a data set.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ebb_train.export import inputs
from ebb_train.export.parity import compare
from ebb_train.export.settings import PhotoSize, Precision
from ebb_train.export.tflite import note
from ebb_train.export.tflite.convert import to_tflite
from ebb_train.export.tflite.gpu import verify_gpu
from ebb_train.export.tflite.probe import probe
from ebb_train.export.tflite.report import examine_file
from ebb_train.export.tflite.runtime import open_runner
from ebb_train.export.trained import TrainedNetwork, read_trained
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig

RESULT = Path(__file__).parent / "results" / "export.json"
NORMS = ("reference", "none")
OURS = ("fp32", "fp16", "dynamic-int8")
KINDS = ("prepared", "naive")
TIMED = (
    ("reference-fp32", "plain"),
    ("none-fp32", "plain"),
    ("reference-dynamic-int8", "plain"),
    ("litert-torch-prepared", "plain"),
    ("reference-fp32", "lean"),
    ("reference-dynamic-int8", "lean"),
)
"""Files and engines whose times are compared."""


def weights(work: Path, norm: str, width: float) -> Path:
    """Write random weights that keep the magnitude of the signal."""
    path = work / f"{norm}.safetensors"
    if not path.exists():
        torch.manual_seed(2020)
        network = PyNet(PyNetConfig(norm=norm, width=width))  # type: ignore[arg-type]
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
        save_pynet(path, network, source="random weights")
    return path


def convert(checkpoint: TrainedNetwork, size: PhotoSize, precision: Precision, path: Path) -> float:
    """Export a file; return the seconds it took."""
    start = time.perf_counter()
    what: dict[str, Any] = {"level": 1, "precision": precision, "clip": False}
    photos = [inputs.scene(size, checkpoint.config.in_channels).photo] if precision == "int8" else []
    data = to_tflite(checkpoint.tensors, checkpoint.config, size, calibration=photos, **what)
    path.write_bytes(
        note.attach(data, note.about(checkpoint.config, size, weights=checkpoint.origin(), **what))
    )
    return round(time.perf_counter() - start, 1)


def files(arguments: argparse.Namespace) -> dict[str, Any]:
    """Make all missing files."""
    work, size, found = arguments.work, arguments.size, {}
    for norm in NORMS:
        checkpoint = read_trained(weights(work, norm, arguments.width))
        for precision in OURS:
            path = work / f"{norm}-{precision}.tflite"
            seconds = None if path.exists() else convert(checkpoint, size, precision, path)  # type: ignore[arg-type]
            found[path.stem] = {"bytes": path.stat().st_size, "conversion_s": seconds}
    script = Path(__file__).with_name("export_alternative.py")
    for kind in KINDS if arguments.litert_torch else ():
        path = work / f"litert-torch-{kind}.tflite"
        if not path.exists():
            command = [
                arguments.litert_torch,
                script,
                kind,
                weights(work, "reference", arguments.width),
                path,
                *size,
            ]
            environment = os.environ | {"PYTHONPATH": str(script.parents[1])}
            subprocess.run([str(word) for word in command], check=True, env=environment)
        found[path.stem] = {"bytes": path.stat().st_size}
    return found


def checks(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parity of the exported files, faults of all files."""
    size, found = arguments.size, {}
    trials = [inputs.scene(size, 4), inputs.noise(size, 4)]
    for norm in NORMS:
        checkpoint = read_trained(weights(arguments.work, norm, arguments.width))
        wanted = [checkpoint.picture(trial.photo, 1, clip=False) for trial in trials]
        for precision in OURS:
            path = arguments.work / f"{norm}-{precision}.tflite"
            pictures = probe(path, "lean", photos=[trial.photo for trial in trials]).pictures
            found[path.stem] = {
                "parity": [
                    asdict(compare(trial.name, picture, right))
                    for trial, picture, right in zip(trials, pictures, wanted, strict=True)
                ]
            }
    for path in sorted(arguments.work.glob("*.tflite")):
        anatomy = examine_file(path)
        facts = {"ops": sum(anatomy.ops.values()), "gpu_faults": len(anatomy.faults)}
        facts |= {"multiply_adds": anatomy.cost.multiply_adds, "estimated_peak": anatomy.cost.peak_bytes}
        found[path.stem] = found.get(path.stem, {}) | facts | {"gpu": verify_gpu(path).as_dict()}
    return found


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of one run in a separate process."""
    photo = inputs.noise(arguments.size, 4).photo
    return {
        path.stem: {
            engine: probe(path, engine, photos=[photo]).peak_bytes  # type: ignore[arg-type]
            for engine in ("plain", "lean")
        }
        for path in sorted(arguments.work.glob("*.tflite"))
        if "naive" not in path.stem
    }


def speed(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a run; all files alternate."""
    runners = {}
    for name, engine in TIMED:
        path = arguments.work / f"{name}.tflite"
        if path.exists():
            runners[f"{name}, {engine}"] = open_runner(path, engine, 1)[0]  # type: ignore[arg-type]
    photo = inputs.noise(arguments.size, 4).photo
    wall: dict[str, list[float]] = {name: [] for name in runners}
    cpu: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(arguments.rounds + 1):
        for name, runner in runners.items():
            start, used = time.perf_counter(), time.process_time()
            runner(photo)
            if turn:
                wall[name].append(time.perf_counter() - start)
                cpu[name].append(time.process_time() - used)
    own = cpu["reference-fp32, plain"]
    return {
        name: {
            "wall_s": spread(wall[name]),
            "cpu_s": spread(cpu[name]),
            "cpu_of_plain_reference_fp32": round(
                statistics.median(one / other for one, other in zip(cpu[name], own, strict=True)), 4
            ),
        }
        for name in runners
    }


def spread(values: list[float]) -> dict[str, Any]:
    """Median and quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": round(median, 3), "quartiles": [round(low, 3), round(high, 3)], "runs": len(values)}


def trained(arguments: argparse.Namespace) -> dict[str, Any]:
    """Parity of all precisions for a trained network on real photos."""
    checkpoint, size = read_trained(arguments.checkpoint), arguments.trained_size
    trials = inputs.pairs(arguments.dataset, size, checkpoint.config.in_channels, 2)
    wanted = [checkpoint.picture(trial.photo, checkpoint.config.level, clip=False) for trial in trials]
    found: dict[str, Any] = {"config": checkpoint.config.as_dict(), "photo": list(size)}
    found |= {"source": checkpoint.about.source, "width": checkpoint.config.width}
    for precision in OURS:
        path = arguments.work / f"trained-{precision}.bin"
        convert_trained(checkpoint, size, precision, path)
        run = probe(path, "lean", photos=[trial.photo for trial in trials], runs=5)
        found[precision] = {
            "psnr": [round(compare("", a, b).psnr, 1) for a, b in zip(run.pictures, wanted, strict=True)],
            "median_s": round(run.median_s, 4),
        }
    return found


def convert_trained(checkpoint: TrainedNetwork, size: PhotoSize, precision: str, path: Path) -> None:
    """Export the trained network at its own level."""
    path.write_bytes(
        to_tflite(
            checkpoint.tensors,
            checkpoint.config,
            size,
            level=checkpoint.config.level,
            precision=precision,  # type: ignore[arg-type]
            clip=False,
        )
    )


PARTS = {"files": files, "checks": checks, "memory": memory, "speed": speed, "trained": trained}


def main() -> None:
    """Measure a part and add it to the JSON."""
    parser = argparse.ArgumentParser(description="Benchmark of the TFLite export.")
    parser.add_argument("--part", choices=PARTS, required=True)
    parser.add_argument("--work", type=Path, default=Path("build/export"), help="folder of the files")
    parser.add_argument(
        "--size", type=int, nargs=2, default=(1024, 1536), help="height and width of the photo"
    )
    parser.add_argument(
        "--width", type=float, default=1.0, help="width of the network; that of the paper is 1"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litert-torch", default="", help="a Python that has litert-torch")
    parser.add_argument("--checkpoint", type=Path, help="trained weights")
    parser.add_argument("--dataset", type=Path, help="data set with photos for the trained weights")
    parser.add_argument("--trained-size", type=int, nargs=2, default=(512, 768))
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON to add to")
    arguments = parser.parse_args()
    arguments.size, arguments.trained_size = PhotoSize(*arguments.size), PhotoSize(*arguments.trained_size)
    arguments.work.mkdir(parents=True, exist_ok=True)
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"benchmark": "export"}
    machine = {
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": round(os.getloadavg()[0], 1),
    }
    about = {"photo": list(arguments.size), "width": arguments.width, "machine": machine}
    report[arguments.part] = about | PARTS[arguments.part](arguments)
    arguments.out.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")
    print(json.dumps(report[arguments.part], indent=2, default=str))


if __name__ == "__main__":
    main()
