"""Regions against the depth that made the pairs, and scores whose values are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb_train.metrics.lpips import Lpips
from ebb_train.metrics.regions import COLUMNS, FOCUS_COC_PX, REGIONS, edge_halo, find_regions
from ebb_train.metrics.similarity import psnr
from ebb_train.models.perceptual import LpipsNetwork
from tests.helpers.rendered_pairs import SyntheticPair, halo_scene, overlap, synthetic_pair


@pytest.fixture(scope="module")
def pair() -> SyntheticPair:
    return synthetic_pair(1)


@pytest.mark.parametrize("seed", [0, 1, 2, 4, 5])
def test_regions_in_focus_agree_with_the_truth(seed: int) -> None:
    wide, shallow, coc = synthetic_pair(seed, Size(768, 512))
    found = find_regions(wide, shallow).sharp_side
    truth = coc < FOCUS_COC_PX
    assert overlap(~found, ~truth) > 0.9
    clear = (coc < 0.8 * FOCUS_COC_PX) | (coc > 1.6 * FOCUS_COC_PX)  # the plane of focus is no line
    assert overlap(found & clear, truth & clear) > 0.9


def test_regions_in_focus_agree_with_the_truth_under_noise_and_exposure() -> None:
    wide, shallow, coc = synthetic_pair(4, Size(768, 512), exposure=0.8, noise=0.01)
    found = find_regions(wide, np.roll(shallow, 1, axis=1)).sharp_side
    assert overlap(~found, coc >= FOCUS_COC_PX) > 0.88


def test_every_pixel_is_in_one_region(pair: SyntheticPair) -> None:
    regions = find_regions(pair.wide, pair.shallow)
    masks = np.stack([getattr(regions, name) for name in REGIONS])
    assert (masks.sum(axis=0) == 1).all()
    assert all(mask.any() for mask in masks)
    assert sum(regions.metadata().values()) == pytest.approx(1)
    assert (regions.in_focus <= regions.sharp_side).all()
    assert not (regions.out_of_focus & regions.sharp_side).any()


def test_scores_are_of_the_pixels_in_a_region(pair: SyntheticPair) -> None:
    regions = find_regions(pair.wide, pair.shallow)
    preds = pair.shallow.copy()
    preds[regions.boundary] ^= 8
    found = regions.score(preds)
    assert found["psnr_in_focus"] == found["psnr_out_of_focus"] == np.inf
    expected = psnr(preds[regions.boundary] / 255, pair.shallow[regions.boundary] / 255)
    assert found["psnr_boundary"] == pytest.approx(expected)
    assert found["ssim_boundary"] < found["ssim_out_of_focus"] < 1
    assert list(found) == [name for name in COLUMNS if not name.startswith("lpips")]


def test_equal_pictures(pair: SyntheticPair) -> None:
    found = find_regions(pair.wide, pair.shallow).score(pair.shallow)
    assert {found[f"psnr_{region}"] for region in REGIONS} == {np.inf}
    assert [found[f"ssim_{region}"] for region in REGIONS] == pytest.approx([1] * 3, abs=1e-6)
    assert (found["edge_halo"], found["blur_error_px"]) == (0, 0)
    assert found["blur_ratio"] == pytest.approx(1)


@pytest.mark.parametrize(("f_number", "ratio"), [(3.6, 0.5), (2.4, 0.75), (1.3, 1.4)])
def test_a_wrong_blur_lowers_the_score(f_number: float, ratio: float) -> None:
    """Blur is inversely proportional to the f-number."""
    regions = find_regions(*synthetic_pair(1)[:2])
    found = regions.score(synthetic_pair(1, f_number=f_number).shallow)
    assert found["blur_ratio"] == pytest.approx(ratio, rel=0.1)
    assert found["blur_error_px"] > 1


def test_the_wide_photo_has_no_blur(pair: SyntheticPair) -> None:
    found = find_regions(pair.wide, pair.shallow).score(pair.wide)
    assert found["blur_ratio"] < 0.05
    assert found["psnr_in_focus"] > found["psnr_boundary"] > found["psnr_out_of_focus"]


def test_halo_grows_with_the_halo() -> None:
    picture, inside, boundary, near = halo_scene()
    colours = np.array([0.8, 0.2, 0.2]) - np.array([0.2, 0.6, 0.3])
    found = [
        edge_halo(picture + strength * near[..., None] * colours, picture, inside, boundary)
        for strength in (0, 0.25, 0.5, 1, -1)
    ]
    assert found[0] == 0
    assert found[1:4] == pytest.approx([found[3] / 4, found[3] / 2, found[3]], rel=1e-3)
    assert found[4] == pytest.approx(found[3], rel=1e-3)
    rim = near[boundary & ~inside].mean() / 2  # half of the boundary lies outside, where the halo is
    assert found[3] == pytest.approx(rim, rel=0.15)


def test_exposure_is_not_measured_as_halo() -> None:
    picture, inside, boundary, _ = halo_scene()
    assert edge_halo(0.9 * picture, picture, inside, boundary) < 1e-3
    assert edge_halo(picture + 0.05, picture, inside, boundary) < 1e-3


def test_without_contrast_there_is_no_halo() -> None:
    _, inside, boundary, _ = halo_scene()
    flat = np.full((256, 320, 3), 0.5)
    assert np.isnan(edge_halo(flat + 0.1, flat, inside, boundary))


def test_a_pair_that_is_sharp_all_over(pair: SyntheticPair) -> None:
    found = find_regions(pair.wide, pair.wide).score(pair.wide)
    assert {name for name in COLUMNS if "out_of_focus" in name or "boundary" in name}.isdisjoint(found)
    assert "blur_ratio" not in found
    assert found["psnr_in_focus"] == np.inf


def test_lpips_by_region(pair: SyntheticPair) -> None:
    torch.manual_seed(0)
    network = LpipsNetwork("alex")
    for weights in network.linear:
        weights.fill_(0.1)
    lpips = Lpips(net="alex", network=network, weights="random")
    found = find_regions(pair.wide, pair.shallow).score(pair.wide, lpips=lpips)
    assert [name for name in found if name.startswith("lpips")] == [f"lpips_{region}" for region in REGIONS]
    assert found["lpips_out_of_focus"] > found["lpips_in_focus"] > 0


def test_pairs_without_regions_are_refused(pair: SyntheticPair) -> None:
    with pytest.raises(InvalidInput, match="regions of 480 x 60 pixels: they need 64 each way"):
        find_regions(pair.wide[:60], pair.shallow[:60])
    with pytest.raises(InvalidInput, match="sizes differ"):
        find_regions(pair.wide, pair.shallow[1:])
    regions = find_regions(pair.wide, pair.shallow)
    with pytest.raises(InvalidInput, match="sizes differ"):
        regions.score(pair.wide[1:])
    with pytest.raises(InvalidInput, match="the prediction holds NaN"):
        regions.score(np.full(pair.wide.shape, np.nan, np.float32))


@pytest.mark.parametrize("value", [0, 128, 255])
def test_constant_pictures(value: int) -> None:
    flat = np.full((80, 100, 3), value, np.uint8)
    found = find_regions(flat, flat).score(flat)
    assert all(np.isfinite(score) or score == np.inf for score in found.values())
