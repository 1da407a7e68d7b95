"""Uncertainty of the motion: shifts of many noisy copies vary by what is told, and grain is no knowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ebb.geometry.models import MotionModel
from ebb.measurements import UNKNOWN_PX
from ebb.registration.refinement import Refinement, sharp_in_both
from ebb.registration.tiles import band, measure
from ebb.registration.uncertainty import least_known, uncertainty_px

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Gray8


def refinement(wide: Gray8, shallow: Gray8) -> Refinement:
    """The tiles of two photos that do not move."""
    tiles = measure(band(wide), band(shallow), np.eye(3))
    return Refinement(np.eye(3), MotionModel.ROTATION, tiles, sharp_in_both(tiles))


def noisy(scene: NDArray[np.float64], sigma: float, seed: int) -> Gray8:
    grain = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, scene.shape), (0, 0), 0.7)
    return (scene + sigma * grain / grain.std()).round().clip(0, 255).astype(np.uint8)


def post(slant: float = 0.0) -> NDArray[np.float64]:
    """(384, 576), three posts, vertical or slanted, from edge to edge of the frame."""
    y, x = np.mgrid[:384, :576].astype(np.float64)
    across = x - 288 + slant * (y - 192)
    inside = sum(1 / (1 + np.exp(np.abs(across - place) - 20)) for place in (-120, 0, 120))
    return np.asarray(150 - 80 * inside)


def texture() -> NDArray[np.float64]:
    scene = cv2.GaussianBlur(np.random.default_rng(1).normal(0, 1, (384, 576)), (0, 0), 2.0)
    return np.asarray(120 + 30 * scene / scene.std())


@pytest.mark.parametrize("slant", [0.0, 0.3])
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_nothing_is_known_along_a_bare_post(slant: float, sigma: float) -> None:
    wide, shallow = noisy(post(slant), sigma, 1), noisy(post(slant), sigma, 2)
    refined = refinement(wide, shallow)
    assert refined.in_focus.sum() > 10
    assert uncertainty_px(band(wide), band(shallow), refined) > 1.0


@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_the_shifts_of_texture_vary_as_much_as_is_told(sigma: float) -> None:
    told, means = [], []
    for seed in range(12):
        wide, shallow = noisy(texture(), sigma, 2 * seed), noisy(texture(), sigma, 2 * seed + 1)
        refined = refinement(wide, shallow)
        told.append(uncertainty_px(band(wide), band(shallow), refined))
        known = refined.tiles.information[refined.in_focus]
        pull = np.einsum("nij,nj->i", known, refined.tiles.shifts[refined.in_focus])
        means.append(np.linalg.solve(known.sum(axis=0), pull))
    spread = np.std(means, axis=0).mean()
    assert 0.5 < np.median(told) / spread < 3


def test_nothing_in_focus_is_infinite() -> None:
    flat = np.full((384, 576), 120, np.uint8)
    assert uncertainty_px(band(flat), band(flat), refinement(flat, flat)) == np.inf


def test_the_least_known_direction_decides() -> None:
    edges = np.broadcast_to(np.diag([100.0, 1.0]), (400, 2, 2))
    assert least_known(edges) == pytest.approx(400 - 3 * 20)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert least_known(turn @ edges @ turn.T) == pytest.approx(400 - 3 * 20)
    grain = np.zeros((400, 2, 2))
    grain[:, 0, 0], grain[:, 1, 1] = 100, np.random.default_rng(0).normal(0, 1, 400)
    assert least_known(grain) < 40
    assert UNKNOWN_PX**-2 < 1e-3
