"""Mistakes that are reported before PyTorch is imported."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput, MissingDependency, UsageError
from ebb_train.settings import FitSettings
from ebb_train.training.early_checks import check_inputs
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from pathlib import Path


def test_paths_come_before_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    dataset = write_set(tmp_path / "set", [[record(0)]])
    with pytest.raises(UsageError, match="nosuch"):
        check_inputs(dataset, FitSettings(schedule="nosuch"))
    with pytest.raises(UsageError, match="no network is called 'dmsn'"):
        check_inputs(dataset, FitSettings(), "dmsn")
    with pytest.raises(MissingDependency):
        check_inputs(dataset, FitSettings(schedule="its own, checked later"), "dmshn")
    with pytest.raises(InvalidInput, match="gone: no such folder"):
        check_inputs(tmp_path / "gone", FitSettings())
    with pytest.raises(MissingDependency, match=r"ebb-bokeh\[train\]"):
        check_inputs(dataset, FitSettings())


def test_a_run_that_can_begin(tmp_path: Path) -> None:
    check_inputs(write_set(tmp_path / "set", [[record(0)]]), FitSettings())
