from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb.errors import MissingDependency, UsageError
from ebb_train.lens import repair as module
from ebb_train.lens.band import edge_band
from ebb_train.lens.network import RepairNet
from ebb_train.lens.repair import packaged_network, packaged_weights, repair, working_factor
from ebb_train.lens.scores import repair_stored
from ebb_train.lens.shards import LensSet
from ebb_train.models.repair import SHARES, RepairConfig


@pytest.fixture(scope="module")
def network() -> RepairNet:
    made = RepairNet(RepairConfig(fine=4, coarse=8, blocks=1))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.15, generator=generator)
    return made.eval()


def scene(height: int, width: int, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    photo, layered = rng.random((2, height, width, 3), np.float32)
    coc = np.zeros((height, width), np.float32)
    coc[height // 4 : height // 2, width // 4 : width // 2] = 2 * radius
    return photo, layered, coc


def test_at_full_size_it_is_the_network(network: RepairNet, test_set: LensSet) -> None:
    stored = test_set.read(0, 1)
    photo, layered = (picture / np.float32(255) for picture in (stored.photo, stored.layered))
    coc = np.clip(stored.coc, -20, 20)
    found = repair(photo, layered, coc, network)
    np.testing.assert_allclose(found, repair_stored(network, stored._replace(coc=coc)), atol=1e-5)


@pytest.mark.parametrize(
    ("height", "width", "radius"), [(64, 96, 5), (75, 101, 5), (150, 171, 23), (60, 50, 12)]
)
def test_outside_the_band_every_bit_is_kept(
    network: RepairNet, height: int, width: int, radius: float
) -> None:
    photo, layered, coc = scene(height, width, radius)
    found = repair(photo, layered, coc, network)
    assert found.shape == photo.shape
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    same = (found == layered).all(axis=2)
    assert not same.all()
    if radius <= 10:
        assert same[edge_band(coc) == 0].all()
    else:
        y, x = np.mgrid[:height, :width]
        outside = np.maximum.reduce([height // 4 - y, y - height // 2, width // 4 - x, x - width // 2])
        assert same[outside > 23 + 3 * 20].all()


def test_without_blur_it_is_the_photo(network: RepairNet) -> None:
    photo, layered, coc = scene(33, 47, 0)
    found = repair(photo, layered, coc, network)
    np.testing.assert_array_equal(found, photo)
    assert found is not photo


def test_without_edges_it_is_the_layered_render(network: RepairNet) -> None:
    photo, layered, coc = scene(40, 40, 0)
    np.testing.assert_array_equal(repair(photo, layered, coc + 6, network), layered)


def test_in_focus_the_detail_of_the_photo_is_restored_at_any_size() -> None:
    """A network whose weight and share are 1 returns the photo's pixels, though it works at half the size."""
    open_network = RepairNet(RepairConfig(fine=4, coarse=8, blocks=1))
    open_network.reset_parameters(torch.Generator().manual_seed(0))
    with torch.no_grad():
        open_network.get_parameter("residual.weight").zero_()
        open_network.get_parameter("weight.bias").fill_(40)
        open_network.get_parameter("shares.bias")[::SHARES] = 40
    photo, layered, coc = scene(120, 160, 15)
    found = repair(photo, layered, coc, open_network)
    edge = np.s_[30:60:, 38:42]
    np.testing.assert_allclose(found[edge], photo[edge], atol=1e-4)


def test_working_size() -> None:
    assert [working_factor(np.float32([[0, c]])) for c in (0, -20, 20.1, 40, 61)] == [1, 1, 2, 2, 4]
    sizes = ((640, 1000), (640, 1001), (1024, 1536), (3456, 5184))
    assert [working_factor(np.ones(size, np.float32)) for size in sizes] == [1, 2, 2, 6]


def test_arrays_that_do_not_fit_are_refused(network: RepairNet) -> None:
    photo, layered, coc = scene(8, 8, 2)
    with pytest.raises(UsageError, match="must have the same height and width"):
        repair(photo[:4], layered, coc, network)
    coc[0, 0] = np.nan
    with pytest.raises(UsageError, match="must be finite"):
        repair(photo, layered, coc, network)


def test_without_weights_the_message_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WEIGHTS_FILE", "missing.safetensors")
    packaged_network.cache_clear()
    assert packaged_weights() is None
    with pytest.raises(MissingDependency, match="no weights of the lens model"):
        packaged_network()
