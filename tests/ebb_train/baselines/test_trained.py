"""Trained networks as models to compare."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb_train.baselines.pynet import PyNetModel
from ebb_train.baselines.trained import NetworkModel, load
from ebb_train.data.sources import Photos
from ebb_train.inference.full_size import render_at_full_size
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from ebb_train.networks.photo_network import build_network, save_network
from ebb_train.networks.spec import NetworkConfig
from tests.helpers.datasets import photos

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def saved(path: Path, name: str, width: float, seed: int = 0) -> Path:
    save_network(path, build_network(NetworkConfig(model=name, width=width), seed), source="a test")
    return path


def test_it_renders_as_the_network_does(tmp_path: Path) -> None:
    model = load(saved(tmp_path / "thin.safetensors", "zheng-style", 1 / 16))
    assert isinstance(model, NetworkModel)
    assert (model.name, model.needs_depth) == ("thin", True)
    wide, _, depth = photos(0)
    expected = render_at_full_size(model.network, wide, depth)
    np.testing.assert_array_equal(model.render(wide, depth), expected)
    np.testing.assert_array_equal(model.render_pair(Photos("a", wide, wide, depth)), expected)
    with pytest.raises(InvalidInput, match="thin needs depth, and the pair has none"):
        model.render(wide, None)


def test_the_f_number_is_that_of_the_pair(tmp_path: Path) -> None:
    model = load(saved(tmp_path / "thin.safetensors", "bokehlicious-small", 1 / 4))
    wide, _, depth = photos(0)
    pair = Photos("a", wide, wide, depth, f_number=4.0)
    expected = render_at_full_size(model.network, wide, None, 4.0)  # type: ignore[arg-type]
    np.testing.assert_array_equal(model.render_pair(pair), expected)
    assert not model.needs_depth
    with pytest.raises(InvalidInput, match="takes the f-number of the picture, and there is none"):
        model.render_pair(pair._replace(f_number=None))
    with pytest.raises(InvalidInput, match="takes the f-number"):
        model.render(wide, depth)


def test_it_is_sent_to_other_processes_as_a_path(tmp_path: Path) -> None:
    model = load(saved(tmp_path / "thin.safetensors", "yang-style-thin", 1 / 8), "cpu")
    sent = pickle.dumps(model)
    assert len(sent) < 1000
    again = pickle.loads(sent)
    wide, _, depth = photos(0)
    np.testing.assert_array_equal(again.render(wide, depth), model.render(wide, depth))
    assert again.metadata() == model.metadata()


def test_other_weights_give_other_metadata(tmp_path: Path) -> None:
    first, second = (
        load(saved(tmp_path / f"{seed}.safetensors", "yang-style-thin", 1 / 8, seed)).metadata()
        for seed in (0, 1)
    )
    assert first["model"] == second["model"] == "yang-style-thin"
    assert first["config"] == NetworkConfig(model="yang-style-thin", width=1 / 8).as_dict()
    assert first["weights_sha256"] != second["weights_sha256"]


def test_cost(tmp_path: Path) -> None:
    """By hand at a padded size: four times the pixels, four times the work."""
    model = load(saved(tmp_path / "thin.safetensors", "yang-style-thin", 1 / 8))
    small, large = model.cost(Size(61, 62)), model.cost(Size(128, 128))
    assert small.parameters == large.parameters == sum(p.numel() for p in model.network.parameters())
    assert small.multiply_adds == model.cost(Size(64, 64)).multiply_adds
    assert small.multiply_adds
    assert large.multiply_adds == 4 * small.multiply_adds


def test_pynet_is_read_as_well(tmp_path: Path) -> None:
    save_pynet(tmp_path / "a.safetensors", PyNet(PyNetConfig(width=0.03)), source="a test")
    assert isinstance(load(tmp_path / "a.safetensors"), PyNetModel)
