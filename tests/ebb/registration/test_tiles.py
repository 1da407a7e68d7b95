"""Shifts of tiles against shifts that were made."""

import dataclasses

import numpy as np
import pytest

from ebb.quality.grid import TILE_PX
from ebb.registration.tiles import NUM_SIZES, band, measure, pyramid
from tests.helpers.textured_pairs import FRAME, pair


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(("x", "y"), [(0.0, 0.0), (0.3, -0.2), (-0.6, 0.5)])
def test_a_small_shift_is_measured(x: float, y: float) -> None:
    """Measured at the identity, the shallow photo must move by what brings it onto the wide one."""
    wide, shallow = pair(1, shift(x, y), blur_left=0)
    tiles = measure(band(wide), band(shallow), np.eye(3))
    error = tiles.shifts - (x, y)
    assert np.abs(np.median(error, axis=0)).max() < 0.02 + 0.05 * np.hypot(x, y)
    assert np.linalg.norm(error, axis=1).max() < 0.25


def test_no_bias_where_the_motion_is_right() -> None:
    wide, shallow = pair(2, shift(3.37, -2.61), blur_left=0)
    tiles = measure(band(wide), band(shallow), shift(3.37, -2.61))
    assert np.abs(tiles.shifts.mean(axis=0)).max() < 0.005


@pytest.mark.parametrize("gain", [0.5, 1.6])
def test_exposure_changes_nothing(gain: float) -> None:
    wide, shallow = pair(3, shift(0.2, 0.1), blur_left=0)
    _, other = pair(3, shift(0.2, 0.1), blur_left=0, gain=gain)
    plain, brighter = (measure(band(wide), band(photo), np.eye(3)) for photo in (shallow, other))
    assert np.median(np.abs(plain.shifts - brighter.shifts)) < 0.02


def test_information_predicts_the_error() -> None:
    errors = []
    for seed in range(3):
        wide, shallow = pair(seed, shift(0, 0), blur_left=0, noise=0.02)
        tiles = measure(band(wide), band(shallow), np.eye(3))
        errors.append(np.einsum("ni,nij,nj->n", tiles.shifts, tiles.information, tiles.shifts))
    assert 0.2 < np.median(errors) / 1.386 < 4  # chi-squared with two degrees of freedom has median 1.386


def test_an_edge_gives_no_information_along_it() -> None:
    stripes = np.zeros((128, 128), np.uint8)
    stripes[:, 60:] = 200
    tiles = measure(band(stripes), band(stripes), np.eye(3))
    across, along = tiles.information[:, 0, 0], tiles.information[:, 1, 1]
    assert across.max() > 100
    assert along.max() < 1e-3 * across.max()


def test_sharpness_falls_with_blur() -> None:
    wide, shallow = pair(4, shift(0, 0), blur_left=6.0)
    tiles = measure(band(wide), band(shallow), np.eye(3))
    left, right = tiles.centres[:, 0] < 0.35 * FRAME.width, tiles.centres[:, 0] > 0.6 * FRAME.width
    assert np.median(tiles.sharpness[right]) > 0.9
    assert np.median(tiles.sharpness[left]) < 0.2
    assert np.median(tiles.shallow_contrast[left]) < 0.3 * np.median(tiles.contrast[left])


def test_tiles_lie_inside_both_photos() -> None:
    wide, shallow = pair(5, shift(40, 0), blur_left=0)
    tiles = measure(band(wide), band(shallow), shift(40, 0))
    assert tiles.centres[:, 0].min() > 40 + TILE_PX / 2
    assert len(tiles) == len(tiles.subset(np.ones(len(tiles), bool)))


def test_plain_walls_give_no_information() -> None:
    wall = np.full((128, 128), 120, np.uint8)
    tiles = measure(band(wall), band(wall), np.eye(3))
    assert np.abs(tiles.information).max() < 1e-6
    assert np.isfinite(tiles.shifts).all()


def test_noise_does_not_make_shifts_shorter() -> None:
    """Without the correlation of both slopes, a step would be a sixth too short."""
    wide, shallow = pair(6, shift(0.4, 0), blur_left=0, noise=0.1)
    tiles = measure(band(wide), band(shallow), np.eye(3))
    assert np.median(tiles.correlation) < 0.9
    weights = tiles.information[:, 0, 0]
    assert np.average(tiles.shifts[:, 0], weights=weights) == pytest.approx(0.4, abs=0.04)


def test_noise_alone_gives_no_information() -> None:
    rng = np.random.default_rng(7)
    wide, shallow = (np.clip(rng.normal(120, 8, (384, 576)), 0, 255).astype(np.uint8) for _ in range(2))
    tiles = measure(band(wide), band(shallow), np.eye(3))
    sigma_px = 1 / np.sqrt(np.linalg.eigvalsh(tiles.information)[:, 1])
    assert np.median(sigma_px) > 1


def test_a_pyramid_halves_while_there_is_room() -> None:
    sizes = [(one.size.width, one.size.height) for one in pyramid(np.zeros((300, 401), np.uint8))]
    assert sizes == [(401, 300), (200, 150), (100, 75)][:NUM_SIZES]
    assert len(pyramid(np.zeros((100, 300), np.uint8))) == 1


def test_regions_average_noise_and_keep_what_neighbours_have_in_common() -> None:
    """Noise of 0.3 px, and a corner of 4 x 4 tiles that is 2 px off."""
    wide, _ = pair(3)
    tiles = measure(band(wide), band(wide), np.eye(3))
    rng = np.random.default_rng(0)
    corner = (tiles.centres < 4 * TILE_PX + TILE_PX).all(axis=1)
    shifts = rng.normal(0, 0.3, tiles.shifts.shape) + 2.0 * corner[:, None]
    known = np.broadcast_to(np.eye(2) / 0.3**2, tiles.information.shape)
    noisy = dataclasses.replace(tiles, shifts=shifts, information=known)
    found = noisy.shifts_of_regions(np.ones(len(tiles), bool))
    assert np.std(found[~corner]) < 0.3
    assert np.median(found[corner]) == pytest.approx(2.0, abs=0.3)
    chosen = rng.random(len(tiles)) < 0.3
    assert noisy.shifts_of_regions(chosen).shape == (chosen.sum(), 2)
    assert noisy.shifts_of_regions(np.zeros(len(tiles), bool)).shape == (0, 2)
