"""Packages of the extras: imported where they are used; when one is missing, the error names its extra."""

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
    """The package safetensors with its NumPy part.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependency("safetensors is not installed", hint=install_extra("train")) from error
    return safetensors


def torch() -> ModuleType:
    """The package PyTorch.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingDependency("PyTorch is not installed", hint=install_extra("train")) from error
    return torch


def fabric() -> ModuleType:
    """Lightning Fabric, and with it PyTorch.

    Raises:
        MissingDependency: one of them is not installed.
    """
    try:
        import lightning_fabric
    except ImportError as error:
        raise MissingDependency(
            "PyTorch or Lightning Fabric is not installed", hint=install_extra("train")
        ) from error
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # each process would say its number
    return lightning_fabric


def tensorboard() -> ModuleType:
    """PyTorch's writer of TensorBoard logs.

    Raises:
        MissingDependency: TensorBoard is not installed.
    """
    # TensorBoard's own switch: with it TensorFlow, where installed, is not imported only to write files
    sys.modules.setdefault("tensorboard.compat.notf", ModuleType("tensorboard.compat.notf"))
    try:
        import torch.utils.tensorboard
    except ImportError as error:
        raise MissingDependency("TensorBoard is not installed", hint=install_extra("train")) from error
    return torch.utils.tensorboard


def tensorflow() -> Any:  # noqa: ANN401 - TensorFlow has no types
    """The package TensorFlow, imported without its start-up notes.

    Raises:
        MissingDependency: it is not installed.
    """
    # nothing is lost: errors come as exceptions, what is left is talk about missing GPUs
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with silent_stderr():
            import tensorflow as tf
    except ImportError as error:
        raise MissingDependency("TensorFlow is not installed", hint=install_extra("tflite")) from error
    return tf


def litert(module: Literal["schema_py_generated", "interpreter", "compiled_model"]) -> Any:  # noqa: ANN401 - LiteRT has no types
    """A module of LiteRT: the schema of TFLite files, or one of its two ways to run them.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        return importlib.import_module(f"ai_edge_litert.{module}")
    except ImportError as error:
        raise MissingDependency("LiteRT is not installed", hint=install_extra("tflite")) from error


def onnx() -> Any:  # noqa: ANN401 - some of its modules have no types
    """The package onnx.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency("onnx is not installed", hint=install_extra("onnx")) from error
    return onnx


def onnxruntime() -> Any:  # noqa: ANN401 - it has no types
    """The package onnxruntime.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency("onnxruntime is not installed", hint=install_extra("onnx")) from error
    return onnxruntime


@contextlib.contextmanager
def silent_stderr() -> Iterator[int]:
    """Lose what C++ code writes to standard error: no setting keeps TensorFlow and LiteRT quiet.

    Yields:
        What standard error was, for :func:`stderr_to`.
    """
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere, stderr_to(nowhere.fileno()):  # noqa: PTH123 - a device, not a file
            yield kept
    finally:
        os.close(kept)


@contextlib.contextmanager
def stderr_to(descriptor: int) -> Iterator[None]:
    """Have standard error go elsewhere for a while."""
    kept = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
