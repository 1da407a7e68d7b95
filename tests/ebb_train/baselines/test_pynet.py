"""PyNET as a model to compare."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ebb.arrays import Size
from ebb.errors import InvalidInput, MissingDependency, UsageError
from ebb_train.baselines.pynet import PyNetModel, load
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PAPER, PyNetConfig
from tests.helpers.datasets import photos

THIN = PyNetConfig(width=0.03)


def saved(path: Path, config: PyNetConfig = THIN) -> Path:
    torch.manual_seed(0)
    save_pynet(path, PyNet(config), source="a test")
    return path


@pytest.mark.parametrize("in_channels", [3, 4])
def test_it_renders_as_the_network_does(tmp_path: Path, in_channels: int) -> None:
    model = load(saved(tmp_path / "thin.safetensors", replace(THIN, in_channels=in_channels)))
    wide, _, depth = photos(0)
    assert (model.name, model.needs_depth) == ("thin", in_channels == 4)
    np.testing.assert_array_equal(model.render(wide, depth), render_full_image(model.network, wide, depth))
    if model.needs_depth:
        with pytest.raises(InvalidInput, match="thin needs depth"):
            model.render(wide, None)
    else:
        assert model.render(wide, None).shape == wide.shape


def test_without_pytorch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "a.safetensors").touch()
    with pytest.raises(
        MissingDependency, match=r"PyTorch is not installed \(pip install 'ebb-bokeh\[train\]'\)"
    ):
        load(tmp_path / "a.safetensors")


def test_other_weights_give_other_metadata(tmp_path: Path) -> None:
    first = load(saved(tmp_path / "a.safetensors"))
    assert first.metadata() == load(tmp_path / "a.safetensors").metadata()
    network = PyNet(THIN)
    with torch.no_grad():
        network.get_parameter("level_1.out.bias").add_(0.1)
    save_pynet(tmp_path / "b.safetensors", network, source="a test")
    assert load(tmp_path / "b.safetensors").metadata() != first.metadata()


def test_it_is_pickled_as_its_path(tmp_path: Path) -> None:
    model = load(saved(tmp_path / "a.safetensors"))
    data = pickle.dumps(model)
    assert len(data) < 1000
    wide, _, depth = photos(0)
    np.testing.assert_array_equal(pickle.loads(data).render(wide, depth), model.render(wide, depth))


def test_costs_of_the_paper() -> None:
    with torch.device("meta"):
        model = PyNetModel(PyNet(PAPER), Path("paper.safetensors"), "")
    cost = model.cost(Size(1536, 1024))
    assert cost.multiply_adds == pytest.approx(653e9, rel=0.01)
    assert cost.parameters == 47_551_791


def test_a_deeper_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="ends at level 3"):
        load(saved(tmp_path / "deep.safetensors", replace(THIN, level=3)))


def test_a_missing_device(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot compute on 'cuda:99'.*--device cpu"):
        load(saved(tmp_path / "a.safetensors"), "cuda:99")
