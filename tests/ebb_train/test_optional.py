"""Packages of the extras."""

from __future__ import annotations

import contextlib
import os
import sys

import pytest

from ebb.errors import ExitCode, MissingDependency
from ebb_train import optional


def test_missing_packages_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, get, extra in (
        ("lightning_fabric", optional.fabric, "train"),
        ("tensorflow", optional.tensorflow, "tflite"),
        ("safetensors", optional.safetensors, "train"),
        ("torch", optional.torch, "train"),
        ("onnx", optional.onnx, "onnx"),
        ("onnxruntime", optional.onnxruntime, "onnx"),
        ("scipy.stats", lambda: optional.scipy_module("stats"), "study"),
        ("statsmodels.stats", lambda: optional.statsmodels_module("stats"), "study"),
        ("ai_edge_litert.interpreter", lambda: optional.litert("interpreter"), "tflite"),
    ):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(
            MissingDependency, match=rf"is not installed \(pip install 'ebb-bokeh\[{extra}\]'\)"
        ) as caught:
            get()
        assert caught.value.exit_code == ExitCode.MISSING


def test_installed_packages_are_imported() -> None:
    assert optional.safetensors().numpy.save({}) == b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "


def test_standard_error_is_restored_after_silencing(capfd: pytest.CaptureFixture[str]) -> None:
    with contextlib.suppress(ImportError), optional.silent_stderr():
        os.write(2, b"lost\n")
        raise ImportError
    os.write(2, b"seen\n")
    assert capfd.readouterr().err == "seen\n"


def test_standard_error_can_be_used_while_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    with optional.silent_stderr() as stderr:
        with optional.stderr_to(stderr):
            os.write(2, b"heard\n")
        os.write(2, b"lost\n")
    assert capfd.readouterr().err == "heard\n"
