"""Where the network of a level starts from."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from lightning_fabric import Fabric

from ebb_train.data.dataset import Batch
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import ComputeSettings, FitSettings, LevelPlan
from ebb_train.training.checkpoint import Position, newest_checkpoint, save_checkpoint
from ebb_train.training.pynet_levels import PyNetLevels, initial_pynet
from ebb_train.training.stage import stage_trainer

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.training.context import TrainingContext

CONFIG = PyNetConfig(width=1 / 64)


def first_network(level: int, before: PyNet | None = None, **settings: Any) -> PyNet:
    return initial_pynet(CONFIG, FitSettings(**settings), level, before)


def test_initial_weights_depend_on_seed_and_level() -> None:
    torch.manual_seed(1)
    one = first_network(6, seed=3).state_dict()
    torch.manual_seed(2)
    other = first_network(6, seed=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    name = "level_7.a1.3x3.0.weight"
    assert not torch.equal(one[name], first_network(6, seed=4).state_dict()[name])
    assert not torch.equal(one[name], first_network(7, seed=3).state_dict()[name])


@pytest.mark.parametrize(("rule", "is_paper"), [("paper", True), ("auto", False), ("fan_in", False)])
def test_the_standard_deviation_of_initial_weights(rule: str, is_paper: bool) -> None:
    weight = first_network(7, weight_init=rule).get_parameter("encoder.e3.3x3.1.weight")
    assert (float(weight.detach().abs().max()) <= 0.02) == is_paper


def test_a_level_takes_over_the_level_before() -> None:
    before = first_network(7, seed=9)
    after = first_network(6, before, seed=1).state_dict()
    assert all(torch.equal(after[name], values) for name, values in before.state_dict().items())


@pytest.mark.parametrize("rule", ["paper", "fan_in"])
def test_level_1_of_a_thin_network_starts_as_an_enlargement_of_level_2(rule: str) -> None:
    torch.set_num_threads(1)
    before = first_network(2)
    network = first_network(1, before, weight_init=rule)
    photo = torch.rand(1, 4, 32, 32)
    with torch.inference_mode():
        small, large = before(photo), network(photo)
    expected = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    difference = float((large - expected)[..., 2:-2, 2:-2].abs().max())
    assert (difference < 1e-3) == (rule == "fan_in")


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
