"""PyTorch devices and out-of-memory errors."""

from __future__ import annotations

import importlib.util
import re
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
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", path=path, hint=hint) from error
    except Exception as error:  # damaged files raise whatever the instruction that reads them raises
        message = "not a weights file of PyTorch, a damaged one, or one that holds more than tensors"
        raise InvalidInput(message, path=path, hint=hint) from error


def load_state(path: Path, hint: str = "") -> dict[str, torch.Tensor]:
    """Read a state dict that ``torch.save`` wrote.

    Raises:
        InvalidInput: as :func:`load_file`, or the file holds something other than named tensors.
    """
    from torch import Tensor

    state = load_file(path, hint)
    is_state = isinstance(state, Mapping) and all(
        isinstance(name, str) and isinstance(values, Tensor) for name, values in state.items()
    )
    if not is_state:
        raise InvalidInput("holds something other than named tensors", path=path, hint=hint)
    return dict(cast("Mapping[str, torch.Tensor]", state))


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
