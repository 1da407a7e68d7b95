"""The moving average of the weights."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ebb_train.training.ema import WARM_UP, MovingAverage


def network(value: float) -> nn.Linear:
    made = nn.Linear(1, 1)
    set_to(made, value)
    return made


def set_to(net: nn.Linear, value: float) -> None:
    with torch.no_grad():
        net.weight.fill_(value)


def averaged(average: MovingAverage, net: nn.Linear) -> float:
    with average.instead(net):
        return float(net.weight.detach())


@given(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=40), st.floats(0.01, 0.999))
def test_the_average_is_the_recursion(values: list[float], decay: float) -> None:
    net = network(1.0)
    average, expected = MovingAverage(net, decay), 1.0
    for number, value in enumerate(values):
        set_to(net, value)
        average.update(net)
        now = min(decay, (1 + number) / (WARM_UP + number))
        expected = now * expected + (1 - now) * value
    assert averaged(average, net) == pytest.approx(expected, abs=1e-4)


def test_it_stays_between_the_values_it_has_seen() -> None:
    net = network(0.0)
    average = MovingAverage(net, 0.9)
    for _ in range(200):
        set_to(net, 1.0)
        average.update(net)
    assert averaged(average, net) == pytest.approx(1.0, abs=1e-5)


def test_the_weights_come_back_to_the_bit_also_after_an_error() -> None:
    net = network(0.1)
    average = MovingAverage(net, 0.5)
    set_to(net, 1 / 3)
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(KeyError), average.instead(net):
        assert float(net.weight.detach()) == pytest.approx(0.1)
        raise KeyError
    assert all(torch.equal(values, before[name]) for name, values in net.state_dict().items())


def test_what_is_not_trained_is_left_alone() -> None:
    net = network(1.0)
    net.weight.requires_grad_(False)
    average = MovingAverage(net, 0.5)
    set_to(net, 5.0)
    average.update(net)
    assert averaged(average, net) == 1.0


def test_state_comes_back() -> None:
    net = network(1.0)
    one = MovingAverage(net, 0.9)
    for value in (2.0, 3.0):
        set_to(net, value)
        one.update(net)
    other = MovingAverage(network(7.0), 0.9)
    other.load_state(copy.deepcopy(one.state()))
    for average in (one, other):
        set_to(net, -4.0)
        average.update(net)
    assert averaged(one, net) == averaged(other, net)
