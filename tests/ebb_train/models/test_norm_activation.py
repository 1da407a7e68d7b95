"""Instance normalisation and leaky ReLU between channels-last maps, against PyTorch's own in float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from ebb_train.models.blocks import EPSILON, SLOPE
from ebb_train.models.norm_activation import applies_to, norm_activation


def maps(mean: float = 0.0) -> torch.Tensor:
    values = torch.randn(2, 8, 6, 5, generator=torch.Generator().manual_seed(3)) + mean
    return values.contiguous(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("mean", [0.0, 300.0])
def test_values_and_gradients(mean: float) -> None:
    x, scale, shift = (
        maps(mean),
        torch.linspace(-1, 2, 8, requires_grad=True),
        torch.zeros(8, requires_grad=True),
    )
    weight = torch.randn(2, 8, 6, 5, generator=torch.Generator().manual_seed(4))
    y = norm_activation(x, scale, shift)
    found = torch.autograd.grad((y * weight).sum(), (x, scale, shift))
    exact = [values.detach().double().contiguous().requires_grad_() for values in (x, scale, shift)]
    expected = F.leaky_relu(
        F.instance_norm(exact[0], weight=exact[1], bias=exact[2], use_input_stats=True, eps=EPSILON), SLOPE
    )
    gradients = torch.autograd.grad((expected * weight).sum(), exact)
    tolerance = 1e-5 if mean == 0 else 1e-3  # of values near 300, float32 leaves 3e-5
    torch.testing.assert_close(y.double(), expected, rtol=tolerance, atol=tolerance)
    for one, other in zip(found, gradients, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=tolerance, atol=50 * tolerance)
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_where_it_applies() -> None:
    assert applies_to(maps())
    assert not applies_to(maps().detach())  # inference
    assert not applies_to(maps().contiguous())
    assert not applies_to(maps().bfloat16())
