"""LPIPS by the published formula, in float64, and networks with random weights."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from ebb_train.models.perceptual import LpipsNetwork, Net
from tests.helpers.lpips_weights import LAYERS, random_linear, random_trunk

SHIFT = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64).reshape(3, 1, 1)
SCALE = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64).reshape(3, 1, 1)


def network(net: Net) -> LpipsNetwork:
    """LPIPS network with random weights."""
    made = LpipsNetwork(net)
    made.features.load_state_dict({k.removeprefix("features."): v for k, v in random_trunk(net).items()})
    for number, weights in enumerate(random_linear(net).values()):
        made.linear[number].copy_(weights)
    return made


def pictures(size: tuple[int, int], count: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Random predictions and targets, (count, 3, *size), in [0, 1]."""
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(count, 3, *size, generator=generator)
    return (target + 0.2 * torch.randn(count, 3, *size, generator=generator)).clamp(0, 1), target


def features(net: Net, picture: torch.Tensor) -> list[torch.Tensor]:
    """Activations of each layer that LPIPS compares, in float64; ``picture`` is in [-1, 1]."""
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
    """Equation 1, and its map: sum over layers of the mean of |w * (y - y0)|^2 with unit-length y."""
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
