"""DMSHN against its equations, written out with functions instead of modules."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ebb_train.networks.dmshn import Dmshn, StackedDmshn
from ebb_train.networks.planes import NetworkInputs
from tests.helpers.photo_networks import check_gradients, check_onnx, parameters, random_inputs, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")

State = dict[str, Tensor]


def conv(state: State, name: str, x: Tensor, stride: int = 1) -> Tensor:
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding=1)


def pairs(state: State, name: str, first: int, x: Tensor) -> Tensor:
    for number in (first, first + 1):
        inner = conv(state, f"{name}.{number}.body.0", x).clamp_min(0)
        x = x + conv(state, f"{name}.{number}.body.2", inner)
    return x


def encoded(state: State, scale: int, x: Tensor) -> Tensor:
    name = f"encoders.{scale}"
    x = pairs(state, name, 1, conv(state, f"{name}.0", x))
    x = pairs(state, name, 4, conv(state, f"{name}.3", x, 2))
    return pairs(state, name, 7, conv(state, f"{name}.6", x, 2))


def decoded(state: State, scale: int, x: Tensor) -> Tensor:
    name = f"decoders.{scale}"
    for first in (0, 3):
        x = pairs(state, name, first, x)
        up = f"{name}.{first + 2}"
        x = F.conv_transpose2d(x, state[f"{up}.weight"], state[f"{up}.bias"], stride=2, padding=1)
    return conv(state, f"{name}.8", pairs(state, name, 6, x))


def resized(x: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=False)


def expected(state: State, photo: Tensor) -> Tensor:
    """r3 = D3(f3 = E3(I3)); r2 = D2((f2 = E2(I2 + up r3)) + up f3); D1(E1(I1 + up r2) + up f2)."""
    height, width = photo.shape[2:]
    half = resized(photo, (height // 2, width // 2))
    f3 = encoded(state, 0, resized(half, (height // 4, width // 4)))
    r3 = decoded(state, 0, f3)
    f2 = encoded(state, 1, half + resized(r3, (height // 2, width // 2)))
    r2 = decoded(state, 1, f2 + resized(f3, (height // 8, width // 8)))
    f1 = encoded(state, 2, photo + resized(r2, (height, width)))
    return decoded(state, 2, f1 + resized(f2, (height // 4, width // 4)))


def test_the_picture_follows_the_equations() -> None:
    network, photo = Dmshn(4), random_inputs(32, 48, 2).photo
    shake(network)
    with torch.no_grad():
        torch.testing.assert_close(network(NetworkInputs(photo)), expected(network.state_dict(), photo))


def test_two_in_series() -> None:
    network, photo = StackedDmshn(4), random_inputs(16, 16).photo
    shake(network)
    with torch.no_grad():
        first = expected(network.first.state_dict(), photo)
        torch.testing.assert_close(
            network(NetworkInputs(photo)), expected(network.second.state_dict(), first)
        )


def test_counts_of_the_halves() -> None:
    network = Dmshn()
    assert [parameters(part) for part in (*network.encoders, *network.decoders)] == [868_288] * 3 + [
        939_843
    ] * 3


def test_gradients() -> None:
    check_gradients(StackedDmshn(4), random_inputs(32, 32, 2))


def test_onnx() -> None:
    check_onnx(Dmshn(4), random_inputs(16, 32), ["photo"])
