"""PSNR, SSIM and MS-SSIM against scikit-image and torchmetrics, and where their values are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from ebb.errors import InvalidInput
from ebb_train.metrics.similarity import (
    GAUSSIAN_11,
    GAUSSIAN_11_MIRRORED,
    UNIFORM_7,
    Window,
    ms_ssim,
    ms_ssim_smallest,
    psnr,
    ssim,
    ssim_maps,
)
from tests.helpers.metric_oracles import tf_image
from tests.helpers.metric_pairs import NAMES, PAIRS, Pixels

each_pair = pytest.mark.parametrize(("preds", "target"), PAIRS, ids=NAMES)


@each_pair
def test_psnr_is_that_of_scikit_image(preds: Pixels, target: Pixels) -> None:
    expected = peak_signal_noise_ratio(target.astype(float), preds.astype(float), data_range=1)
    assert psnr(preds, target) == pytest.approx(expected, abs=1e-9)


@each_pair
@pytest.mark.parametrize("window", [GAUSSIAN_11, UNIFORM_7], ids=str)
def test_ssim_is_that_of_scikit_image(preds: Pixels, target: Pixels, window: Window) -> None:
    gaussian = {"gaussian_weights": True, "sigma": window.sigma} if window.sigma else {}
    expected = structural_similarity(
        preds.astype(float), target.astype(float), data_range=1, channel_axis=2, win_size=window.size,
        use_sample_covariance=window.sample_covariance, **gaussian,
    )  # fmt: skip
    assert ssim(preds.astype(float), target.astype(float), window) == pytest.approx(expected, abs=1e-12)
    assert ssim(preds, target, window) == pytest.approx(expected, abs=1e-12)


def flat(value: float, step: float = 0.0) -> Pixels:
    """A bright wall, lit a little from the left, as float32."""
    rows = np.linspace(value - step, value, 64, dtype=np.float32)
    return np.broadcast_to(rows[None, :, None], (64, 64, 3)).copy()


@pytest.mark.parametrize("window", [GAUSSIAN_11, UNIFORM_7, GAUSSIAN_11_MIRRORED], ids=str)
@pytest.mark.parametrize("step", [0.0, 1e-3, 1e-2])
def test_bright_flat_areas_are_exact(window: Window, step: float) -> None:
    """In float32 they are off by up to 7e-4: the variances are differences of numbers near 1."""
    gaussian = {"gaussian_weights": True, "sigma": window.sigma} if window.sigma else {}
    for value in np.linspace(0.9, 1, 6):
        for other in (0.93, 0.99, value):
            preds, target = flat(value, step), flat(other, step / 2)
            expected, places = structural_similarity(
                preds.astype(float), target.astype(float), data_range=1, channel_axis=2, win_size=window.size,
                use_sample_covariance=window.sample_covariance, full=True, **gaussian,
            )  # fmt: skip
            found = ssim(preds, target, window)
            if window.mirrored:
                found = float(np.multiply(*ssim_maps(preds, target, window))[5:-5, 5:-5].mean())
                expected = places[5:-5, 5:-5].mean()
            assert found == pytest.approx(expected, abs=1e-9)


def test_computation_in_bands_changes_nothing() -> None:
    """More rows than a band, and a last band of one row."""
    preds, target = (np.tile(picture, (2, 1, 1))[: 64 * 3 + 11] for picture in PAIRS[0])
    expected = structural_similarity(
        preds.astype(float), target.astype(float), data_range=1, channel_axis=2, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert ssim_maps(preds, target)[0].shape[0] == 64 * 3 + 1
    assert ssim(preds, target) == pytest.approx(expected, abs=1e-12)


@each_pair
def test_ms_ssim_is_that_of_tensorflow(preds: Pixels, target: Pixels) -> None:
    expected = tf_image("ssim_multiscale", preds, target)
    assert ms_ssim(preds.astype(float), target.astype(float)) == pytest.approx(expected, abs=1e-7)
    assert ms_ssim(preds, target) == pytest.approx(expected, abs=1e-7)


def test_psnr_of_a_constant_difference() -> None:
    flat = np.full((4, 4, 3), 0.5, np.float32)
    assert psnr(flat + np.float32(0.25), flat) == pytest.approx(20 * np.log10(4))
    assert psnr(flat, flat) == float("inf")


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=30)
def test_constant_pictures_differ_in_luminance_only(first: float, second: float) -> None:
    preds, target = (np.full((176, 176, 3), value) for value in (first, second))
    expected = (2 * first * second + 1e-4) / (first**2 + second**2 + 1e-4)
    assert ssim(preds, target) == pytest.approx(expected, abs=1e-9)
    assert ms_ssim(preds, target) == pytest.approx(expected**0.1333, abs=1e-9)


def test_equal_pictures_are_alike() -> None:
    for picture in (PAIRS[0][0], PAIRS[-1][0]):
        assert ssim(picture, picture) == pytest.approx(1, abs=1e-6)
        assert ms_ssim(picture, picture) == pytest.approx(1, abs=1e-6)


def test_opposite_pictures_have_an_ms_ssim_of_zero() -> None:
    target = PAIRS[0][1]
    assert ms_ssim(1 - target, target) == 0
    assert ssim(1 - target, target) < 0


@given(st.integers(0, 11))
@settings(max_examples=12, deadline=None)
def test_the_order_of_the_pictures_does_not_matter(number: int) -> None:
    preds, target = PAIRS[number]
    assert psnr(preds, target) == psnr(target, preds)
    assert ssim(preds, target) == pytest.approx(ssim(target, preds), abs=1e-9)


def test_maps_cover_the_places_where_the_window_fits() -> None:
    preds, target = PAIRS[0]
    luminance, contrast = ssim_maps(preds, target)
    assert luminance.shape == contrast.shape == (151, 153, 3)
    assert luminance.dtype == contrast.dtype == np.float64


def test_too_small_for_the_window() -> None:
    with pytest.raises(InvalidInput, match="SSIM of 10 x 11 pixels: its window is 11 x 11"):
        ssim(PAIRS[0][0][:11, :10], PAIRS[0][1][:11, :10])
    with pytest.raises(InvalidInput, match="MS-SSIM of 160 x 161 pixels: it requires 161 per side"):
        ms_ssim(PAIRS[0][0][:, :160], PAIRS[0][1][:, :160])


def test_the_smallest_picture_with_ms_ssim() -> None:
    smallest = ms_ssim_smallest()
    assert smallest == 161
    assert 0 < ms_ssim(PAIRS[0][0][:, :smallest], PAIRS[0][1][:, :smallest]) < 1
