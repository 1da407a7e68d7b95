"""Blur of known diameter is found again."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage

from ebb_train.metrics.blur import COCS_PX, GRID, SharpPhoto, smoothed
from ebb_train.metrics.inputs import as_unit
from tests.helpers.blurred_photos import blurred, measure, sharp, typical


@pytest.mark.parametrize("coc_px", [3.0, 5.0, 7.0, 12.0, 20.0, 30.0])
def test_a_known_blur_is_found_within_a_tenth(coc_px: float) -> None:
    assert typical(blurred(coc_px)) == pytest.approx(coc_px, rel=0.1)


def test_no_blur() -> None:
    assert typical(sharp()) < 0.2


@pytest.mark.parametrize("coc_px", [4.0, 14.0])
def test_blur_is_independent_of_exposure_and_translation(coc_px: float) -> None:
    assert typical(blurred(coc_px, exposure=0.7)) == pytest.approx(coc_px, rel=0.1)
    assert typical(np.roll(blurred(coc_px), 2, axis=1)) == pytest.approx(coc_px, rel=0.15)
    assert typical(np.roll(sharp(), 2, axis=1)) < 1


def test_noise_does_not_reduce_the_measured_blur() -> None:
    noise = np.random.default_rng(0).normal(0, 1.5, sharp().shape)
    noisy = (blurred(8.0) + noise).round().clip(0, 255).astype(np.uint8)
    assert typical(noisy) == pytest.approx(8, rel=0.2)


def test_blur_of_flat_photos_is_not_trusted() -> None:
    flat = np.full((96, 120, 3), 0.4)
    found = SharpPhoto(flat).measure(flat)
    assert found.coc_px.shape == found.trust.shape == (96 // GRID, 120 // GRID)
    assert not found.trust.any()
    assert np.isfinite(found.coc_px).all()


def test_spread_covers_every_pixel_and_keeps_reliable_values() -> None:
    coc_px = 9.0
    photo = measure()
    spread = photo.spread(photo.measure(as_unit(blurred(coc_px), "photo")))
    assert spread.shape == sharp().shape[:2]
    assert spread.min() >= 0
    assert spread.max() <= max(COCS_PX)
    assert np.median(spread) == pytest.approx(coc_px, rel=0.1)


@pytest.mark.parametrize("shape", [(64, 67), (65, 130), (71, 64)])
def test_odd_sizes(shape: tuple[int, int]) -> None:
    photo = as_unit(np.ascontiguousarray(sharp()[: shape[0], : shape[1]]), "photo")
    found = SharpPhoto(photo)
    assert found.spread(found.measure(photo)).shape == shape


@pytest.mark.parametrize("sigma", [1.0, 6.0, 20.0])
@pytest.mark.parametrize("shape", [(120, 151), (121, 150, 3)])
def test_smoothing_is_gaussian(sigma: float, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random(shape, np.float32)
    inner = (slice(40, -40), slice(40, -40))
    expected = scipy.ndimage.gaussian_filter(values, (sigma, sigma, 0)[: len(shape)], mode="reflect")[inner]
    np.testing.assert_allclose(smoothed(values, sigma)[inner], expected, atol=0.3 * expected.std() + 1e-3)
