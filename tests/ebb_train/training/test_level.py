"""Where the network of a level starts from."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch

from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import FitSettings, LevelPlan
from ebb_train.training.level import Ground, Level

if TYPE_CHECKING:
    from ebb_train.training.checkpoint import Checkpoint

CONFIG = PyNetConfig(width=1 / 64)


def first_network(level: int, before: PyNet | None = None, **settings: object) -> PyNet:
    ground = SimpleNamespace(config=CONFIG, settings=FitSettings(**settings))  # type: ignore[arg-type]
    plan = LevelPlan(level=level, iterations=1, batch=1, crop=64)
    return Level(cast("Ground", ground), plan, total=0, position=0)._network(before, None)


def test_first_weights_are_a_function_of_seed_and_level() -> None:
    torch.manual_seed(1)
    one = first_network(6, seed=3).state_dict()
    torch.manual_seed(2)
    other = first_network(6, seed=3).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    name = "level_7.a1.3x3.0.weight"
    assert not torch.equal(one[name], first_network(6, seed=4).state_dict()[name])
    assert not torch.equal(one[name], first_network(7, seed=3).state_dict()[name])


@pytest.mark.parametrize(("rule", "is_paper"), [("paper", True), ("auto", False), ("fan_in", False)])
def test_the_spread_of_first_weights(rule: str, is_paper: bool) -> None:
    weight = first_network(7, first_weights=rule).get_parameter("encoder.e3.3x3.1.weight")
    assert (float(weight.detach().abs().max()) <= 0.02) == is_paper


def test_a_level_takes_over_the_level_before() -> None:
    before = first_network(7, seed=9)
    after = first_network(6, before, seed=1).state_dict()
    assert all(torch.equal(after[name], values) for name, values in before.state_dict().items())


@pytest.mark.parametrize("rule", ["paper", "fan_in"])
def test_level_1_of_a_thin_network_starts_as_an_enlargement_of_level_2(rule: str) -> None:
    torch.set_num_threads(1)
    before = first_network(2)
    network = first_network(1, before, first_weights=rule)
    photo = torch.rand(1, 4, 32, 32)
    with torch.inference_mode():
        small, large = before(photo), network(photo)
    expected = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    difference = float((large - expected)[..., 2:-2, 2:-2].abs().max())
    assert (difference < 1e-3) == (rule == "fan_in")


def test_a_checkpoint_is_taken_as_it_is() -> None:
    kept = first_network(1, first_network(2), seed=5)
    tensors = {name: values.numpy() for name, values in kept.state_dict().items()}
    checkpoint = SimpleNamespace(tensors=tensors, config=replace(CONFIG, level=1))
    ground = SimpleNamespace(config=CONFIG, settings=FitSettings())
    level = Level(cast("Ground", ground), LevelPlan(level=1, iterations=1, batch=1), total=0, position=0)
    network = level._network(None, cast("Checkpoint", checkpoint))
    assert all(torch.equal(values, kept.state_dict()[name]) for name, values in network.state_dict().items())
