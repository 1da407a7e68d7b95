"""Masks of a segmentation network in an ONNX or TFLite file.

The network takes one RGB photo of floats, (1, 3, h, w) or (1, h, w, 3), and gives a map of any size. One
channel is the probability of the subject. Several channels are classes, of which the first is the background;
values that are not probabilities yet go through a softmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ebb.arrays import Size
from ebb.bokeh.depth_upsampling import upsample_depth
from ebb.errors import InvalidInput
from ebb.files import check_file, sha256_file
from ebb.normalisation import NORMALISATIONS
from ebb_train import optional
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb.normalisation import Normalisation
    from ebb_train.pixels import Floats

SUFFIXES = (".onnx", ".tflite")
"""Of files that :func:`open_segmentation` reads."""
FREE_SIDE = 512
"""Side of the input of networks that take any size."""
MAX_SIDE = 4096
"""Largest side of an input that a file may claim."""
TOLERANCE = 1e-3
"""How far from probabilities values may be that are taken for such."""


class SegmentationRunner(Protocol):
    """A network that was loaded."""

    size: Size
    """Of the input."""

    def __call__(self, photo: Floats) -> Floats:
        """Map (h, w, 3) to classes, (h', w', channels).

        Raises:
            InvalidInput: its output is not a map.
        """
        ...


class Segmentation:
    """Masks by a network.

    Args:
        path: The file.
        normalisation: Of the photo's colours in [0, 1].

    Raises:
        InvalidInput: there is no such file, or it is not such a network.
        MissingDependency: onnxruntime or LiteRT is not installed.
    """

    needs_depth = False

    def __init__(self, path: Path, normalisation: Normalisation = NORMALISATIONS["unit"]) -> None:
        check_file(path, "segmentation network")
        self.name, self.path, self.normalisation = path.stem, path, normalisation
        self._run: SegmentationRunner = (_Onnx if path.suffix.lower() == ".onnx" else _TfLite)(path)

    def __reduce__(self) -> tuple[Callable[..., Segmentation], tuple[Path, Normalisation]]:
        """Pickle as a path: the network is loaded again."""
        return Segmentation, (self.path, self.normalisation)

    def mask(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:  # noqa: ARG002 - of a source
        """The network's mask, its edges along those of the photo; see :mod:`ebb_train.subject.source`.

        Raises:
            InvalidInput: the network's output is not a mask.
        """
        import cv2

        small = to_unit(np.asarray(cv2.resize(wide, self._run.size, interpolation=cv2.INTER_AREA), np.uint8))
        mean, std = (np.asarray(values, np.float32) for values in self.normalisation)
        return upsample_depth(wide, subject_share(self._run((small - mean) / std), self.path))

    def metadata(self) -> dict[str, Any]:
        """The hash of the file, and the normalisation."""
        numbers = [list(values) for values in self.normalisation]
        return {"masks": self.name, "masks_sha256": sha256_file(self.path), "normalisation": numbers}


open_segmentation = Segmentation


def subject_share(classes: Floats, path: Path | None = None) -> Floats:
    """Probability of the subject.

    Args:
        classes: (h, w, channels); one channel: that probability, more: classes, background first.
        path: For messages.

    Returns:
        (h, w), [0, 1].

    Raises:
        InvalidInput: a value is not finite, or a single channel holds no probabilities.
    """
    if not np.isfinite(classes).all():
        raise InvalidInput("the network's output is not finite", path=path)
    if classes.shape[2] == 1:
        share = classes[..., 0]
        if share.min() < -TOLERANCE or share.max() > 1 + TOLERANCE:
            found = f"one channel with values from {share.min():.3g} to {share.max():.3g}"
            raise InvalidInput(
                f"{found}, not probabilities", path=path, hint="end the network with a sigmoid"
            )
        return np.asarray(share.clip(0, 1), np.float32)
    if classes.min() < -TOLERANCE or np.abs(classes.sum(axis=2) - 1).max() > TOLERANCE:
        classes = np.exp(classes - classes.max(axis=2, keepdims=True))
        classes = classes / classes.sum(axis=2, keepdims=True)
    return np.asarray((1 - classes[..., 0]).clip(0, 1), np.float32)


class _Layout(NamedTuple):
    """Shape of the input of a network."""

    size: Size
    channels_first: bool

    def arranged(self, photo: Floats) -> Floats:
        """(h, w, 3) as the network takes it."""
        return np.ascontiguousarray(photo.transpose(2, 0, 1) if self.channels_first else photo)[None]

    def as_classes(self, output: Floats, path: Path) -> Floats:
        """The network's output as (h, w, channels); a map without channels has one."""
        maps = output[0] if output.ndim in (3, 4) and len(output) == 1 else output
        if maps.ndim == 2:
            maps = maps[..., None]
        elif maps.ndim == 3 and self.channels_first:
            maps = maps.transpose(1, 2, 0)
        if maps.ndim != 3 or min(maps.shape) < 1 or maps.dtype.kind != "f":
            raise InvalidInput(f"its output of shape {output.shape} is not a map of classes", path=path)
        return np.asarray(maps, np.float32)


