"""Checks that every network of :mod:`ebb_train.networks` passes."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from ebb_train.networks.inputs import NetworkInputs

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


def check_onnx(network: nn.Module, inputs: NetworkInputs, names: list[str]) -> None:
    """onnxruntime gives the picture that PyTorch gives, for other values than those of the export."""
    import onnxruntime

    shake(network)
    network.eval()
    given = {name: getattr(inputs, name) for name in names}
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the exporter's age, and of the tracer about Python values
        torch.onnx.export(
            Exported(network, names), tuple(given.values()), file, input_names=names, dynamo=False
        )
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    other = {name: values.flip(0, -1) * 0.9 for name, values in given.items()}
    expected = network(NetworkInputs(**other)).detach().numpy()
    found = session.run(None, {name: values.numpy() for name, values in other.items()})[0]
    assert np.ptp(expected) > 0.1
    assert np.abs(found - expected).max() <= 1e-4


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
