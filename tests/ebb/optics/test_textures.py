"""Surfaces: range, determinism, seamless noise, detail at every scale."""

import numpy as np
import pytest

from ebb.optics import textures


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return textures.fractal_noise(np.random.default_rng(0), 256)


def test_noise_repeats_without_a_seam(noise: np.ndarray) -> None:
    inside = np.abs(np.diff(noise, axis=1)).mean()
    assert np.abs(noise[:, 0] - noise[:, -1]).mean() < 2 * inside
    assert np.abs(noise[0] - noise[-1]).mean() < 2 * inside
    assert 0 <= noise.min() < 0.05
    assert 0.95 < noise.max() <= 1


def test_noise_has_detail_at_every_scale(noise: np.ndarray) -> None:
    """Power falls with frequency, but no octave is empty."""
    power = np.abs(np.fft.rfft2(noise - noise.mean())) ** 2
    y, x = np.fft.fftfreq(256)[:, None], np.fft.rfftfreq(256)[None]
    radius = np.hypot(x, y) * 256
    octaves = [power[(radius >= r) & (radius < 2 * r)].sum() for r in (4, 8, 16, 32, 64)]
    assert octaves[0] > octaves[-1] > 1e-4 * octaves[0]


@pytest.mark.parametrize("name", textures.SURFACES)
def test_surfaces(noise: np.ndarray, name: str) -> None:
    one, same = (textures.SURFACES[name](np.random.default_rng(5), noise, 90, 130) for _ in range(2))
    assert one.shape == (90, 130, 3)
    assert one.dtype == np.float32
    assert one.min() >= 0
    assert one.max() <= 1
    assert one.std(axis=(0, 1)).min() > 0.003, "no texture to align by"
    np.testing.assert_array_equal(one, same)


def test_any_surface_follows_the_shares(noise: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    forced = textures.any_surface(rng, noise, 40, 40, (0.0, 0.0, 0.0, 1.0))
    again = np.random.default_rng(0)
    again.choice(list(textures.SURFACES), p=(0.0, 0.0, 0.0, 1.0))
    np.testing.assert_array_equal(forced, textures.text(again, noise, 40, 40))


def test_mix_and_colours() -> None:
    dark, light = np.zeros(3, np.float32), np.array([0.2, 0.4, 0.8], np.float32)
    np.testing.assert_allclose(textures.mix(np.full((2, 2), 0.5, np.float32), dark, light)[0, 0], light / 2)
    colours = np.array([textures.random_colour(np.random.default_rng(i)) for i in range(100)])
    assert colours.min() >= 0.01
    assert colours.max() <= 0.85
