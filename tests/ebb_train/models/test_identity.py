"""Networks whose pictures start as the photo, against the photo."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from ebb_train.models.identity import keep_photo, start_as_photo
from ebb_train.models.network import PyNet
from ebb_train.models.pynet import PyNetConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def photo(channels: int) -> torch.Tensor:
    """A smooth photo with fine detail in brightness, as photos have."""
    generator = torch.Generator().manual_seed(0)
    colours = F.interpolate(torch.rand(1, channels, 5, 5, generator=generator), (96, 96), mode="bicubic")
    detail = F.avg_pool2d(torch.rand(1, 1, 98, 98, generator=generator), 3, 1)
    return (0.7 * colours + 0.6 * (detail - 0.5) + 0.15).clamp(0, 1)


def psnr(found: torch.Tensor, wanted: torch.Tensor) -> float:
    error = (found - wanted)[..., 6:-6, 6:-6]
    return float(-10 * torch.log10(error.square().mean()))


def made(config: PyNetConfig) -> PyNet:
    network = PyNet(config)
    network.reset_parameters(torch.Generator().manual_seed(1), "fan_in")
    for level in range(7, config.level - 1, -1):
        start_as_photo(network, level)
    if config.level == 1:
        network.enlarge_level_2()
    return network


@pytest.mark.parametrize("in_channels", [3, 4])
def test_pictures_start_as_the_photo(in_channels: int) -> None:
    config, x = PyNetConfig(width=0.125, in_channels=in_channels), photo(in_channels)
    with torch.inference_mode():
        found = {level: made(replace(config, level=level))(x) for level in (3, 2, 1)}
        random = PyNet(replace(config, level=2))
        random.reset_parameters(torch.Generator().manual_seed(1), "fan_in")
        assert psnr(random(x), x[:, :3]) < 20
    assert psnr(found[3], F.avg_pool2d(x[:, :3], 2)) > 30
    assert psnr(found[2], x[:, :3]) > 28
    assert psnr(found[1], F.interpolate(x[:, :3], scale_factor=2, mode="bilinear")) > 28


def test_deeper_levels_see_the_photo_and_start_as_without() -> None:
    plain = PyNet(PyNetConfig(level=6, width=0.125))
    plain.reset_parameters(torch.Generator().manual_seed(1), "fan_in")
    changed = {
        name
        for name, values in made(PyNetConfig(level=6, width=0.125)).state_dict().items()
        if not torch.equal(values, plain.state_dict()[name])
    }
    assert changed == {f"encoder.e3.3x3.{i}.{part}" for i in (0, 1) for part in ("weight", "bias")}


@pytest.mark.parametrize(("level", "is_trained"), [(4, False), (3, True)])
def test_the_first_maps_are_trained_from_level_3_on(level: int, is_trained: bool) -> None:
    network = made(PyNetConfig(level=level, width=0.125))
    keep_photo(network)
    trained = {name for name, values in network.named_parameters() if values.requires_grad}
    assert any(name.startswith("encoder.e3") for name in trained) == is_trained
    assert any(name.startswith("encoder.e4") for name in trained)


def test_wider_networks_have_maps_to_spare() -> None:
    with torch.inference_mode():
        assert psnr(made(PyNetConfig(level=2, width=0.75))(photo(4)), photo(4)[:, :3]) > 28
