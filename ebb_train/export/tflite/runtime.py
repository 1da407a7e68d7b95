"""Run a TFLite file with LiteRT, inside the process of :mod:`ebb_train.export.tflite.probe`.

LiteRT computes convolutions on the CPU with XNNPACK, which keeps a table of pointers for each of them: 1.8 GB
for the full PyNET. With one flag it computes the tables in every run, which increases the time of the full
network by 3 % and that of a thin one by a third (``benchmarks/export.py``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import numpy as np

from ebb.errors import InvalidInput
from ebb.files import read_bytes
from ebb_train import optional
from ebb_train.export.tflite.graph import read_graph

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb_train.export.tflite.graph import Graph, Tensor

Engine: TypeAlias = Literal["plain", "lean", "gpu"]
"""plain: the interpreter with its defaults. lean: ``CompiledModel``, with tables of pointers computed in
every
run. gpu: ``CompiledModel`` on the GPU only."""

TRANSIENT_INDIRECTION = 0x23
"""Flags of the XNNPACK delegate: compute the tables of pointers in every run (0x20), and the two default
flags,
which would otherwise be replaced and without which int8 convolutions are slow."""


class LiteRtRunner(Protocol):
    """A loaded file."""

    def __call__(self, photo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run it on an input of the shape of the file."""
        ...


class Interpreted:
    """A file in the classic interpreter.

    Args:
        path: The file.
        threads: Number of threads.
    """

    def __init__(self, path: Path, threads: int) -> None:
        litert = optional.litert("interpreter")
        self._model = litert.Interpreter(model_path=str(path), num_threads=threads)
        self._model.allocate_tensors()
        self._input = self._model.get_input_details()[0]["index"]
        self._output = self._model.get_output_details()[0]["index"]

    def __call__(self, photo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run it."""
        self._model.set_tensor(self._input, photo)
        self._model.invoke()
        return np.asarray(self._model.get_tensor(self._output))


class Compiled:
    """A file in LiteRT's ``CompiledModel``.

    Args:
        path: The file.
        shape: Shape of its output.
        options: Options object of LiteRT.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], options: Any) -> None:  # noqa: ANN401 - LiteRT has no types
        self._shape = shape
        self._model = optional.litert("compiled_model").CompiledModel.from_file(str(path), options=options)
        self._inputs = self._model.create_input_buffers(0)
        self._outputs = self._model.create_output_buffers(0)

    def __call__(self, photo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run it."""
        self._inputs[0].write(photo)
        self._model.run_by_index(0, self._inputs, self._outputs)
        picture = self._outputs[0].read(math.prod(self._shape), np.float32)
        return np.asarray(picture).reshape(self._shape)


def open_runner(path: Path, engine: Engine, threads: int) -> tuple[LiteRtRunner, tuple[int, ...]]:
    """Load a file.

    Args:
        path: The file.
        engine: Interpreter or accelerator.
        threads: Number of threads; ignored on the GPU.

    Returns:
        The runner, and the shape of its input.

    Raises:
        InvalidInput: the file does not have one float32 input and output of fixed shape.
        MissingDependency: LiteRT is not installed.
        RuntimeError: LiteRT refuses the file.
    """
    start, end = single_ends(read_graph(read_bytes(path), path), path)
    if engine == "plain":
        return Interpreted(path, threads), start.shape
    litert = optional.litert("compiled_model")
    where = litert.HardwareAccelerator
    if engine == "gpu":
        options = litert.Options(hardware_accelerators=where.GPU)
    else:
        cpu = litert.CpuOptions(num_threads=threads, xnnpack_flags=TRANSIENT_INDIRECTION)
        options = litert.Options(hardware_accelerators=where.CPU, cpu_options=cpu)
    return Compiled(path, end.shape, options), start.shape


def single_ends(graph: Graph, path: Path | None = None) -> tuple[Tensor, Tensor]:
    """The only input and the only output of a file, both float32 and of fixed shape.

    Raises:
        InvalidInput: the file has other inputs or outputs.
    """
    ends = graph.present(graph.inputs), graph.present(graph.outputs)
    if any(len(end) != 1 or end[0].type != "FLOAT32" or end[0].dynamic for end in ends):
        raise InvalidInput("not a file with one float32 input and output of a fixed shape", path=path)
    return ends[0][0], ends[1][0]
