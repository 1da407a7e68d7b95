from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.lights import MANY, Light, blurred, regions, total
from ebb.bokeh.spectral import PackedColour, pair_of, transfer_of
from ebb.bokeh.squares import Square

KERNEL = blur_kernel(-11.0, Aperture(5, 10))
HALF = len(KERNEL) // 2


def light(top: int, left: int, height: int, width: int) -> Light:
    colour = pair_of(np.random.default_rng(height).random((height, width, 3), dtype=np.float32))
    colour.weight[:] = 0
    return Light(top, left, colour)


def blur(one: Light) -> Light:
    return blurred(one, 3, HALF, lambda rank, size, full: transfer_of(KERNEL, size) if full else KERNEL)


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (20, 2)])
def test_blur_of_a_light_is_convolution(shape: tuple[int, int]) -> None:
    """SciPy as the reference; kernels are correlated, hence the turn."""
    one = light(40, 50, *shape)
    found = blur(one)
    assert (found.top, found.left) == (40 - HALF, 50 - HALF)
    expected = convolve2d(one.colour.red_green[..., 1], KERNEL[::-1, ::-1])
    np.testing.assert_allclose(found.colour.red_green[..., 1], expected, atol=1e-6)
    assert abs(found.colour.weight).max() < 1e-6


def test_lights_are_summed_where_they_meet_a_square() -> None:
    lights = [light(8, 8, 4, 5), light(10, 10, 4, 5), light(-3, 18, 5, 9), light(30, 8, 4, 4)]
    canvas = np.zeros((50, 50, 2), np.float32)
    for one in lights:
        height, width = one.colour.weight.shape
        canvas[10 + one.top : 10 + one.top + height, 10 + one.left : 10 + one.left + width] += (
            one.colour.red_green
        )
    found = total(lights, Square(0, 0, 20))
    assert found is not None
    np.testing.assert_allclose(found.red_green, canvas[10:30, 10:30], rtol=1e-6)
    assert total(lights[3:], Square(0, 0, 20)) is None
    assert total([], Square(0, 0, 20)) is None


def test_regions_share_no_pixel() -> None:
    """A ring and a dot inside it: the rectangle of the ring holds both."""
    ring, dot = np.zeros((30, 40), bool), np.zeros((30, 40), bool)
    ring[2:12, 3:13] = True
    ring[4:10, 5:11] = False
    dot[7, 8] = True
    found = [np.zeros((30, 40), bool) for _ in range(2)]
    for canvas, region in zip(found, regions(ring | dot), strict=True):
        canvas[region.rows, region.columns] = region.mask
    np.testing.assert_array_equal(found, [ring, dot])


def test_many_regions_are_one() -> None:
    mask = np.zeros((30, 40), bool)
    mask[::2, ::2] = True
    assert mask[::2, ::2].size > MANY
    (region,) = regions(mask)
    np.testing.assert_array_equal(region.mask, mask)
    assert mask[region.rows, region.columns].shape == mask.shape


def test_light_has_no_weight() -> None:
    found = total([blur(light(0, 0, 3, 3))], Square(0, 0, 8))
    assert isinstance(found, PackedColour)
    assert abs(found.weight).max() < 1e-6
