"""Where the depth of a photo comes from: the order, what is said, and what is said where there is none."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ebb import depth_search
from ebb.depth_search import AUTO, DepthSearch, how_to_get_depth
from ebb.depthmap.from_network import FromNetwork
from ebb.depthmap.registry import SOURCES, SourceKind
from ebb.errors import InvalidInput, MissingDependency, Reason, Rejected, UsageError
from ebb.one_photo import OnePhoto, Opening, open_photo
from ebb.published_weights import WEIGHTS
from ebb.settings import DepthSettings
from tests.helpers.captures import scene
from tests.helpers.phone_jpegs import png, with_gdepth

SETTINGS = DepthSettings(provider=AUTO, device="cpu")
OPENING = Opening(height=64, max_megapixels=10, item_timeout=60)
RAMP = np.tile(np.arange(40, 200, 4, dtype=np.uint8), (30, 1))
"""40 x 30, unlike half of the photo."""


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))


def jpeg(path: Path, depth: np.ndarray | None = None) -> Path:
    file = io.BytesIO()
    Image.fromarray(scene(2, (96, 72))).save(file, "JPEG")
    path.write_bytes(file.getvalue() if depth is None else with_gdepth(file.getvalue(), png(depth)))
    return path


def opened(path: Path) -> OnePhoto:
    return open_photo(path, OPENING)


def add_network(monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> list[str]:
    """Put a network under a name; the names in the list are those that were loaded."""
    loaded: list[str] = []

    class Flat:
        def __init__(self) -> None:
            self.name = name

        def __call__(self, rgb: np.ndarray) -> np.ndarray:
            return np.full((rgb.shape[0] // 2, rgb.shape[1] // 2), value, np.float32)

        def predict(self, photos: list[np.ndarray]) -> list[np.ndarray]:
            return [self(rgb) for rgb in photos]

    def load(*_: object) -> FromNetwork:
        loaded.append(name)
        return FromNetwork(Flat())

    monkeypatch.setitem(SOURCES, name, SourceKind(open=load))
    return loaded


def test_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is taken only when those before it have nothing, and the network is loaded only then."""
    loaded = add_network(monkeypatch, "megadepth", 1.0)
    photo = jpeg(tmp_path / "a.jpg", RAMP)
    beside = tmp_path / "a_depth.png"
    beside.write_bytes(png(RAMP[:, ::-1]))
    given = tmp_path / "given.npy"
    np.save(given, np.tile(np.linspace(0, 1, 48, dtype=np.float32), (36, 1)))
    found = DepthSearch(SETTINGS, given)(opened(photo))
    assert (found.inverse_depth.shape, found.origin) == ((36, 48), str(given))
    search = DepthSearch(SETTINGS)
    found = search(opened(photo))
    assert found.origin == "a_depth.png beside the photo"
    np.testing.assert_array_equal(found.inverse_depth, RAMP[:, ::-1])
    beside.unlink()
    found = search(opened(photo))
    assert found.origin == "the map inside the photo"
    assert found.inverse_depth.shape == RAMP.shape
    assert loaded == []
    found = search(opened(jpeg(photo)))
    assert (found.origin, found.inverse_depth.shape) == ("the network megadepth", (32, 42))
    assert search(opened(photo)).inverse_depth.max() == 1
    assert loaded == ["megadepth"], "loaded once"
    add_network(monkeypatch, "depth-anything", 2.0)
    assert DepthSearch(SETTINGS)(opened(photo)).origin == "the network depth-anything"


def test_a_photo_of_a_kind_that_holds_no_map(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(scene(1, (96, 72))))
    with pytest.raises(Rejected, match="no map beside the photo") as caught:
        DepthSearch(SETTINGS)(opened(tmp_path / "a.png"))
    assert caught.value.reason is Reason.NO_DEPTH


