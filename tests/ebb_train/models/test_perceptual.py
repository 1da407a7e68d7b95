"""The LPIPS network against the published formula."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ebb_train.metrics.lpips import SMALLEST
from ebb_train.models.perceptual import LpipsNetwork, Net
from tests.helpers.lpips_reference import by_formula, network, pictures

pytestmark = pytest.mark.usefixtures("one_torch_thread")


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
