"""PyTorch devices and out-of-memory errors."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from ebb.errors import InvalidInput, UsageError
from ebb.extras import check_installed
from ebb.files import check_regular

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch
    from torch import nn

Module = TypeVar("Module", bound="nn.Module")

_NO_MEMORY = re.compile("out of memory|allocate memory|bad_alloc", re.IGNORECASE)


def torch_device(device: str) -> str:
    """PyTorch device for ``--device``; ``auto`` is the GPU if available.

    Raises:
        MissingDependency: PyTorch is not installed.
    """
    if device != "auto":
        return device
    check_installed("torch", "depth")
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def on_gpu(device: str) -> bool:
    """Whether ``--device`` selects a GPU; ``auto`` does not without PyTorch."""
    if device == "auto":
        return importlib.util.find_spec("torch") is not None and on_gpu(torch_device(device))
    return device.startswith("cuda")


def open_device(device: str) -> torch.device:
    """Open a device and check that it is usable.

    Raises:
        MissingDependency: PyTorch is not installed.
        UsageError: the device does not exist, or PyTorch was built without support for it.
    """
    check_installed("torch", "depth")
    import torch

    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:  # AssertionError: built without the device
        raise _unusable(device, error) from error
    return found


def load_file(path: Path, hint: str = "") -> object:
    """Read a file of ``torch.save`` on the CPU: tensors and plain values only, so that no code in it runs.

    Args:
        path: The file.
        hint: What to do next, for messages.

    Raises:
        InvalidInput: it cannot be read, holds anything else, or is damaged.
    """
    import torch

    try:
        check_regular(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about tensors of other kinds than those of weights files
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", path=path, hint=hint) from error
    except Exception as error:  # damaged files raise whatever the instruction that reads them raises
        message = "not a weights file of PyTorch, a damaged one, or one that holds more than tensors"
        raise InvalidInput(message, path=path, hint=hint) from error


def load_state(path: Path, hint: str = "") -> dict[str, torch.Tensor]:
    """Read a state dict that ``torch.save`` wrote.

    Raises:
        InvalidInput: as :func:`load_file`, or the file holds something other than named, dense tensors of
            real numbers whose values are all stored.
    """
    from torch import Tensor

    state = load_file(path, hint)
    is_state = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(values, Tensor) for name, values in state.items()
    )
    if not is_state:
        raise InvalidInput("holds something other than named tensors", path=path, hint=hint)
    tensors = dict(cast("Mapping[str, torch.Tensor]", state))
    for name, values in tensors.items():
        if fault := _fault(values):
            raise InvalidInput(f"weights {name[:80]}: {fault}", path=path, hint=hint)
    return tensors


def _fault(values: torch.Tensor) -> str:
    """Why a tensor cannot be a parameter of a network; empty if it can."""
    import torch

    if values.is_nested or values.is_quantized or values.layout is not torch.strided:
        return "not a dense tensor"
    real = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32)
    if values.dtype not in real:
        return f"values of type {values.dtype}"
    if values.is_meta or values.numel() * values.element_size() > values.untyped_storage().nbytes():
        return f"fewer values are stored than its shape {tuple(values.shape)} holds"
    return ""


def shapes(state: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor."""
    return {name: tuple(values.shape) for name, values in state.items()}


def matched_state(
    state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], path: Path, hint: str = ""
) -> dict[str, torch.Tensor]:
    """Convert tensors to the types that they have in a network.

    Args:
        state: Result of :func:`load_state`, with the names and shapes of ``wanted``.
        wanted: State dict of the network; its values are not used.
        path: The file, for messages.
        hint: What to do next, for messages.

    Raises:
        InvalidInput: a tensor holds integers in place of floats or the reverse, NaN or infinity.
    """
    found = {}
    for name, like in wanted.items():
        values = state[name]
        if values.is_floating_point() is not like.is_floating_point():
            message = f"weights {name}: {values.dtype} in the file, {like.dtype} in the network"
            raise InvalidInput(message, path=path, hint=hint)
        found[name] = values.to(like.dtype)
        if not found[name].isfinite().all():
            raise InvalidInput(f"weights {name}: not all values are finite", path=path, hint=hint)
    return found


def to_device(network: Module, device: str) -> Module:
    """Move a network to a device.

    Raises:
        UsageError: the device does not exist, or PyTorch was built without support for it.
    """
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        raise _unusable(device, error) from error


def _unusable(device: str, error: Exception) -> UsageError:
    reason = str(error).partition("\n")[0]
    return UsageError(f"cannot compute on {device!r}: {reason}", hint="try --device cpu")


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out; libraries use different types and messages."""
    return _NO_MEMORY.search(str(error)) is not None


@contextmanager
def as_memory_error(what: str) -> Iterator[None]:
    """Convert PyTorch's out-of-memory errors, on CPU and GPU, to :class:`MemoryError`.

    Args:
        what: Purpose of the memory, for the message.

    Raises:
        MemoryError: memory ran out.
    """
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise MemoryError(f"not enough memory for {what}") from error
        raise
