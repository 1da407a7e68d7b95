"""Lazy imports of optional packages, with errors that name the extra to install."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from ebb.errors import MissingDependency, install_extra

if TYPE_CHECKING:
    from collections.abc import Iterator


def safetensors() -> ModuleType:
    """Import safetensors and its NumPy module.

    Raises:
        MissingDependency: safetensors is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependency("safetensors is not installed", hint=install_extra("train")) from error
    return safetensors


def torch() -> ModuleType:
    """Import PyTorch.

    Raises:
        MissingDependency: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependency("PyTorch is not installed", hint=install_extra("train")) from error
    return torch


def fabric() -> ModuleType:
    """Import Lightning Fabric, which imports PyTorch.

    Raises:
        MissingDependency: Lightning Fabric or PyTorch is not installed.
    """
    try:
        import lightning_fabric
    except ImportError as error:
        raise MissingDependency(
            "PyTorch or Lightning Fabric is not installed", hint=install_extra("train")
        ) from error
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # suppresses a message of each process
    return lightning_fabric


def tensorboard() -> ModuleType:
    """Import PyTorch's writer of TensorBoard logs.

    Raises:
        MissingDependency: TensorBoard is not installed.
    """
    # with this module, TensorBoard does not import TensorFlow
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    try:
        import torch.utils.tensorboard
    except ImportError as error:
        raise MissingDependency("TensorBoard is not installed", hint=install_extra("train")) from error
    return torch.utils.tensorboard


def tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    """Import TensorFlow without its start-up messages.

    Raises:
        MissingDependency: TensorFlow is not installed.
    """
    # errors are raised as exceptions; the messages concern missing GPUs
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silent_stderr():
            import tensorflow as tf
    except ImportError as error:
        raise MissingDependency("TensorFlow is not installed", hint=install_extra("tflite")) from error
    return tf


def litert(module: Literal["schema_py_generated", "interpreter", "compiled_model"]) -> Any:  # noqa: ANN401 - LiteRT has no types
    """Import a module of LiteRT: the schema of TFLite files, or one of its two runtimes.

    Raises:
        MissingDependency: LiteRT is not installed.
    """
    try:
        return importlib.import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise MissingDependency("LiteRT is not installed", hint=install_extra("tflite")) from error


def onnx() -> Any:  # noqa: ANN401 - some of its modules have no types
    """Import onnx.

    Raises:
        MissingDependency: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency("onnx is not installed", hint=install_extra("onnx")) from error
    return onnx


def onnxruntime() -> Any:  # noqa: ANN401 - it has no types
    """Import onnxruntime.

    Raises:
        MissingDependency: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency("onnxruntime is not installed", hint=install_extra("onnx")) from error
    return onnxruntime


def scipy_module(name: str) -> Any:  # noqa: ANN401 - SciPy has no types
    """Import a module of SciPy, such as ``stats``.

    Raises:
        MissingDependency: SciPy is not installed.
    """
    return _study_module(f"scipy.{name}", "SciPy")


def statsmodels_module(name: str) -> Any:  # noqa: ANN401 - it has no types
    """Import a module of statsmodels, such as ``stats.proportion``.

    Raises:
        MissingDependency: statsmodels is not installed.
    """
    return _study_module(f"statsmodels.{name}", "statsmodels")


def _study_module(name: str, package: str) -> Any:  # noqa: ANN401 - as above
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingDependency(f"{package} is not installed", hint=install_extra("study")) from error


@contextlib.contextmanager
def silent_stderr() -> Iterator[int]:
    """Discard output of C++ code to standard error, which TensorFlow and LiteRT cannot disable.

    Yields:
        Descriptor of the original standard error, for :func:`stderr_to`.
    """
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere, stderr_to(nowhere.fileno()):  # noqa: PTH123 - a device, not a file
            yield kept
    finally:
        os.close(kept)


@contextlib.contextmanager
def stderr_to(descriptor: int) -> Iterator[None]:
    """Redirect standard error to a descriptor within the context."""
    kept = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
