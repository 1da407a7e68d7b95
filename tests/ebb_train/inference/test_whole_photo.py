"""Whole photos through the network: any size, the training samples' halving, no cut edges."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import SampleIndex
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.sources import Photos
from ebb_train.inference.whole_photo import halve, pad, picture_size, render_full_image
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import LEVELS, PyNetConfig
from tests.helpers.datasets import photos

CONFIG = PyNetConfig(width=1 / 32)


class Scene:
    """A source of one pair, in memory."""

    def __init__(self, width: int, height: int) -> None:
        self.folder = "scene"
        self.pair = Photos("a", *photos(1, width, height))

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Photos:
        return self.pair


@cache
def network(**values: object) -> PyNet:
    torch.manual_seed(0)
    made = PyNet(replace(CONFIG, **values))  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return made.eval()


@pytest.mark.parametrize("in_channels", [3, 4])
@pytest.mark.parametrize("side", [64, 128])
def test_the_halving_is_that_of_the_training_samples(in_channels: int, side: int) -> None:
    scene = Scene(side, side)
    samples = CropDataset(scene, CropSettings(level=1, side=side, in_channels=in_channels, augment="none"))  # type: ignore[arg-type]
    photo = samples.sample(SampleIndex(0, 0)).photo
    assert np.array_equal(halve(scene.pair.wide, scene.pair.depth, in_channels), photo)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("in_channels", [3, 4])
def test_without_padding_the_result_is_that_of_the_network(level: int, in_channels: int) -> None:
    made = network(level=level, in_channels=in_channels)
    wide, _, depth = photos(2, 192, 128)
    x = torch.from_numpy(halve(wide, depth, in_channels).copy()).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        expected = made(x).clamp(0, 1)[0].permute(1, 2, 0).numpy()
    picture = render_full_image(made, wide, depth if in_channels == 4 else None)
    assert picture.shape[:2] == picture_size(level, 128, 192)
    assert np.array_equal(picture, expected)
    assert expected.std() > 0


@given(height=st.integers(2, 100), width=st.integers(2, 100))
@settings(deadline=None, max_examples=12)
def test_the_result_has_the_size_of_the_photo(height: int, width: int) -> None:
    wide, _, depth = photos(3, width, height)
    picture = render_full_image(network(), wide, depth)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.float32
    assert picture.flags.c_contiguous
    assert 0 <= picture.min() <= picture.max() <= 1


@given(height=st.integers(2, 300), width=st.integers(2, 300))
@settings(deadline=None, max_examples=100)
def test_padding_repeats_the_photo_mirrored_and_no_more_than_needed(height: int, width: int) -> None:
    half = np.arange((height // 2) * (width // 2), dtype=np.uint8).reshape(height // 2, width // 2, 1)
    padded = pad(half, height, width)
    for length, before, whole in zip(padded.shape, half.shape, (height, width), strict=False):
        assert length % 32 == 0
        assert whole <= 2 * length < whole + 64
        assert length >= before
    mirrored = np.concatenate([half, half[::-1]])[: padded.shape[0], : half.shape[1]]
    assert np.array_equal(padded[: mirrored.shape[0], : half.shape[1]], mirrored)


def test_the_picture_of_a_padded_photo_is_that_of_the_mirrored_photo() -> None:
    """Mirroring by hand, at full size: depth of half the size mirrors about the same line."""
    wide, _, depth = photos(4, 96, 64)
    mirrored = np.concatenate([wide, wide[:, ::-1]], axis=1)[:, :128]
    expected = render_full_image(network(), mirrored, np.concatenate([depth, depth[:, ::-1]], axis=1)[:, :64])
    difference = np.abs(render_full_image(network(), wide, depth) - expected[:, :96])
    assert difference[:, :64].max() < 0.2
    assert difference.mean() < 0.01  # only the bicubic kernel at the line sees anything else


@pytest.mark.parametrize("width", [101, 100])
def test_halving_an_odd_photo_causes_no_shift(width: int) -> None:
    """On a ramp of 2 levels a pixel: input pixel i is the mean of photo pixels 2i and 2i + 1."""
    ramp = np.broadcast_to((2 * np.arange(width, dtype=np.uint8))[None, :, None], (40, width, 3))
    half = halve(np.ascontiguousarray(ramp), None, 3)[10, :, 0]
    inner = np.arange(2, 48)
    assert np.array_equal(half[inner], 4 * inner + 1)


def test_padding_is_part_of_the_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a photo that goes on for real; statistics of the photo alone lack the rim of convolutions."""
    wide, _, depth = photos(6, 320, 192)
    truth = render_full_image(network(), wide, depth)[:, :160]
    part = np.ascontiguousarray(wide[:, :310]), np.ascontiguousarray(depth[:, :155])
    mirrored = render_full_image(network(), *part)[:, :160]

    def of_the_photo_alone(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
        inner = x[..., : -(-310 * x.shape[3] // 320)]
        variance, mean = torch.var_mean(inner, (2, 3), unbiased=False, keepdim=True)
        return (x - mean) * torch.rsqrt(variance + 1e-3) * scale[:, None, None] + shift[:, None, None]

    monkeypatch.setattr("ebb_train.models.network.instance_norm", of_the_photo_alone)
    alone = render_full_image(network(), *part)[:, :160]
    assert np.abs(mirrored - truth).mean() < 0.5 * np.abs(alone - truth).mean()


def test_depth_of_any_size_is_brought_to_half_the_photo() -> None:
    wide, _, depth = photos(5, 96, 64)
    flat = np.full((200, 31), 77, np.uint8)
    assert (halve(wide, flat, 4)[..., 3] == 77).all()
    assert np.array_equal(halve(wide, depth, 4)[..., 3], depth)


def test_a_network_of_half_precision() -> None:
    wide, _, depth = photos(5, 70, 64)
    exact = render_full_image(network(), wide, depth)
    rough = render_full_image(deepcopy(network()).bfloat16(), wide, depth)
    assert rough.dtype == np.float32
    assert 0 < np.abs(rough - exact).mean() < 0.02


def test_what_cannot_be_rendered() -> None:
    wide, _, depth = photos(5, 96, 64)
    with pytest.raises(InvalidInput, match=r"takes depth, and there is none .*ebb depth"):
        render_full_image(network(), wide, None)
    with pytest.raises(InvalidInput, match=r"a photo of 96 x 1 pixels .*at least 2 x 2"):
        render_full_image(network(), wide[:1], depth)


def test_sizes_of_the_levels() -> None:
    assert [picture_size(level, 1024, 1537) for level in (1, 2, 7)] == [(1024, 1537), (512, 768), (16, 24)]
    assert picture_size(7, 40, 63) == (1, 1)
