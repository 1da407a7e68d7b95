"""Reading and writing of the authors' TensorFlow checkpoint of PyNET.

TensorFlow 1 numbered variables in the order of their creation: ``generator/Variable``,
``generator/Variable_1``, … The list of layers has the same order, so the numbers follow from the network
itself. TensorFlow stores the weights of a convolution as (height, width, in, out) and those of a transposed
convolution as (height, width, out, in); both are PyTorch's layout with the axes reversed in pairs, and
neither kernel is flipped.
"""

from __future__ import annotations

import errno
import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput, OutputError, UsageError
from ebb.files import cannot_write, check_writable, make_folder
from ebb_train import optional
from ebb_train.models.archive import MAX_BYTES, unpacked
from ebb_train.models.pynet import PAPER, PyNetConfig, layers
from ebb_train.models.weights import PYNET, About, Tensors, read_pynet, save_weights

if TYPE_CHECKING:
    from pathlib import Path

SCOPE = "generator"
"""Scope of the network's variables; others in a checkpoint belong to the training."""

LICENCE = (
    "the weights that the authors publish (Ignatov et al. 2020) are for non-commercial research only: "
    "CC BY-NC-SA"
)

_HINT = "is it a checkpoint of level 1, with these input channels, normalisation and width?"
_GENERATOR_VARIABLE = re.compile(rf"{SCOPE}/Variable(_\d+)?")
_CHECKPOINT_FILE = re.compile(r"\.(index|meta|data-\d{5}-of-\d{5})$")
_TO_PYTORCH, _TO_TENSORFLOW = (3, 2, 0, 1), (2, 3, 1, 0)


@dataclass(frozen=True)
class Variable:
    """A variable of the authors' graph and the corresponding parameter."""

    name: str
    """``generator/Variable_7``."""
    kind: str
    """conv, tconv, bias, shift or scale."""
    shape: tuple[int, ...]
    """In TensorFlow's layout."""
    parameter: str
    """Name in the state dict."""


def variables(config: PyNetConfig = PAPER) -> list[Variable]:
    """The variables of the authors' graph in the order of their creation, 440 for the network of the paper.

    Raises:
        UsageError: the config does not reach level 1; the authors publish level 1 only.
    """
    if config.level != 1:
        raise UsageError(f"level {config.level}: the authors' format holds all levels down to 1")
    found: list[Variable] = []
    for layer in layers(config):
        for part, shape in layer.tensors.items():
            number = f"_{len(found)}" if found else ""
            kind = ("tconv" if layer.kind == "up" else "conv") if part == "weight" else part
            theirs = tuple(shape[axis] for axis in _TO_TENSORFLOW) if len(shape) == 4 else shape
            found.append(Variable(f"{SCOPE}/Variable{number}", kind, theirs, f"{layer.name}.{part}"))
    return found


def checkpoint_to_weights(prefix: Path, path: Path, config: PyNetConfig = PAPER) -> str:
    """Convert a checkpoint of the authors' code to a weights file.

    Args:
        prefix: Common prefix of the checkpoint's files, one of these files, or the authors' archive.
        path: Weights file to write.
        config: Configuration of the network in the checkpoint.

    Returns:
        SHA-256 of the weights file.

    Raises:
        UsageError: ``path`` does not end in .safetensors.
        InvalidInput: there is no such checkpoint, or a variable is missing or has another shape.
        MissingDependency: TensorFlow is not installed.
        OutputError: the weights file cannot be written.
    """
    check_writable(path, ".safetensors")
    variables(config)  # raises for other levels, before the file is read
    with unpacked(prefix) as inside:
        tensors = from_official(read_checkpoint(inside), config, prefix)
        source = f"TensorFlow checkpoint {_prefix(inside).name}"
    return save_weights(
        path, tensors, About(network=PYNET, config=config.as_dict(), source=source, licence=LICENCE)
    )


def weights_to_checkpoint(path: Path, prefix: Path) -> int:
    """Convert a weights file to a checkpoint that the authors' code can restore.

    Args:
        path: Weights file of a network with level 1.
        prefix: Common prefix of the two files to write.

    Returns:
        Number of variables written.

    Raises:
        InvalidInput: the file is not a weights file of PyNET.
        UsageError: the network does not reach level 1.
        MissingDependency: TensorFlow is not installed.
        OutputError: the checkpoint cannot be written.
    """
    check_writable(prefix.with_name(f"{prefix.name}.index"))
    tensors, config = read_pynet(path)
    theirs = to_official(tensors, config)
    write_checkpoint(prefix, theirs)
    return len(theirs)


