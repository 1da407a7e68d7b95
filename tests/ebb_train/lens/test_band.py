from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ebb_train.lens.band import EXTRA_PX, FADE_PX, edge_band


def step(near: float, far: float, width: int = 120) -> np.ndarray:
    coc = np.full((40, width), far, np.float32)
    coc[:, : width // 2] = near
    return coc


@given(near=st.floats(-20, 0), far=st.floats(2, 20))
def test_the_band_covers_the_blur_of_both_sides(near: float, far: float) -> None:
    band = edge_band(step(near, far))[20]
    radius = max(-near, far) / 2
    reach = radius + EXTRA_PX
    distance = np.abs(np.arange(120) - 59.5)
    assert (band[distance <= reach] == 1).all()
    # The window of the step adds 4 pixels on each side.
    assert (band[distance >= reach + 5 + FADE_PX + 1] == 0).all()


@given(seed=st.integers(0, 2**32), height=st.integers(1, 40))
def test_weights(seed: int, height: int) -> None:
    coc = np.random.default_rng(seed).uniform(-20, 20, (height, 30)).astype(np.float32)
    band = edge_band(coc)
    assert band.shape == coc.shape
    assert band.dtype == np.float32
    assert 0 <= band.min() <= band.max() <= 1


def test_no_edge_no_band() -> None:
    slope = np.tile(np.linspace(-10, 10, 400, dtype=np.float32), (40, 1))
    assert not edge_band(slope).any()
    assert not edge_band(np.zeros((1, 1), np.float32)).any()


def test_a_blurred_edge_is_an_edge() -> None:
    import cv2

    soft = np.asarray(cv2.GaussianBlur(step(-8, 8), (0, 0), 3))
    assert edge_band(soft)[20, 55:65].min() == 1
