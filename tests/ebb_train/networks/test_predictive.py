"""Filters of each pixel against a loop over pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax

from ebb_train.networks.predictive import FilterBorder, apply_filters
from tests.helpers.photo_networks import filtered

MODES = {"zero": "constant", "reflect": "reflect"}


@pytest.mark.parametrize("border", ["zero", "reflect"])
@pytest.mark.parametrize("size", [1, 3, 9])
def test_against_a_loop(border: FilterBorder, size: int) -> None:
    rng = np.random.default_rng(size)
    picture, logits = rng.random((2, 3, 7, 11)), 3 * rng.standard_normal((2, size**2, 7, 11))
    found = apply_filters(torch.from_numpy(picture), torch.from_numpy(logits), size, border).numpy()
    for one, its_logits, result in zip(picture, logits, found, strict=True):
        weights = softmax(its_logits, axis=0).reshape(size, size, 7, 11)
        np.testing.assert_allclose(result, filtered(one, weights, MODES[border]), atol=1e-12)


def test_a_flat_picture_stays_flat() -> None:
    """With mirrored borders no filter invents a colour."""
    picture, logits = torch.full((1, 3, 6, 6), 0.3), 5 * torch.randn(1, 25, 6, 6)
    torch.testing.assert_close(apply_filters(picture, logits, 5, "reflect"), picture)


def test_gradients() -> None:
    logits = torch.randn(1, 9, 4, 5, dtype=torch.double, requires_grad=True)
    picture = torch.rand(1, 2, 4, 5, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p, k: apply_filters(p, k, 3, "reflect"), (picture, logits))
