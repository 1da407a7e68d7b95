from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb_train.lens.band import edge_band
from ebb_train.lens.network import RepairNet
from ebb_train.lens.repair import repair_depth
from ebb_train.lens.samples import BORDER_PX
from ebb_train.lens.scores import Comparison, PictureScore, compare_renders, mean_band_l1, score_picture
from ebb_train.models.repair import RepairConfig
from tests.helpers.repair import colour_network

if TYPE_CHECKING:
    from ebb_train.lens.samples import HeldOutScene


def coloured_scene() -> SimpleNamespace:
    truth = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    coc = np.full((40 + 2 * BORDER_PX, 48 + 2 * BORDER_PX), 8, np.float32)
    coc[:, : 8 + BORDER_PX] = 0
    return SimpleNamespace(truth=truth, exact_coc=coc)


def test_figures() -> None:
    scene = coloured_scene()
    picture = np.random.default_rng(1).random((40, 48, 3), np.float32)
    found = score_picture(picture, scene)  # type: ignore[arg-type]
    error = np.abs(picture.astype(float) - scene.truth / 255)
    band = edge_band(scene.exact_coc[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]) > 0
    assert 0 < band.mean() < 1
    assert found.band_l1 == pytest.approx(error[band].mean(), rel=1e-5)
    assert found.psnr == pytest.approx(-10 * np.log10((error**2).mean()), rel=1e-5)
    assert found.psnr_sharp == pytest.approx(-10 * np.log10((error[:, :8] ** 2).mean()), rel=1e-5)
    assert found.psnr_blurred == pytest.approx(-10 * np.log10((error[:, 8:] ** 2).mean()), rel=1e-5)
    assert score_picture(picture + 2, scene) == score_picture(np.ones_like(picture), scene)  # type: ignore[arg-type]


def test_pictures_without_edges_or_without_focus() -> None:
    scene = coloured_scene()
    scene.exact_coc[:] = 5
    found = score_picture(np.zeros((40, 48, 3), np.float32), scene)  # type: ignore[arg-type]
    assert np.isnan(found.band_l1)
    assert np.isnan(found.psnr_sharp)
    assert found.psnr_blurred == pytest.approx(found.psnr)


def test_a_network_that_keeps_the_depth_keeps_the_picture(held_out: list[HeldOutScene]) -> None:
    network = RepairNet(RepairConfig(fine=4, middle=6, coarse=8, blocks=1, least_change=0.3)).eval()
    network.reset_parameters(torch.Generator().manual_seed(0))
    found = compare_renders(network, held_out)
    assert [(one.scene, one.strength) for one in found] == [
        (0, "none"),
        (0, "hard"),
        (1, "none"),
        (1, "hard"),
    ]
    for one in found:
        np.testing.assert_equal(one.layered, one.repaired)


def test_scores_are_those_of_the_repaired_depth(held_out: list[HeldOutScene]) -> None:
    network = colour_network()
    for one in compare_renders(network, held_out):
        scene = held_out[one.scene]
        wrong = scene.wrong[one.strength]
        repaired = repair_depth(scene.photo, wrong, network)
        for found, depth in ((one.layered, wrong), (one.repaired, repaired)):
            np.testing.assert_equal(found, score_picture(scene.render(depth, one.strength), scene))
        assert one.layered.psnr != one.repaired.psnr


def test_means_by_strength() -> None:
    def one(strength: str, before: float, after: float) -> Comparison:
        return Comparison(0, strength, PictureScore(before, 0, 0, 0), PictureScore(after, 0, 0, 0))

    found = [one("none", 1, 2), one("hard", 3, 1), one("hard", 5, 2), one("hard", float("nan"), float("nan"))]
    assert mean_band_l1(found, "hard") == (4, 1.5)
    assert mean_band_l1(found, "none") == (1, 2)
    assert np.isnan(mean_band_l1(found, "median")).all()
