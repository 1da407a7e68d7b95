"""What LiteRT's own GPU accelerator makes of files: whether it takes them whole, how far its values are off.

In a process of its own, as a file can crash it; one that does counts as refused. This module is also the
program that runs there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ebb_train import optional
from ebb_train.export.tflite.graph import read_graph

NO_DRIVER = "Failed to initialize WebGPU environment"


def taken(paths: list[Path]) -> dict[str, float | None]:
    """Stem of each file → largest difference between GPU and CPU on noise; None: the GPU refuses it.

    Raises:
        RuntimeError: there is no driver for a GPU.
    """
    found: dict[str, float | None] = {}
    left = paths
    while left:
        command = [sys.executable, "-m", __name__, *map(str, left)]
        child = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if NO_DRIVER in child.stderr:
            raise RuntimeError("LiteRT finds no driver for a GPU")
        answers = [line[2:] for line in child.stdout.splitlines() if line.startswith("@@")]
        found |= dict(map(json.loads, answers))
        if len(answers) < len(left):
            found[left[len(answers)].stem] = None
        left = left[len(answers) + 1 :]
    return found


def _compile(path: Path, where: Any) -> Any:
    litert = optional.litert("compiled_model")
    return litert.CompiledModel.from_file(str(path), options=litert.Options(hardware_accelerators=where))


def _noise(shape: tuple[int, ...], kind: str) -> Any:
    generator = np.random.default_rng(0)
    if kind.startswith("FLOAT"):
        return (generator.random(shape) + 0.1).astype(kind.lower())
    return generator.integers(0, 2, shape).astype(_dtype(kind))


def _dtype(kind: str) -> Any:
    return np.dtype("bool" if kind == "BOOL" else kind.lower())


def _run(model: Any, path: Path) -> list[Any]:
    graph = read_graph(path.read_bytes())
    inputs, outputs = model.create_input_buffers(0), model.create_output_buffers(0)
    for buffer, tensor in zip(inputs, graph.present(graph.inputs), strict=True):
        buffer.write(np.ascontiguousarray(_noise(tensor.shape, tensor.type)))
    model.run_by_index(0, inputs, outputs)
    return [
        np.asarray(buffer.read(tensor.num_elements, _dtype(tensor.type).type), np.float64)
        for buffer, tensor in zip(outputs, graph.present(graph.outputs), strict=True)
    ]


def _difference(path: Path) -> float | None:
    where = optional.litert("compiled_model").HardwareAccelerator
    try:
        model = _compile(path, where.GPU)
    except RuntimeError:
        return None
    pairs = zip(_run(model, path), _run(_compile(path, where.CPU), path), strict=True)
    return max(float(np.abs(found - wanted).max()) for found, wanted in pairs)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        sys.stdout.write(f"@@{json.dumps([Path(argument).stem, _difference(Path(argument))])}\n")
        sys.stdout.flush()
