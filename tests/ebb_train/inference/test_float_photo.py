"""Float photos through the network, compared with 8-bit photos."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from ebb.errors import InvalidInput
from ebb_train.inference.float_photo import _mirrored, _resized, render_floats
from ebb_train.inference.whole_photo import pad, render_full_image
from tests.helpers.datasets import photos
from tests.helpers.networks import lively_network


@pytest.mark.parametrize("size", [(96, 64), (97, 65), (130, 30)])
def test_padding_is_that_of_8_bit_photos(size: tuple[int, int]) -> None:
    width, height = size
    half = np.random.default_rng(0).integers(0, 256, (height // 2, width // 2, 3), np.uint8)
    found = _mirrored(torch.from_numpy(half).permute(2, 0, 1)[None], height, width)
    np.testing.assert_array_equal(found[0].permute(1, 2, 0), pad(half, height, width))


def test_halving_is_pillows_bicubic_in_floats() -> None:
    image = np.random.default_rng(0).uniform(0.3, 0.7, (64, 96)).astype(np.float32)
    expected = np.asarray(Image.fromarray(image).resize((48, 32), Image.Resampling.BICUBIC))
    found = _resized(torch.from_numpy(image)[None, None], (32, 48))[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pictures_are_those_of_8_bit_photos_but_for_rounding() -> None:
    network = lively_network()
    wide, _, depth = photos(2, 70, 50)
    expected = render_full_image(network, wide, depth)
    found = render_floats(network, as_tensor(wide), as_tensor(depth[..., None]))[0].permute(1, 2, 0).numpy()
    assert found.shape == expected.shape
    assert np.abs(found - expected).mean() < 0.01


def as_tensor(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def test_photos_without_depth_or_pixels_are_refused() -> None:
    network = lively_network()
    with pytest.raises(InvalidInput, match="takes depth"):
        render_floats(network, torch.zeros(1, 3, 64, 64), None)
    with pytest.raises(InvalidInput, match="1 x 64 pixels"):
        render_floats(network, torch.zeros(1, 3, 64, 1), torch.zeros(1, 1, 32, 1))
