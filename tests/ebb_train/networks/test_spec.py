"""Descriptions of networks."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.networks.spec import NetworkConfig, scaled

CONFIG = NetworkConfig(model="dmshn", width=0.25)


def test_plain_values_and_back() -> None:
    assert NetworkConfig.from_dict(CONFIG.as_dict()) == CONFIG
    whole = NetworkConfig(model="dddf", width=1)
    assert type(whole.as_dict()["width"]) is float
    assert NetworkConfig.from_dict(whole.as_dict()) == whole


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"model": "dmshn"},
        CONFIG.as_dict() | {"depth": 1},
        CONFIG.as_dict() | {"width": "1"},
        CONFIG.as_dict() | {"width": 0.0},
        CONFIG.as_dict() | {"width": math.nan},
        CONFIG.as_dict() | {"photo_height": -1},
    ],
)
def test_other_values_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="not a network config"):
        NetworkConfig.from_dict(values)


def test_widths() -> None:
    for width in (0.0, -1.0, 4.5, math.inf):
        with pytest.raises(UsageError, match=r"is not in \(0, 4\]"):
            NetworkConfig(model="dmshn", width=width)
    assert [scaled(width, 32) for width in (1, 0.25, 0.001)] == [32, 8, 1]
    assert [scaled(width, 32, multiple=8) for width in (1, 0.3, 0.001)] == [32, 8, 8]


def test_differences_are_named() -> None:
    CONFIG.require(CONFIG)
    with pytest.raises(
        InvalidInput, match=r"another network: model is dmshn, not dddf, width is 0.25, not 1.0"
    ):
        CONFIG.require(NetworkConfig(model="dddf"))
