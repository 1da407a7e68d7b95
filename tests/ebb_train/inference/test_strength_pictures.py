"""Photo files rendered at several apertures by one network, against the network that it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb.settings import DepthSettings
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.render import render_photos
from ebb_train.inference.settings import RenderSettings
from ebb_train.inference.strength_pictures import has_strength
from ebb_train.models.network import save_pynet
from ebb_train.models.strength import StrengthConfig, StrengthNet, save_strength
from tests.helpers.datasets import photos
from tests.helpers.networks import lively_network

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WIDE, _, DEPTH = photos(3, 96, 64)
PNG = RenderSettings(format="png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A photo, its depth, the weights of a network, and of one that knows strengths."""
    cv2.imwrite(str(tmp_path / "a.png"), WIDE[..., ::-1])
    cv2.imwrite(str(tmp_path / "a_depth.png"), DEPTH)
    save_pynet(tmp_path / "base.safetensors", lively_network(), source="a test")
    network = StrengthNet(lively_network(), StrengthConfig(f_number=2.0))
    with torch.no_grad():
        for values in network.told().values():
            values.copy_(0.2 * torch.randn(values.shape, generator=torch.Generator().manual_seed(1)))
    save_strength(tmp_path / "strength.safetensors", network, source="a test")
    return tmp_path


def rendered(
    folder: Path, weights: str, settings: RenderSettings = PNG, **lens: object
) -> list[NDArray[np.uint8]]:
    out = folder / "out"
    report = render_photos(
        [folder / "a.png"],
        folder / weights,
        out,
        settings,
        DepthSettings(provider="none", device="cpu"),
        folder / "a_depth.png",
        lens=LensSettings(**lens),  # type: ignore[arg-type]
    )
    assert not report.failed
    pictures = [np.asarray(cv2.imread(str(path)), np.uint8) for path in report.files]
    for path in out.iterdir():
        path.unlink()
    return pictures


def test_the_trained_aperture_is_that_of_the_base_and_strength_0_the_photo(folder: Path) -> None:
    assert has_strength(folder / "strength.safetensors")
    assert not has_strength(folder / "base.safetensors")
    (expected,) = rendered(folder, "base.safetensors")
    (widest,) = rendered(folder, "strength.safetensors", aperture="2")
    np.testing.assert_array_equal(widest, expected)
    (photo,) = rendered(folder, "strength.safetensors", aperture="2", strength=0.0)
    np.testing.assert_array_equal(photo, WIDE[..., ::-1])


def test_several_apertures_at_once(folder: Path) -> None:
    pictures = rendered(folder, "strength.safetensors", aperture="2,4,32")
    single = [rendered(folder, "strength.safetensors", aperture=number)[0] for number in ("2", "4", "32")]
    shapes = [picture.shape for picture in pictures]
    for wanted in single:
        assert any(
            shape == wanted.shape and np.array_equal(picture, wanted)
            for shape, picture in zip(shapes, pictures, strict=True)
        )
    change = [float(np.abs(picture.astype(int) - WIDE[..., ::-1]).mean()) for picture in single]
    assert change[2] < change[1]  # below a strength of 0.1, the photo comes through


@pytest.mark.parametrize(
    ("weights", "lens", "message"),
    [
        ("strength.safetensors", {"aperture": "1.8"}, None),
        ("strength.safetensors", {"aperture": "1.4"}, r"f/1\.4 is a larger aperture"),
        ("strength.safetensors", {"aperture": "2", "strength": 1.5}, r"--strength 1\.5"),
        ("strength.safetensors", {"focus": "0.5,0.5"}, "do not go with --checkpoint"),
        ("base.safetensors", {"aperture": "4"}, "the network takes no --aperture"),
    ],
)
def test_settings_that_do_not_go_together(
    folder: Path, weights: str, lens: dict[str, object], message: str | None
) -> None:
    with pytest.raises(UsageError, match=message or r"f/1\.8 is a larger aperture"):
        rendered(folder, weights, **lens)


def test_fast_rendering_is_of_one_aperture(folder: Path) -> None:
    with pytest.raises(UsageError, match="--fast does not go with these weights"):
        rendered(folder, "strength.safetensors", RenderSettings(fast=True), aperture="2")


def test_damaged_weights_are_refused(folder: Path) -> None:
    path = folder / "strength.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    path.write_bytes(bytes(data))
    with pytest.raises(InvalidInput, match="damaged"):
        rendered(folder, "strength.safetensors", aperture="2")
