"""Instance normalisation and leaky ReLU in one step of training, between channels-last convolutions on a CPU.

Convolutions of few maps train faster with channels-last maps, which PyTorch normalises with a large error
(:func:`ebb_train.models.network.instance_norm`) and whose gradients it would rearrange value by value where
the layouts of two operations differ. Here both layouts are converted as a whole: four copies a layer, two of
them in the backward pass.
"""

from __future__ import annotations

from typing import Any

import torch  # noqa: TID253 - part of a network definition
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor  # noqa: TID253

from ebb_train.models.blocks import EPSILON, SLOPE


def applies_to(maps: Tensor) -> bool:
    """Whether :func:`norm_activation` is the faster way: float32, channels-last, on a CPU, in training."""
    return (
        maps.requires_grad
        and maps.device.type == "cpu"
        and maps.dtype == torch.float32
        and not maps.is_contiguous()
        and maps.is_contiguous(memory_format=torch.channels_last)
    )


def norm_activation(maps: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Leaky ReLU of the instance normalisation; values and gradients are those of the two in a row.

    Args:
        maps: (N, C, H, W), float32, channels-last.
        scale: (C,).
        shift: (C,).

    Returns:
        (N, C, H, W), channels-last.
    """
    result: Tensor = _NormActivation.apply(maps, scale, shift)  # type: ignore[no-untyped-call]
    return result


class _NormActivation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, scale: Tensor, shift: Tensor) -> Tensor:  # noqa: ANN401 - untyped in PyTorch
        count, channels, height, width = maps.shape
        maps = maps.contiguous()
        result, mean, rstd = torch.native_group_norm(
            maps, scale, shift, count, channels, height * width, channels, EPSILON
        )
        F.leaky_relu_(result, SLOPE)
        ctx.save_for_backward(maps, result, mean, rstd, scale)
        return result.contiguous(memory_format=torch.channels_last)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:  # noqa: ANN401
        maps, result, mean, rstd, scale = ctx.saved_tensors
        count, channels, height, width = maps.shape
        inner = torch.ops.aten.leaky_relu_backward(gradient.contiguous(), result, SLOPE, True)
        by_maps, by_scale, by_shift = torch.ops.aten.native_group_norm_backward(
            inner, maps, mean, rstd, scale, count, channels, height * width, channels, [True, True, True]
        )
        return by_maps.contiguous(memory_format=torch.channels_last), by_scale, by_shift