def from_official(values: Tensors, config: PyNetConfig, path: Path | None = None) -> Tensors:
    """Convert names and layout of the authors' variables to those of the parameters.

    Raises:
        InvalidInput: a variable is missing, unknown or of another shape; the message names it.
    """
    wanted = variables(config)
    tensors = {}
    for variable in wanted:
        found = values.get(variable.name)
        if found is None or found.shape != variable.shape:
            has = "missing" if found is None else f"of shape {found.shape}"
            need = f"{variable.parameter} of shape {variable.shape}"
            raise InvalidInput(f"{variable.name} is {has}; it should be {need}", path=path, hint=_HINT)
        order = _TO_PYTORCH if found.ndim == 4 else range(found.ndim)
        tensors[variable.parameter] = np.ascontiguousarray(found.transpose(*order))
    if extra := sorted(set(values) - {variable.name for variable in wanted}):
        message = f"{len(extra)} variables are not in the network, such as {extra[0]}"
        raise InvalidInput(message, path=path, hint=_HINT)
    return tensors


def to_official(tensors: Tensors, config: PyNetConfig) -> Tensors:
    """Convert names and layout of the parameters to those of the authors' variables, in order of creation.

    Raises:
        UsageError: the config does not reach level 1.
    """
    theirs = {}
    for variable in variables(config):
        values = tensors[variable.parameter]
        order = _TO_TENSORFLOW if values.ndim == 4 else range(values.ndim)
        theirs[variable.name] = np.ascontiguousarray(values.transpose(*order))
    return theirs


def read_checkpoint(prefix: Path) -> Tensors:
    """Read the network's variables from a TensorFlow checkpoint by name, without those of the optimiser.

    Raises:
        InvalidInput: there is no such checkpoint, or it cannot be read.
        MissingDependency: TensorFlow is not installed.
    """
    prefix = _prefix(prefix)
    # TensorFlow 1 could also write the older format, one file without suffix
    if not any(path.is_file() for path in (prefix, prefix.with_name(f"{prefix.name}.index"))):
        hint = f"give the prefix before .index: {prefix.name}.index, {prefix.name}.data-00000-of-00001"
        raise InvalidInput("no TensorFlow checkpoint has this prefix", path=prefix, hint=hint)
    tf = optional.tensorflow()
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        names = sorted(name for name in shapes if _GENERATOR_VARIABLE.fullmatch(name))
        _check_num_bytes(sum(4 * math.prod(shapes[name]) for name in names), prefix)
        return {name: np.asarray(reader.get_tensor(name), np.float32) for name in names}
    except InvalidInput:
        raise
    except Exception as error:  # TensorFlow converts status codes to many types, such as IndexError
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InvalidInput(f"not a TensorFlow checkpoint, or a damaged one: {reason}", path=prefix) from error


def _check_num_bytes(num_bytes: int, prefix: Path) -> None:
    if num_bytes > MAX_BYTES:
        raise InvalidInput(f"its variables take {num_bytes / 1e9:.0f} GB; PyNET's do not", path=prefix)


def write_checkpoint(prefix: Path, values: Tensors) -> None:
    """Write variables as ``PREFIX.index`` and ``PREFIX.data-00000-of-00001``.

    Raises:
        OutputError: the variables cannot be written.
        MissingDependency: TensorFlow is not installed.
    """
    tf = optional.tensorflow()
    make_folder(prefix.parent)
    try:
        tf.raw_ops.SaveV2(
            prefix=str(prefix),
            tensor_names=list(values),
            shape_and_slices=[""] * len(values),
            tensors=[tf.constant(value) for value in values.values()],
        )
    except tf.errors.OpError as error:
        if os.strerror(errno.ENOSPC) in error.message:
            raise cannot_write(prefix, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))) from error
        reason = re.sub(r"^{{.*?}} *| *\[Op:\w*\]$", "", error.message)
        raise OutputError(f"cannot write the checkpoint: {reason}", path=prefix) from error


def _prefix(path: Path) -> Path:
    """The prefix, also if the path is that of one of the checkpoint's files."""
    return path.with_name(_CHECKPOINT_FILE.sub("", path.name))
