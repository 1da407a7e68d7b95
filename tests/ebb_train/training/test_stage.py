"""The trainer of a stage, and its batches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import torch
from lightning_fabric import Fabric

from ebb_train.data.dataset import Batch
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings, LevelPlan
from ebb_train.training.checkpoint import Position, newest_checkpoint, save_checkpoint
from ebb_train.training.pynet_levels import PyNetLevels
from ebb_train.training.stage import stage_trainer

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.training.context import TrainingContext

CONFIG = PyNetConfig(width=1 / 64)


def test_a_level_resumes_with_the_weights_and_the_optimizer_of_its_checkpoint(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    plan = LevelPlan(level=7, iterations=2, batch=1, crop=64)
    context = cast(
        "TrainingContext",
        SimpleNamespace(
            architecture=PyNetLevels(CONFIG),
            settings=FitSettings(),
            compute=ComputeSettings(),
            fabric=Fabric(accelerator="cpu", devices=1),
            vgg=None,
        ),
    )
    batch = Batch(
        torch.full((1, 4, 32, 32), 99, dtype=torch.uint8),
        torch.full((1, 3, 1, 1), 9, dtype=torch.uint8),
        ("a",),
    )
    trainer = stage_trainer(context, plan, None, None)
    trainer.step(iter([batch]))
    position = Position(stage="level-7", step=1, total=1)
    save_checkpoint(tmp_path, trainer.network, trainer.state(), position, {})
    resumed = stage_trainer(context, plan, None, newest_checkpoint(tmp_path, {}, lambda _: None))
    for one in (trainer, resumed):
        one.step(iter([batch]))
    assert all(map(torch.equal, trainer.network.parameters(), resumed.network.parameters()))
