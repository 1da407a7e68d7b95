"""The moving average of the weights."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ebb_train.training.ema import WARM_UP, moving_average


def network(value: float) -> nn.Linear:
    made = nn.Linear(1, 1)
    set_to(made, value)
    return made


def set_to(net: nn.Linear, value: float) -> None:
    with torch.no_grad():
        net.weight.fill_(value)


def weight(net: nn.Module) -> float:
    return float(net.get_parameter("module.weight").detach())


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40), st.floats(0.01, 0.999))
def test_the_average_is_the_recursion(values: list[float], decay: float) -> None:
    net = network(1.0)
    average, expected = moving_average(net, decay), 1.0
    for number, value in enumerate(values):
        set_to(net, value)
        average.update_parameters(net)
        now = min(decay, (1 + number) / (WARM_UP + number))
        expected = now * expected + (1 - now) * value
    assert weight(average) == pytest.approx(expected, abs=1e-4)


def test_the_average_stays_within_the_range_of_its_values() -> None:
    net = network(0.0)
    average = moving_average(net, 0.9)
    for _ in range(200):
        set_to(net, 1.0)
        average.update_parameters(net)
    assert weight(average) == pytest.approx(1.0, abs=1e-5)


def test_the_network_keeps_its_weights() -> None:
    net = network(1 / 3)
    before = copy.deepcopy(net.state_dict())
    average = moving_average(net, 0.5)
    average.update_parameters(net)
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())


def test_state_is_restored() -> None:
    net = network(1.0)
    one = moving_average(net, 0.9)
    for value in (2.0, 3.0):
        set_to(net, value)
        one.update_parameters(net)
    other = moving_average(network(7.0), 0.9)
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for average in (one, other):
        set_to(net, -4.0)
        average.update_parameters(net)
    assert weight(one) == weight(other)
