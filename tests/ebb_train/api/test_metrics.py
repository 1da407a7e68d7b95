"""Metrics against scikit-image and torchmetrics, in several ranges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

import ebb
import ebb_train
from ebb_train.metrics.protocols import find_protocol
from tests.helpers.metric_pairs import photo_pair

PREDS, TARGET = photo_pair(0)


def codes(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(255 * picture).astype(np.uint8)


def test_psnr_is_that_of_scikit_image() -> None:
    expected = peak_signal_noise_ratio(TARGET, PREDS, data_range=1)
    assert ebb_train.psnr(PREDS, TARGET, data_range=1) == pytest.approx(expected)
    for data_range in (255.0, 2.0):
        found = ebb_train.psnr(PREDS * data_range, TARGET * data_range, data_range=data_range)
        assert found == pytest.approx(expected, abs=1e-4)
    eight = peak_signal_noise_ratio(codes(TARGET), codes(PREDS))
    assert ebb_train.psnr(codes(PREDS), codes(TARGET)) == pytest.approx(eight)
    sixteen = (codes(PREDS).astype(np.uint16) * 257, codes(TARGET).astype(np.uint16) * 257)
    assert ebb_train.psnr(*sixteen) == pytest.approx(eight)


def test_ssim_is_that_of_scikit_image() -> None:
    expected = structural_similarity(
        TARGET,
        PREDS,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ebb_train.ssim(PREDS, TARGET, data_range=1) == pytest.approx(expected, abs=2e-3)
    assert ebb_train.ssim(255 * PREDS, 255 * TARGET, data_range=255) == pytest.approx(
        ebb_train.ssim(PREDS, TARGET, data_range=1), abs=1e-5
    )


def test_ssim_is_computed_in_float64() -> None:
    """Noise of 1e-4 on a bright area; scikit-image pads the picture, so its border is left out."""
    noise = 1e-4 * np.random.default_rng(3).random((2, 48, 48, 3))
    preds, target = 0.9 + noise
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    _, found = structural_similarity(target, preds, data_range=1, channel_axis=2, full=True, **settings)
    expected = found[5:-5, 5:-5].mean()
    assert ebb_train.ssim(preds, target, data_range=1) == pytest.approx(expected, abs=1e-13)
    rounded = [picture.astype(np.float32) for picture in (preds, target)]
    assert abs(ebb_train.ssim(*rounded, data_range=1) - expected) > 1e-12


def test_ms_ssim_is_that_of_torchmetrics() -> None:
    planes = [
        torch.from_numpy(image).permute(2, 0, 1)[None] for image in (PREDS[:176, :176], TARGET[:176, :176])
    ]
    expected = float(multiscale_structural_similarity_index_measure(*planes, data_range=1.0))
    found = ebb_train.ms_ssim(PREDS[:176, :176], TARGET[:176, :176], data_range=1)
    assert found == pytest.approx(expected, abs=2e-3)


def test_values_are_those_of_the_tables() -> None:
    scores = find_protocol("ebb").score(PREDS, TARGET)
    for name in ("psnr", "ssim", "ms_ssim"):
        assert getattr(ebb_train, name)(PREDS, TARGET, data_range=1.0) == scores[name]


def test_the_range_of_floats_is_required() -> None:
    for metric in (ebb_train.psnr, ebb_train.ssim, ebb_train.ms_ssim):
        with pytest.raises(ebb.UsageError, match="data_range is required for floats"):
            metric(PREDS, TARGET)
        with pytest.raises(ebb.UsageError, match="data_range must be positive, not 0"):
            metric(PREDS, TARGET, data_range=0)
        with pytest.raises(ebb.InvalidInput, match="not from 0 to 1"):
            metric(255 * PREDS, 255 * TARGET, data_range=1)


def test_lpips_without_weights_says_how_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    with pytest.raises(ebb.MissingDependency, match="ebb weights download vgg16"):
        ebb_train.lpips(codes(PREDS), codes(TARGET), net="vgg")


def test_lpips_with_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the weights, equal pictures have no distance and others have the network's."""
    from ebb_train.api import metrics
    from ebb_train.metrics.lpips import load_lpips
    from tests.helpers.lpips_weights import random_linear, random_trunk

    paths = (tmp_path / "trunk.pth", tmp_path / "linear.pth")
    for path, state in zip(paths, (random_trunk("alex"), random_linear("alex")), strict=True):
        torch.save(state, path)
    found = load_lpips("alex", *paths)
    monkeypatch.setattr(metrics, "_lpips", lambda _: found)
    assert ebb_train.lpips(TARGET, TARGET, data_range=1) == 0
    expected = found.distance(PREDS.astype(np.float64), TARGET.astype(np.float64))
    assert ebb_train.lpips(PREDS, TARGET, data_range=1) == pytest.approx(expected)
    with pytest.raises(ebb.InvalidInput, match="LPIPS requires at least 31 pixels"):
        ebb_train.lpips(PREDS[:20], TARGET[:20], data_range=1)
