"""What every model keeps: size, type, range, its input untouched, and a clear word when depth is missing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.progress import SilentProgress
from ebb_train.baselines import lens
from ebb_train.baselines.model import require_depth
from ebb_train.baselines.registry import BUILDERS
from ebb_train.data.sources import Photos
from ebb_train.lens import repair
from tests.helpers.datasets import photos
from tests.helpers.repair import colour_network


@pytest.fixture(autouse=True)
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network in the place of the one in the package, which a version may not have."""
    network = colour_network()
    for module in (lens, repair):
        monkeypatch.setattr(module, "packaged_network", lambda: network)


def train() -> list[Photos]:
    return [Photos(str(number), *photos(number)) for number in (1, 2)]


@pytest.mark.parametrize("name", BUILDERS)
def test_every_model_gives_a_picture_of_the_photos_size(name: str) -> None:
    model = BUILDERS[name](train, SilentProgress())
    for width, height in ((96, 64), (61, 83)):
        wide, _, depth = photos(3, width, height)
        before = wide.copy()
        picture = model.render(wide, depth)
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() <= picture.max() <= 1
        np.testing.assert_array_equal(wide, before)
        np.testing.assert_array_equal(picture, model.render(wide, depth))


@pytest.mark.parametrize("name", BUILDERS)
def test_metadata_is_plain_and_costs_are_counted(name: str) -> None:
    model = BUILDERS[name](list, SilentProgress())
    assert json.loads(json.dumps(model.metadata())) == model.metadata()
    assert model.metadata()["model"] == model.name == name
    small, large = model.cost(Size(100, 50)), model.cost(Size(200, 100))
    assert small.parameters == large.parameters >= 0
    if small.multiply_adds is not None and large.multiply_adds is not None:
        assert 4 * small.multiply_adds <= large.multiply_adds


@pytest.mark.parametrize("name", BUILDERS)
def test_only_models_that_need_depth_require_it(name: str) -> None:
    model = BUILDERS[name](list, SilentProgress())
    wide, _, _ = photos(0)
    if not model.needs_depth:
        assert model.render(wide, None).shape == wide.shape
        return
    with pytest.raises(InvalidInput, match=f"{name} needs depth, and the pair has none"):
        model.render(wide, None)


def test_existing_depth_is_returned() -> None:
    depth = photos(0)[2]
    assert require_depth("layered", depth) is depth
