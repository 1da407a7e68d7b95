"""Networks by name: counts of parameters and multiply-adds, and their schedules."""

from __future__ import annotations

import pytest
import torch

from ebb.errors import UsageError
from ebb_train.networks.photo_network import PhotoNetwork
from ebb_train.networks.registry import NETWORKS, PYNET, check_name, find_spec
from ebb_train.networks.spec import NetworkConfig


@pytest.mark.parametrize("name", NETWORKS)
def test_the_number_of_parameters_is_that_of_the_description(name: str) -> None:
    spec = find_spec(name)
    assert spec.name == name
    with torch.device("meta"):
        network = spec.build(**spec.arguments(1.0))
    assert sum(values.numel() for values in network.parameters()) == spec.parameters


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_and_crops_of_the_schedules_exist(name: str) -> None:
    spec = find_spec(name)
    with torch.device("meta"):
        network = PhotoNetwork(NetworkConfig(model=name))
    for schedule in spec.schedule.presets().values():
        for row in schedule.rows:
            for part in (row.part, *row.copy.split("=")):
                network.module.get_submodule(part)
            assert row.crop % (spec.multiple * row.scale) == 0
            assert 64 % (spec.multiple * row.scale) == 0, "so --crop may be any multiple of 64"
            assert row.loss.earlier == 0 or hasattr(network.module, "pictures")


def test_unknown_names() -> None:
    check_name(PYNET)
    for check in (check_name, find_spec):
        with pytest.raises(UsageError, match=r"no network is called 'unet' \(one of: pynet, "):
            check("unet")  # type: ignore[operator]  # both take a name
