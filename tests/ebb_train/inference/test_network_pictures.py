"""Pictures by a network, without files; with files, see the tests of the rendering."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import Reason, Rejected, UsageError
from ebb.one_photo import OnePhoto
from ebb.photo.metadata import Metadata
from ebb.settings import DepthSettings
from ebb_train.inference.network_pictures import NetworkPictures, depth_for, load_for_rendering
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.models.inference_graph import InferenceGraph
from ebb_train.models.network import save_pynet
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