def _layout(shape: list[Any], path: Path) -> _Layout:
    """From the shape of the input, whose sides may be names or None."""
    one = len(shape) == 4 and (shape[0] in (1, None) or isinstance(shape[0], str))
    if not one or 3 not in (shape[1], shape[3]):
        raise InvalidInput(f"expected one RGB photo as input, got the shape {shape}", path=path)
    channels_first = shape[1] == 3
    height, width = shape[2:] if channels_first else shape[1:3]
    sides = [side if isinstance(side, int) and side > 0 else FREE_SIDE for side in (width, height)]
    if max(sides) > MAX_SIDE:
        raise InvalidInput(f"an input of {sides[0]} x {sides[1]} pixels; at most {MAX_SIDE}", path=path)
    return _Layout(Size(*sides), channels_first)


def _does_not_run(error: Exception, path: Path) -> InvalidInput:
    return InvalidInput(f"the network does not run: {str(error).partition(chr(10))[0]}", path=path)


class _Onnx:
    """An ONNX file in onnxruntime, on the CPU."""

    def __init__(self, path: Path) -> None:
        runtime = optional.onnxruntime()
        options = runtime.SessionOptions()
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(
                path,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # which prints
            )
            inputs = self._session.get_inputs()
        except Exception as error:  # its exceptions have no common base class
            reason = str(error).partition("\n")[0]
            raise InvalidInput(f"not a usable ONNX file: {reason}", path=path) from error
        if len(inputs) != 1 or inputs[0].type != "tensor(float)":
            found = ", ".join(f"{entry.name} {entry.type}" for entry in inputs)
            raise InvalidInput(f"expected one input of floats, got {found or 'none'}", path=path)
        self._path, self._input, self._layout = path, inputs[0].name, _layout(inputs[0].shape, path)
        self.size = self._layout.size

    def __call__(self, photo: Floats) -> Floats:
        try:
            output = self._session.run(None, {self._input: self._layout.arranged(photo)})[0]
        except Exception as error:  # its exceptions have no common base class
            raise _does_not_run(error, self._path) from error
        return self._layout.as_classes(np.asarray(output), self._path)


class _TfLite:
    """A TFLite file in LiteRT's interpreter, on the CPU."""

    def __init__(self, path: Path) -> None:
        litert = optional.litert("interpreter")
        try:
            self._model = litert.Interpreter(model_path=str(path))
            self._model.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise InvalidInput(f"not a usable TFLite file: {reason}", path=path) from error
        inputs = self._model.get_input_details()
        if len(inputs) != 1 or inputs[0]["dtype"] != np.float32:
            found = ", ".join(f"{entry['name']} {entry['dtype'].__name__}" for entry in inputs)
            raise InvalidInput(f"expected one input of floats, got {found or 'none'}", path=path)
        self._path, self._input = path, inputs[0]["index"]
        self._layout = _layout(inputs[0]["shape"].tolist(), path)
        self.size = self._layout.size

    def __call__(self, photo: Floats) -> Floats:
        try:
            self._model.set_tensor(self._input, self._layout.arranged(photo))
            self._model.invoke()
            output = self._model.get_tensor(self._model.get_output_details()[0]["index"])
        except (ValueError, RuntimeError) as error:
            raise _does_not_run(error, self._path) from error
        return self._layout.as_classes(np.asarray(output), self._path)
