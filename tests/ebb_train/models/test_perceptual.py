"""The network of LPIPS against the published formula, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ebb_train.metrics.lpips import SMALLEST
from ebb_train.models.perceptual import LpipsNetwork, Net
from tests.helpers.lpips_weights import LAYERS, random_linear, random_trunk

SHIFT = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64).reshape(3, 1, 1)
SCALE = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64).reshape(3, 1, 1)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def network(net: Net) -> LpipsNetwork:
    made = LpipsNetwork(net)
    made.features.load_state_dict({k.removeprefix("features."): v for k, v in random_trunk(net).items()})
    for number, weights in enumerate(random_linear(net).values()):
        made.linear[number].copy_(weights)
    return made


def pictures(size: tuple[int, int], count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(count, 3, *size, generator=generator)
    return (target + 0.2 * torch.randn(count, 3, *size, generator=generator)).clamp(0, 1), target


def features(net: Net, picture: torch.Tensor) -> list[torch.Tensor]:
    """What LPIPS compares, layer by layer in float64: ``picture`` in [-1, 1]."""
    trunk = random_trunk(net)
    x, taps = (picture.double() - SHIFT) / SCALE, []
    for step in LAYERS[net]:
        if step == "pool":
            x = F.max_pool2d(x, 3, 2) if net == "alex" else F.max_pool2d(x, 2)
        elif step == "tap":
            taps.append(x)
        else:
            number, _, _, _, stride, padding = step
            weight, bias = (trunk[f"features.{number}.{name}"].double() for name in ("weight", "bias"))
            x = F.conv2d(x, weight, bias, stride=stride, padding=padding).clamp(min=0)
    return taps


def by_formula(net: Net, preds: torch.Tensor, target: torch.Tensor) -> tuple[float, np.ndarray]:
    """Equation 1: sum over layers of the mean over places of |w * (y - y0)|^2, y of unit length."""
    total, size = 0.0, preds.shape[-2:]
    map_ = np.zeros(size)
    both = zip(
        features(net, preds * 2 - 1), features(net, target * 2 - 1), random_linear(net).values(), strict=True
    )
    for first, second, weights in both:
        unit, other = (y / ((y**2).sum(1, keepdim=True).sqrt() + 1e-10) for y in (first, second))
        distance = torch.einsum("nchw,c->nhw", (unit - other) ** 2, weights.double().flatten())
        total += distance.mean().item()
        map_ += F.interpolate(distance[None], size, mode="bilinear", align_corners=False)[0, 0].numpy()
    return total, map_


@pytest.mark.parametrize("net", ["alex", "vgg"])
@pytest.mark.parametrize("size", [(64, 80), (67, 53)])
def test_distance_is_the_published_formula(net: Net, size: tuple[int, int]) -> None:
    preds, target = pictures(size)
    expected, expected_map = by_formula(net, preds, target)
    made = network(net)
    assert expected > 0.05
    assert made(preds, target).item() == pytest.approx(expected, abs=1e-6)
    found = made.spatial(preds, target)[0].numpy()
    np.testing.assert_allclose(found, expected_map, atol=1e-5 * expected_map.max())


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_equal_pictures_and_flat_ones(net: Net) -> None:
    made = network(net)
    _, target = pictures((48, 64))
    for picture in (target, torch.zeros_like(target), torch.ones_like(target)):
        assert made(picture, picture).tolist() == [0]
    assert torch.isfinite(made(torch.zeros_like(target), torch.ones_like(target))).all()


def test_a_batch_is_its_pictures_one_by_one() -> None:
    made = network("alex")
    preds, target = pictures((40, 44), count=3)
    one_by_one = [made(preds[i : i + 1], target[i : i + 1]).item() for i in range(3)]
    assert made(preds, target).tolist() == pytest.approx(one_by_one, abs=1e-6)
    assert made(preds, target).tolist() == pytest.approx(made(target, preds).tolist(), abs=1e-7)


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_smallest_pictures(net: Net) -> None:
    made, side = network(net), SMALLEST[net]
    assert made(*pictures((side, side))).item() > 0
    with pytest.raises(RuntimeError):
        made(*pictures((side - 1, side)))


def test_nothing_is_trained() -> None:
    assert not any(parameter.requires_grad for parameter in LpipsNetwork("alex").parameters())