def test_a_map_that_is_there_but_wrong_is_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_network(monkeypatch, "megadepth", 1.0)
    photo = jpeg(tmp_path / "a.jpg", RAMP)
    (tmp_path / "a_depth.png").write_bytes(png(RAMP[:, :10]))
    with pytest.raises(Rejected, match="depth map 10 x 30, photo 96 x 72: different aspect") as caught:
        DepthSearch(SETTINGS)(opened(photo))
    assert caught.value.reason is Reason.BAD_DEPTH
    (tmp_path / "a_depth.png").unlink()
    with pytest.raises(Rejected, match="same value everywhere"):
        DepthSearch(SETTINGS)(opened(jpeg(photo, np.full_like(RAMP, 7))))
    for bad in (np.nan, np.inf):
        depth = np.ones((36, 48), np.float32)
        depth[3, 4] = bad
        np.save(tmp_path / "a_depth.npy", depth)
        with pytest.raises(Rejected, match="1 of 1728 depth values are not finite"):
            DepthSearch(SETTINGS)(opened(photo))


def test_before_the_first_photo_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, phone, broken = (tmp_path / name for name in ("a.jpg", "b.jpg", "c.jpg"))
    jpeg(plain), jpeg(phone, RAMP), broken.write_bytes(b"\xff\xd8\xff\xe1")
    (tmp_path / "d.png").touch()
    with pytest.raises(MissingDependency, match="no depth network is there") as caught:
        DepthSearch(SETTINGS).check([plain, tmp_path / "d.png"])
    assert caught.value.path == plain
    assert "ebb weights download depth-anything-v2-small fetches one (99.1 MB, Apache-2.0)" in str(
        caught.value
    )
    for others in ([phone], [broken], [tmp_path / "gone.jpg"], []):
        DepthSearch(SETTINGS).check([*others, plain] if others else [])
    (tmp_path / "d_depth.png").touch()
    DepthSearch(SETTINGS).check([plain, tmp_path / "d.png"])
    DepthSearch(SETTINGS, tmp_path / "given.npy").check([plain])
    add_network(monkeypatch, "depth-anything", 1.0)
    DepthSearch(SETTINGS).check([plain])


def test_damaged_weights_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / WEIGHTS["depth-anything-v2-small"].file_name).write_bytes(b"\x08")
    with pytest.raises(InvalidInput, match="SHA-256"):
        DepthSearch(SETTINGS).check([jpeg(tmp_path / "a.jpg")])


def test_the_command_names_the_package_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert how_to_get_depth().startswith("ebb weights download depth-anything-v2-small")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert how_to_get_depth().startswith("pip install 'ebb-bokeh[onnx]' && ebb weights download depth-any")


def test_named_providers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = jpeg(tmp_path / "a.jpg", RAMP)
    named = {name: replace(SETTINGS, provider=name) for name in ("embedded", "sidecar", "none", "sonar")}
    found = DepthSearch(named["embedded"])(opened(photo))
    assert (found.origin, found.inverse_depth.shape) == ("--provider embedded", RAMP.shape)
    with pytest.raises(Rejected, match="no a_depth file beside"):
        DepthSearch(named["sidecar"])(opened(photo))
    with pytest.raises(UsageError, match="takes depth, and --provider none gives none"):
        DepthSearch(named["none"])
    with pytest.raises(UsageError, match="no depth provider is called 'sonar'"):
        DepthSearch(named["sonar"])
    with pytest.raises(MissingDependency, match="--depth FILE, or without --provider"):
        DepthSearch(replace(SETTINGS, provider="megadepth"))
    add_network(monkeypatch, "megadepth", 3.0)
    found = DepthSearch(replace(SETTINGS, provider="megadepth"))(opened(photo))
    assert (found.origin, found.inverse_depth.max()) == ("--provider megadepth", 3)


def test_the_depth_of_a_photo_that_lies_on_its_side(tmp_path: Path) -> None:
    """The map inside turns with the photo; the one beside it is upright, as it is."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(scene(2, (80, 60))).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(with_gdepth(file.getvalue(), png(RAMP)))
    inside = DepthSearch(SETTINGS)(opened(tmp_path / "a.jpg")).inverse_depth
    assert inside.shape == (40, 30)
    assert np.ptp(inside, axis=1).max() == 0
    (tmp_path / "a_depth.png").write_bytes(cv2.imencode(".png", RAMP.T)[1].tobytes())
    assert DepthSearch(SETTINGS)(opened(tmp_path / "a.jpg")).inverse_depth.shape == (40, 30)


def test_networks_are_known() -> None:
    assert set(depth_search.NETWORKS) <= set(SOURCES)
