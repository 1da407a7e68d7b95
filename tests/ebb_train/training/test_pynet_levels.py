"""Where the network of a level starts from, and what training knows of PyNET."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.data.sources import open_source
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig, output_size
from ebb_train.settings import SCHEDULES, FitSettings, LevelPlan
from ebb_train.training.eta import level_cost
from ebb_train.training.pynet_levels import PyNetLevels, initial_pynet
from tests.helpers.datasets import record, write_set

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


def test_what_training_knows_of_a_level() -> None:
    levels, plan = PyNetLevels(CONFIG), LevelPlan(level=3, iterations=1, batch=2, crop=128)
    crops = levels.crops(plan, FitSettings(seed=5, augment="flips"))
    assert (crops.level, crops.side, crops.in_channels) == (3, 128, 4)
    assert (crops.seed, crops.augment, crops.position) == (5, "flips", False)
    assert crops.target_size(64, 64) == output_size(3, 64, 64)
    assert levels.step_cost(plan) == level_cost(CONFIG, plan)
    photo, planes = levels.noise(plan, 2)
    assert (tuple(photo.shape), planes) == ((2, 4, 64, 64), {})
    assert levels.settled(FitSettings()).weight_init == "fan_in"
    levels.check_sizes(levels.schedule(FitSettings()))


def test_the_schedule_ends_at_the_last_level() -> None:
    levels = PyNetLevels(replace(CONFIG, level=6))
    assert levels.schedule(FitSettings(schedule="short")) == SCHEDULES["short"].down_to(6)
    with pytest.raises(UsageError, match="no schedule 'long'"):
        levels.schedule(FitSettings(schedule="long"))


def test_missing_depth(tmp_path: Any) -> None:
    write_set(tmp_path / "set", [[record(0, has_depth=False)]])
    source = open_source(tmp_path / "set")
    PyNetLevels(replace(CONFIG, in_channels=3)).for_data(source)
    with pytest.raises(InvalidInput, match="has no depth map"):
        PyNetLevels(CONFIG).for_data(source)
