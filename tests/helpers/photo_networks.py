"""Checks that every network of :mod:`ebb_train.networks` passes."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ebb_train.networks.channel_attention import ChannelAttention
from ebb_train.networks.planes import NetworkInputs

if TYPE_CHECKING:
    from collections.abc import Collection


def random_inputs(height: int, width: int, count: int = 1, seed: int = 0) -> NetworkInputs:
    """Every plane there is, of random values."""
    generator = torch.Generator().manual_seed(seed)

    def plane(channels: int) -> Tensor:
        return torch.rand((count, channels, height, width), generator=generator)

    strength = torch.rand((count, 1), generator=generator)
    return NetworkInputs(plane(3), plane(1), strength, plane(1).round(), plane(2))


def parameters(network: nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


def shake(network: nn.Module, seed: int = 1) -> None:
    """Move every parameter off its initial value: zeros would hide what they multiply."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in network.parameters():
            values.add_(torch.randn(values.shape, generator=generator), alpha=0.05)


def check_gradients(network: nn.Module, inputs: NetworkInputs, without: Collection[str] = ()) -> None:
    """Every parameter has a gradient other than zero, except those that cannot change the picture."""
    shake(network)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, ChannelAttention):
                module.gate[0].bias.add_(1)  # so few channels may all be below zero
    (network(inputs) - 0.3).square().mean().backward()
    missing = {
        name
        for name, values in network.named_parameters()
        if values.grad is None or not values.grad.abs().max() > 1e-12
    }
    assert missing <= set(without), missing


class Exported(nn.Module):
    """A network as a function of tensors."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *planes: Tensor) -> Tensor:
        picture: Tensor = self.network(NetworkInputs(**dict(zip(self.names, planes, strict=True))))
        return picture


def check_onnx(network: nn.Module, inputs: NetworkInputs, names: list[str], *, shaken: bool = True) -> None:
    """onnxruntime gives the picture that PyTorch gives, for other values and sizes than exported."""
    import onnxruntime

    if shaken:
        shake(network)
    network.eval()
    given = {name: getattr(inputs, name) for name in names}
    file = io.BytesIO()
    sides = {name: {2: "height", 3: "width"} for name, values in given.items() if values.ndim == 4}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's age, and of the tracer about Python values
        torch.onnx.export(
            Exported(network, names).eval(),
            tuple(given.values()),
            file,
            input_names=names,
            dynamic_axes=sides,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for size in (inputs.photo.shape[2:], inputs.photo.shape[:1:-1]):
        other = random_inputs(*size, seed=7)
        planes = {name: getattr(other, name) for name in names}
        expected = network(NetworkInputs(**planes)).detach().numpy()
        found = session.run(None, {name: values.numpy() for name, values in planes.items()})[0]
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def filtered(picture: np.ndarray, weights: np.ndarray, mode: str) -> np.ndarray:
    """Each pixel's own filter, (size, size, H, W), as a loop over pixels.

    Args:
        picture: (C, H, W).
        weights: The filters.
        mode: Of :func:`numpy.pad`.
    """
    size, _, height, width = weights.shape
    radius = size // 2
    padded = np.pad(picture, ((0, 0), (radius, radius), (radius, radius)), mode=mode)
    result = np.empty_like(picture)
    for y in range(height):
        for x in range(width):
            square = padded[:, y : y + size, x : x + size]
            result[:, y, x] = np.tensordot(square, weights[:, :, y, x], axes=2)
    return result
