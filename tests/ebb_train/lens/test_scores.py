from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb_train.lens.band import edge_band
from ebb_train.lens.network import RepairNet
from ebb_train.lens.scores import (
    Comparison,
    PictureScore,
    compare_renders,
    mean_band_l1,
    repair_stored,
    score_picture,
)
from ebb_train.lens.shards import LensSet, StoredRender
from ebb_train.models.repair import SHARES, RepairConfig


def stored_render() -> StoredRender:
    rng = np.random.default_rng(0)
    photo, truth, layered = rng.integers(0, 256, (3, 40, 48, 3), np.uint8)
    coc = np.full((40, 48), 8, np.float32)
    coc[:, :8] = 0
    return StoredRender(photo, truth, layered, coc, coc)


def test_figures() -> None:
    stored = stored_render()
    picture = np.random.default_rng(1).random((40, 48, 3), np.float32)
    found = score_picture(picture, stored)
    error = np.abs(picture.astype(float) - stored.truth / 255)
    band = edge_band(stored.exact_coc) > 0
    assert 0 < band.mean() < 1
    assert found.band_l1 == pytest.approx(error[band].mean(), rel=1e-5)
    assert found.psnr == pytest.approx(-10 * np.log10((error**2).mean()), rel=1e-5)
    assert found.psnr_sharp == pytest.approx(-10 * np.log10((error[:, :8] ** 2).mean()), rel=1e-5)
    assert found.psnr_blurred == pytest.approx(-10 * np.log10((error[:, 8:] ** 2).mean()), rel=1e-5)


def test_pictures_without_edges_or_without_focus() -> None:
    stored = stored_render()
    flat = stored._replace(exact_coc=np.full((40, 48), 5, np.float32))
    found = score_picture(np.zeros((40, 48, 3), np.float32), flat)
    assert np.isnan(found.band_l1)
    assert np.isnan(found.psnr_sharp)
    assert found.psnr_blurred == pytest.approx(found.psnr)


def test_a_new_network_repairs_nothing(test_set: LensSet) -> None:
    network = RepairNet(RepairConfig(fine=4, coarse=8, blocks=1))
    network.reset_parameters(torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.get_parameter("weight.bias").fill_(-40)
    found = list(compare_renders(network, test_set))
    assert [(one.scene, one.strength) for one in found] == [
        (0, "none"),
        (0, "hard"),
        (1, "none"),
        (1, "hard"),
    ]
    for one in found:
        np.testing.assert_allclose(one.layered, one.repaired, rtol=1e-5)


def test_repair_follows_the_network(test_set: LensSet) -> None:
    """A share of 1 and a weight of 1 give the photo within the band."""
    network = RepairNet(RepairConfig(fine=4, coarse=8, blocks=1))
    network.reset_parameters(torch.Generator().manual_seed(0))
    with torch.no_grad():
        network.get_parameter("weight.bias").fill_(40)
        network.get_parameter("shares.bias")[::SHARES] = 40
        network.get_parameter("residual.weight").zero_()
    stored = test_set.read(0, 1)
    found, band = repair_stored(network, stored), edge_band(stored.coc)
    assert (band == 1).any()
    np.testing.assert_allclose(found[band == 1], stored.photo[band == 1] / 255, atol=1e-5)
    np.testing.assert_allclose(found[band == 0], stored.layered[band == 0] / 255, atol=1e-6)


def test_means_by_strength() -> None:
    def one(strength: str, before: float, after: float) -> Comparison:
        return Comparison(0, strength, PictureScore(before, 0, 0, 0), PictureScore(after, 0, 0, 0))

    found = [one("none", 1, 2), one("hard", 3, 1), one("hard", 5, 2), one("hard", float("nan"), float("nan"))]
    assert mean_band_l1(found, "hard") == (4, 1.5)
    assert mean_band_l1(found, "none") == (1, 2)
    assert np.isnan(mean_band_l1(found, "median")).all()
