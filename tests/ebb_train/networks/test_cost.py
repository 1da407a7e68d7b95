"""Multiply-adds of networks."""

from __future__ import annotations

import pytest

from ebb_train.networks.cost import multiply_adds
from ebb_train.networks.spec import NetworkConfig


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("bokehlicious-small", 142 + 109),
        ("dddf", 1371),
        ("dmshn", 513),
        ("yang-style", 1106),
        ("zheng-style", 304),
    ],
)
def test_published_and_counted_work_for_a_large_photo(name: str, billions: float) -> None:
    """Of 1024 x 1536 pixels: convolutions and linear layers, and for Bokehlicious attention products."""
    found = multiply_adds(NetworkConfig(model=name), 1024, 1536)
    assert found / 1e9 == pytest.approx(billions, abs=0.6)


def test_a_part() -> None:
    config = NetworkConfig(model="xiong-style")
    whole, member = multiply_adds(config, 64, 64), multiply_adds(config, 64, 64, "members.0")
    assert whole == 5 * member
    assert multiply_adds(config, 1024, 1536, "members.4") / 1e9 == pytest.approx(323, abs=0.6)
