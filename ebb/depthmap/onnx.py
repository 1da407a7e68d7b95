"""Monocular depth networks in ONNX files: MiDaS, DPT, Depth Anything and others."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.depthmap.estimator import Estimator, InputSize, not_taken
from ebb.errors import InvalidInput, MissingDependency, UsageError, install_extra
from ebb.normalisation import NORMALISATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.settings import DepthSettings

DEFAULT_SIDE = 518
"""Shorter side of the input for networks that accept any size: that of Depth Anything."""

DEFAULT_MULTIPLE = 14

_DTYPES: dict[str, type[np.floating[Any]]] = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class _Input(NamedTuple):
    """Description of the network's input."""

    name: str
    dtype: type[np.floating[Any]]
    channels_first: bool
    fixed: Size | None
    """None: any size."""
    one_by_one: bool
    """Whether the batch size is 1."""


def load_onnx(path: Path, settings: DepthSettings) -> Estimator:
    """Open an ONNX file as a depth provider.

    The input must be an RGB photo in floats, (N, 3, H, W) or (N, H, W, 3); a fixed size is used as it is. The
    first output must be one value per pixel: (N, H, W), (N, 1, H, W), (N, H, W, 1) or (H, W). Files do not
    describe normalisation and output, so the settings do; their defaults are those of Depth Anything.

    Raises:
        MissingDependency: onnxruntime is not installed.
        InvalidInput: the file is not an ONNX file, or not such a network.
        UsageError: there is no such device, or the network's input has another size than ``--model-size``.
    """
    session = _open(path, settings.device)
    try:
        entry = _input(session, path)
        network = _Network(session, entry, path)
    except (UnicodeDecodeError, IndexError) as error:  # a name that is not text, or no output
        raise InvalidInput(f"not a usable ONNX file: {error}", path=path) from error
    return Estimator(
        name="onnx",
        network=network,
        size=_input_size(entry, settings),
        normalisation=settings.normalisation or NORMALISATIONS["imagenet"],
        output="inverse" if settings.model_output == "auto" else settings.model_output,
    )


class _Network:
    """Runs the session; see :data:`ebb.depthmap.estimator.Network`."""

    def __init__(self, session: Any, entry: _Input, path: Path) -> None:  # noqa: ANN401 - onnxruntime has no types
        self._session, self._entry, self._path = session, entry, path
        self._output = session.get_outputs()[0].name

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        pixels = batch if self._entry.channels_first else batch.transpose(0, 2, 3, 1)
        groups = np.split(pixels, len(pixels)) if self._entry.one_by_one else [pixels]
        return np.concatenate([self._run(np.ascontiguousarray(group)) for group in groups])

    def _run(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            found = self._session.run([self._output], {self._entry.name: pixels.astype(self._entry.dtype)})[0]
        except _errors() as error:
            raise not_taken(pixels.shape, error) from error
        depth = np.asarray(found)
        if depth.ndim == 4:
            depth = depth.squeeze(axis=1 if depth.shape[1] == 1 else 3) if 1 in depth.shape[1::2] else depth
        depth = depth[None] if depth.ndim == 2 else depth
        if depth.ndim != 3 or len(depth) != len(pixels) or depth.dtype.kind not in "fiu":
            message = f"its first output has the shape {np.shape(found)}, which is not a depth map"
            raise InvalidInput(message, path=self._path)
        return depth.astype(np.float32)


def _open(path: Path, device: str) -> Any:  # noqa: ANN401 - onnxruntime has no types
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(
            f"the Python package onnxruntime cannot be imported: {error}", hint=install_extra("onnx")
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = _num_threads()
    providers = _execution_providers(device, onnxruntime.get_available_providers())
    try:
        return onnxruntime.InferenceSession(path, sess_options=options, providers=providers)
    except _errors() as error:
        raise InvalidInput(f"not a usable ONNX file: {_first_line(error)}", path=path) from error


def _num_threads() -> int:
    """Number of threads of other libraries: a worker's share of the cores, or otherwise all."""
    share = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return int(share) if share.isdecimal() and int(share) > 0 else len(os.sched_getaffinity(0))


def _execution_providers(device: str, available: list[str]) -> list[Any]:
    """Execution providers of a device, with the CPU as fallback for operators that a GPU does not support."""
    has_cuda = "CUDAExecutionProvider" in available
    if device == "cpu" or (device == "auto" and not has_cuda):
        return ["CPUExecutionProvider"]
    if not has_cuda:
        hint = "pip install onnxruntime-gpu in place of onnxruntime, or --device cpu"
        raise UsageError(f"cannot compute on {device!r}: this onnxruntime has no CUDA", hint=hint)
    number = int(device.partition(":")[2] or 0)
    return [("CUDAExecutionProvider", {"device_id": number}), "CPUExecutionProvider"]


def _input(session: Any, path: Path) -> _Input:  # noqa: ANN401
    """Read the description of the network's input."""
    entries = session.get_inputs()
    if len(entries) != 1 or len(entries[0].shape) != 4 or entries[0].type not in _DTYPES:
        found = ", ".join(f"{entry.name} {entry.type}{entry.shape}" for entry in entries)
        raise InvalidInput(f"expected one input of 4 axes in floats, got {found or 'none'}", path=path)
    batch, *sides = entries[0].shape
    channels_first = sides[0] == 3 or sides[2] != 3
    channels, height, width = sides if channels_first else (sides[2], *sides[:2])
    if channels not in (3, None) and not isinstance(channels, str):
        raise InvalidInput(f"expected an RGB input, got {channels} channels", path=path)
    if isinstance(height, int) != isinstance(width, int) or (isinstance(batch, int) and batch != 1):
        raise InvalidInput(f"cannot fill an input of shape {entries[0].shape}", path=path)
    fixed = Size(width, height) if isinstance(height, int) else None
    return _Input(entries[0].name, _DTYPES[entries[0].type], channels_first, fixed, isinstance(batch, int))


def _input_size(entry: _Input, settings: DepthSettings) -> InputSize:
    if entry.fixed is None:
        side = settings.model_size or DEFAULT_SIDE
        return InputSize(Size(side, side), multiple=settings.model_multiple or DEFAULT_MULTIPLE)
    if settings.model_size not in (0, min(entry.fixed)):
        width, height = entry.fixed
        raise UsageError(
            f"--model-size {settings.model_size}: this network takes {width} x {height} only",
            hint="omit --model-size",
        )
    return InputSize(entry.fixed, keep_aspect=False)


def _errors() -> tuple[type[Exception], ...]:
    """The exceptions of onnxruntime, which have no common base class."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    # a message that quotes a damaged name is not UTF-8
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoSuchFile", "NotImplemented")
    return (*(getattr(state, name) for name in (*names, "RuntimeException")), UnicodeDecodeError)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
