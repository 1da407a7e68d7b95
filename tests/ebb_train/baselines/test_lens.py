from __future__ import annotations

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import InvalidInput, MissingDependency
from ebb.progress import SilentProgress
from ebb_train.baselines import lens
from ebb_train.baselines.layered import Layered
from ebb_train.baselines.registry import build_model
from ebb_train.lens import repair
from tests.helpers.repair import colour_network


@pytest.fixture(autouse=True)
def packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    network = colour_network()
    for module in (lens, repair):
        monkeypatch.setattr(module, "packaged_network", lambda: network)


def two_surfaces() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photo, its exact depth, and depth with the edge 6 pixels too far left."""
    photo = np.random.default_rng(0).integers(0, 40, (96, 128, 3), np.uint8)
    photo[:, :64] += np.uint8([180, 60, 30])
    photo[:, 64:] += np.uint8([20, 90, 160])
    exact, wrong = np.zeros((2, 96, 128), np.uint8)
    exact[:, 64:], wrong[:, 58:] = 255, 255
    return photo, exact, wrong


def test_pictures_are_closer_to_those_of_exact_depth() -> None:
    photo, exact, wrong = two_surfaces()
    truth = Layered(0.05).render(photo, exact)
    before, after = (
        np.abs(kind(0.05).render(photo, wrong) - truth).mean() for kind in (Layered, lens.LayeredLens)
    )
    assert after < 0.5 * before


def test_without_pairs_it_is_the_layered_renderer_with_repair() -> None:
    model = build_model("lens", list)
    assert isinstance(model, lens.LayeredLens)
    plain = build_model("layered", list)
    assert {**model.metadata(), "model": "layered"}.items() >= plain.metadata().items()
    assert set(model.metadata()) - set(plain.metadata()) == {"weights"}
    with pytest.raises(InvalidInput, match="lens needs depth"):
        model.render(two_surfaces()[0], None)


def test_cost() -> None:
    network = colour_network()
    small, large = (
        lens.LayeredLens(0.05).cost(Size(width, height)) for width, height in ((96, 64), (1536, 1024))
    )
    assert small.parameters == sum(parameter.numel() for parameter in network.parameters()) + 4
    assert small.multiply_adds is not None
    assert large.multiply_adds == 64 * small.multiply_adds, "at half the size of the photo"


def test_without_weights_there_is_no_such_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingDependency("no weights")

    monkeypatch.setattr(lens, "packaged_network", missing)
    with pytest.raises(MissingDependency, match="no weights"):
        lens.build(list, SilentProgress())
