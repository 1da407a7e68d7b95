"""Pictures by a network, without files; with files, see the tests of the rendering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ebb.arrays import Size
from ebb.errors import Reason, Rejected, UsageError
from ebb.one_photo import OnePhoto
from ebb.photo.metadata import Metadata
from ebb.settings import DepthSettings
from ebb_train.inference.network_pictures import NetworkPictures, depth_for, load_for_rendering
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.inference_graph import InferenceGraph
from ebb_train.models.network import save_pynet
from ebb_train.networks.photo_network import build_network, save_network
from ebb_train.networks.spec import NetworkConfig
from ebb_train.pixels import from_unit
from tests.helpers.datasets import photos
from tests.helpers.networks import lively_network

WIDE, _, _ = photos(0, 96, 64)


def photo(pixels: np.ndarray) -> OnePhoto:
    size = Size(pixels.shape[1], pixels.shape[0])
    return OnePhoto(
        path=Path("a.jpg"), size=size, small=pixels, full=None, orientation=1, metadata=Metadata(b"", b"")
    )


def test_a_network_without_depth() -> None:
    network = lively_network(in_channels=3)
    (found,), facts = NetworkPictures(network, None)(photo(WIDE))
    np.testing.assert_array_equal(found, from_unit(render_full_image(network, WIDE, None)))
    assert facts == {}
    assert depth_for(network, DepthSettings(provider="none"), None, Path("w")) is None
    with pytest.raises(Rejected) as caught:
        NetworkPictures(network, None)(photo(WIDE[:1, :2]))
    assert caught.value.reason is Reason.TOO_SMALL


def test_a_network_with_depth_needs_some(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    path.touch()
    with pytest.raises(UsageError, match="the network takes depth, and --provider none gives none"):
        depth_for(lively_network(), DepthSettings(provider="none"), None, path)


def test_loading(tmp_path: Path) -> None:
    path = tmp_path / "level-3.safetensors"
    save_pynet(path, lively_network(level=3), source="a test")
    said: list[str] = []
    network = load_for_rendering(path, "cpu", said.append, is_fast=True)
    assert isinstance(network, InferenceGraph)
    assert said == [f"{path}: ends at level 3; its pictures are enlarged 4 times"]


def test_a_picture_for_each_f_number() -> None:
    """Of a network that takes it; others make one picture."""
    network = build_network(NetworkConfig(model="bokehlicious-small", width=1 / 4), 0).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for values in network.parameters():
            values.add_(0.05 * torch.randn(values.shape, generator=generator))
    found, _ = NetworkPictures(network, None, (1.8, 8.0))(photo(WIDE))
    for picture, f_number in zip(found, (1.8, 8.0), strict=True):
        np.testing.assert_array_equal(picture, from_unit(render_full_image(network, WIDE, None, f_number)))
    assert (found[0] != found[1]).any()
    assert len(NetworkPictures(lively_network(in_channels=3), None, (1.8, 8.0))(photo(WIDE)).pictures) == 1


def test_fast_is_for_pynet(tmp_path: Path) -> None:
    network = build_network(NetworkConfig(model="dmshn", width=1 / 16), 0)
    save_network(tmp_path / "a.safetensors", network, source="a test")
    with pytest.raises(UsageError, match=r"--fast is for PyNET, and these are weights of dmshn"):
        load_for_rendering(tmp_path / "a.safetensors", "cpu", lambda _: None, is_fast=True)
    loaded = load_for_rendering(tmp_path / "a.safetensors", "cpu", lambda _: None, is_fast=False)
    assert depth_for(loaded, DepthSettings(provider="none"), None, tmp_path) is None
