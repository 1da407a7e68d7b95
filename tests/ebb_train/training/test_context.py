"""What a run computes with, and when its folder is held."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ebb.errors import DatasetLocked, UsageError
from ebb_train.data.sources import open_source
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings
from ebb_train.stages import read_schedule
from ebb_train.training.context import open_context, run_identity
from tests.helpers.datasets import record, write_set

CONFIG = PyNetConfig(level=6, width=1 / 64)
SETTINGS = FitSettings(schedule="paper")
COMPUTE = ComputeSettings(device="cpu", loaders=0)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set"), [[record(0), record(1)]])


def test_the_context_is_complete(dataset: Path, tmp_path: Path) -> None:
    with open_context(dataset, tmp_path / "run", CONFIG, SETTINGS, COMPUTE) as context:
        assert [(row.level, row.crop) for row in context.schedule.rows] == [(7, 64), (6, 64)]
        assert context.settings.weight_init == "fan_in"  # "auto" is resolved: the run folder records it
        assert context.vgg is None
        assert context.folder is not None
        assert context.fabric.device.type == "cpu"
        assert len(context.source) == 2
    assert json.loads((tmp_path / "run" / "run.json").read_text()) == context.identity


def test_the_folder_is_locked_while_the_context_is_open(dataset: Path, tmp_path: Path) -> None:
    with (
        open_context(dataset, tmp_path, CONFIG, SETTINGS, COMPUTE),
        pytest.raises(DatasetLocked),
        open_context(dataset, tmp_path, CONFIG, SETTINGS, COMPUTE),
    ):
        pass
    with open_context(dataset, tmp_path, CONFIG, SETTINGS, COMPUTE):
        pass


def test_an_invalid_schedule_creates_no_folder(dataset: Path, tmp_path: Path) -> None:
    three = ComputeSettings(device="cpu", devices=3)
    with (
        pytest.raises(UsageError, match="level 7: a batch of 50 does not divide among 3 devices"),
        open_context(dataset, tmp_path / "run", CONFIG, SETTINGS, three),
    ):
        pass
    assert not (tmp_path / "run").exists()


def test_the_identity_has_all_that_affects_the_weights_and_no_path(dataset: Path) -> None:
    schedule, source = read_schedule("paper").down_to(6), open_source(dataset)
    one = run_identity(CONFIG, schedule, SETTINGS, source)
    assert run_identity(CONFIG, schedule, replace(SETTINGS, schedule="paper.toml"), source) == one
    assert run_identity(CONFIG, schedule.with_crop(128, 64), SETTINGS, source) != one
    assert run_identity(CONFIG, schedule, replace(SETTINGS, ema=0.9), source) != one
    assert str(dataset) not in json.dumps(one)
