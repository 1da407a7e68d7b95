"""Surfaces: range, determinism, seamless noise, detail at every scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.simulation import textures


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


def test_the_shares_of_surfaces_are_respected(noise: np.ndarray) -> None:
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


def test_noise_is_drawn_from_its_seed() -> None:
    one, same, other = (textures.fractal_noise(np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).mean() > 0.1


@pytest.mark.parametrize("size", [8, 32, 128])
def test_noise_of_every_size(size: int) -> None:
    made = textures.fractal_noise(np.random.default_rng(0), size)
    assert made.shape == (size, size)
    assert made.dtype == np.float32


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 300), st.integers(1, 300))
def test_crops_are_cut_out_of_the_repeated_tile(seed: int, height: int, width: int) -> None:
    tile = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    crop = textures.crop_noise(np.random.default_rng(seed), tile, height, width)
    assert crop.shape == (height, width)
    top, left = divmod(int(crop[0, 0]), 64)
    repeated = np.tile(tile, (6, 6))
    np.testing.assert_array_equal(crop, repeated[top : top + height, left : left + width])


def test_bricks_have_joints_at_even_distances(noise: np.ndarray) -> None:
    """Joint rows have one colour along the wall; they come back with the height of a brick."""
    wall = textures.bricks(np.random.default_rng(3), noise, 400, 300)
    contrast = np.abs(np.diff(wall.mean(axis=2), axis=1)).mean(axis=1)
    profile = contrast - contrast.mean()
    spectrum = np.abs(np.fft.rfft(profile))
    period = 400 / (1 + np.argmax(spectrum[1:60]))
    assert 10 < period < 61


def test_threads_of_a_weave_repeat(noise: np.ndarray) -> None:
    cloth = textures.weave(np.random.default_rng(2), noise, 256, 256).mean(axis=2)
    spectrum = np.abs(np.fft.fft2(cloth - cloth.mean()))[:128, :128]
    spectrum[:10, :10] = 0
    y, x = np.unravel_index(np.argmax(spectrum[10:40, 10:40]), (30, 30))
    assert 256 / 16 - 2 <= y + 10 <= 256 / 9 + 2
    assert abs(int(x) - int(y)) <= 1, "threads across are as thick as those along"


def test_text_is_dark_on_light_paper(noise: np.ndarray) -> None:
    for seed in range(4):
        page = textures.text(np.random.default_rng(seed), noise, 200, 300).mean(axis=2)
        low, high = np.percentile(page, (2, 90))
        assert low < 0.5 * high
        assert (page < 0.5 * (low + high)).mean() < 0.5, "more ink than paper"


def test_surfaces_may_be_smaller_or_larger_than_their_noise(noise: np.ndarray) -> None:
    for name, surface in textures.SURFACES.items():
        for height, width in ((8, 9), (300, 40)):
            made = surface(np.random.default_rng(0), noise, height, width)
            assert made.shape == (height, width, 3), name
            assert np.isfinite(made).all()


@settings(deadline=None, max_examples=25)
@given(st.floats(0.02, 0.3), st.floats(0.31, 0.8), st.integers(0, 10_000))
def test_colours_are_between_dark_and_light(dark: float, light: float, seed: int) -> None:
    colour = textures.random_colour(np.random.default_rng(seed), dark, light)
    assert colour.shape == (3,)
    assert colour.min() >= 0.01
    assert colour.mean() <= 2 * light
    assert colour.max() >= 0.8 * dark
