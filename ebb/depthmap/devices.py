"""Where networks of PyTorch run, and whether a package is there."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, TypeVar

from ebb.errors import MissingDependency, UsageError

if TYPE_CHECKING:
    from torch import nn

Network = TypeVar("Network", bound="nn.Module")


def torch_device(device: str) -> str:
    """Where PyTorch runs for ``--device``: ``auto`` is the GPU if there is one.

    Raises:
        MissingDependency: PyTorch is not installed.
    """
    if device != "auto":
        return device
    check_installed("torch", "depth")
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def to_device(network: Network, device: str) -> Network:
    """Bring a network of PyTorch where it is to run.

    Raises:
        UsageError: there is no such device, or PyTorch was built without it.
    """
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for the device
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot calculate on {device!r}: {reason}", hint="try --device cpu") from error


def on_gpu(device: str) -> bool:
    """Whether ``--device`` means a GPU here, as far as PyTorch, if it is installed, knows."""
    if device == "auto":
        return importlib.util.find_spec("torch") is not None and on_gpu(torch_device(device))
    return device.startswith("cuda")


def check_installed(package: str, extra: str) -> None:
    """Make sure that an optional package is there, without importing it.

    Raises:
        MissingDependency: it is not; the hint holds the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingDependency(
            f"the Python package {package} is missing", hint=f"pip install 'ebb[{extra}]'"
        )
