"""Pictures of networks whose input has the photo's size."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ebb.errors import InvalidInput
from ebb_train.data.planes import position_planes
from ebb_train.inference.full_size import padded_side, render_at_full_size, render_floats_at_full_size
from ebb_train.networks.photo_network import PhotoNetwork

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class Recorder(nn.Module):
    """A network that returns its photo and keeps what it was given."""

    def __init__(self, *planes: str, multiple: int = 8, smallest_side: int = 24) -> None:
        super().__init__()
        self.spec = SimpleNamespace(
            name="recorder",
            planes=planes,
            multiple=multiple,
            smallest_side=smallest_side,
            reference_f_number=2.0,
        )
        self.in_channels = 4 if "depth" in planes else 3
        self.weight = nn.Parameter(torch.zeros(1))
        self.given: dict[str, Tensor] = {}

    def forward(self, photo: Tensor, **planes: Tensor) -> Tensor:
        assert not self.training
        self.given = {"photo": photo, **planes}
        return photo[:, :3]


def recorder(*planes: str, **options: int) -> Any:
    return cast("PhotoNetwork", Recorder(*planes, **options).train())


@pytest.mark.parametrize(("height", "width"), [(2, 3), (24, 32), (37, 51)])
def test_any_size_comes_back_as_it_was(height: int, width: int) -> None:
    network = recorder("depth")
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    picture = render_at_full_size(network, photo, photo[: max(1, height // 2), : max(1, width // 2), 0])
    np.testing.assert_array_equal(picture, photo / np.float32(255))
    padded = network.given["photo"][0, :3].numpy()
    assert padded.shape[1:] == (padded_side(height, network.spec), padded_side(width, network.spec))
    assert padded.shape[1] % 8 == padded.shape[2] % 8 == 0
    assert min(padded.shape[1:]) >= 24
    expected = np.pad(
        photo, [(0, padded.shape[1] - height), (0, padded.shape[2] - width), (0, 0)], "symmetric"
    )
    np.testing.assert_array_equal(padded.transpose(1, 2, 0), expected / np.float32(255))
    assert network.training, "as it was before"


def test_depth_lies_where_the_photo_does() -> None:
    """A stored map covers pairs of pixels; the odd last column repeats the one before."""
    network = recorder("depth")
    ramp = np.tile(np.arange(0, 200, 4, dtype=np.uint8), (16, 1))  # 50 columns of a photo of 101
    render_at_full_size(network, np.zeros((33, 101, 3), np.uint8), ramp)
    depth = network.given["photo"][0, 3, :33, :101].numpy() * 255
    np.testing.assert_allclose(depth[16, 4:96], 2 * np.arange(4, 96) - 1, atol=1.1)
    np.testing.assert_array_equal(depth[:, 100], depth[:, 99])


def test_strength_and_position() -> None:
    network = recorder("strength", "position", smallest_side=1)
    render_at_full_size(network, np.zeros((16, 24, 3), np.uint8), None, 4.0)
    assert network.given["strength"].tolist() == [[0.5]]
    np.testing.assert_array_equal(network.given["position"][0].permute(1, 2, 0), position_planes(16, 24))


def test_floats_are_not_rounded() -> None:
    network = recorder("depth")
    photo, depth = torch.rand(2, 3, 30, 41), torch.rand(2, 1, 15, 20)
    picture = render_floats_at_full_size(network, photo, depth)
    assert torch.equal(picture, photo)
    same = render_floats_at_full_size(network, photo, torch.rand(2, 1, 30, 41))
    assert same.shape == photo.shape


def test_what_is_missing_is_named() -> None:
    photo = np.zeros((16, 16, 3), np.uint8)
    with pytest.raises(InvalidInput, match=r"a photo of 16 x 1 pixels \(at least 2 x 2"):
        render_at_full_size(recorder(), photo[:1], None)
    with pytest.raises(
        InvalidInput, match=r"recorder takes depth, and there is none \(make a map with: ebb depth"
    ):
        render_at_full_size(recorder("depth"), photo, None)
    with pytest.raises(InvalidInput, match="recorder takes the f-number of the picture, and there is none"):
        render_at_full_size(recorder("strength"), photo, None)
