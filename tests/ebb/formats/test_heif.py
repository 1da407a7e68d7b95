"""HEIC photos against Pillow's own turning of the stored pixels, and files that are damaged."""

import io
import struct
import sys

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from ebb.arrays import Size
from ebb.errors import Broken, MissingDependency, Rejected
from ebb.formats.containers import Part
from ebb.formats.heif import _contents, decode_heif, heif_color, heif_depth, heif_exif, heif_size, heif_xmp
from ebb.photo.decode import decode
from ebb.photo.exif import read_exif
from ebb.photo.probe import probe
from tests.helpers import icc
from tests.helpers.heic_files import apdi, heic, representation

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (96, 128, 3), dtype=np.uint8)
DEPTH = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_heic_is_rotated_once(orientation: int) -> None:
    """The rotation is in the properties and in EXIF; photo, size and map are rotated once."""
    picture = Image.fromarray(PHOTO)
    picture.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(picture))
    data = heic(PHOTO, DEPTH, orientation=orientation)
    np.testing.assert_array_equal(decode_heif(data), expected)
    assert heif_size(data) == Size(expected.shape[1], expected.shape[0])
    assert read_exif(data, ".HEIC").orientation == 1
    depth = heif_depth(data)
    assert depth is not None
    side = {1: DEPTH, 6: np.rot90(DEPTH, -1), 3: np.rot90(DEPTH, 2), 8: np.rot90(DEPTH)}.get(orientation)
    if side is not None:
        np.testing.assert_array_equal(depth.values, side)


@pytest.mark.parametrize("suffix", [".HIF", ".heic", ".heif"])
def test_endings_of_phones_and_of_cameras(suffix: str) -> None:
    data = heic(PHOTO)
    assert probe(data, suffix, 120) == (128, 96)
    np.testing.assert_array_equal(decode(data, suffix, 1), decode_heif(data))


def test_ten_bits_fill_sixteen() -> None:
    photo = RNG.integers(0, 65536, (64, 64, 3), dtype=np.uint16)
    photo[0, :2] = [[0], [65535]]
    found = decode_heif(heic(photo))
    assert found.dtype == np.uint16
    assert (found.min(), found.max()) == (0, 65535)
    assert np.abs(found.astype(int) - photo).max() < 65536 / 1024


def test_grey_becomes_rgb() -> None:
    found = decode_heif(heic(DEPTH))
    assert found.shape == (48, 64, 3)
    np.testing.assert_array_equal(found[..., 1], DEPTH)


def test_metadata_of_the_photo_and_of_its_map() -> None:
    data = heic(PHOTO, DEPTH, xmp=b"<photo/>", depth_xmp=apdi(0.5, 2))
    assert heif_xmp(data) == [b"<photo/>"]
    depth = heif_depth(data)
    assert depth is not None
    assert depth.packets == [apdi(0.5, 2)]
    assert depth.representation == {}
    assert heif_exif(data)[0][:2] in (b"II", b"MM")
    exif = read_exif(data, ".heic")
    assert (exif.f_number, exif.focal_length_mm, exif.camera) == (16, 6, "Phone")
    assert exif.captured_at is not None


def test_the_xmp_of_the_map_is_read() -> None:
    depth = heif_depth(heic(PHOTO, DEPTH, sei=representation(0, z_near=0.5, z_far=8)))
    assert depth is not None
    assert {key: depth.representation[key] for key in ("representation_type", "z_near", "z_far")} == {
        "representation_type": 0,
        "z_near": 0.5,
        "z_far": 8.0,
    }


def test_a_map_of_too_many_pixels_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(PHOTO, DEPTH)
    assert heif_depth(data, max_pixels=64 * 48) is not None
    monkeypatch.setattr("ebb.formats.heif._pixels", lambda *_: pytest.fail("decoded"))
    with pytest.raises(Rejected, match="its depth map claims 64 x 48 pixels"):
        heif_depth(data, max_pixels=64 * 48 - 1)


def test_a_photo_without_metadata_and_map() -> None:
    data = heic(PHOTO)
    assert heif_depth(data) is None
    assert heif_xmp(data) == []


INTACT = heic(PHOTO, DEPTH, depth_xmp=apdi(0.5, 2))


@pytest.mark.parametrize("share", [0.999, 0.9, 0.5, 0.1, 0.005])
def test_a_truncated_file_is_refused(share: float) -> None:
    with pytest.raises(Broken, match="is truncated"):
        heif_size(INTACT[: int(share * len(INTACT))])


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_damage_is_refused_and_never_crashes(data: st.DataObject) -> None:
    damaged = bytearray(INTACT)
    for _ in range(3):
        damaged[data.draw(st.integers(0, len(INTACT) // 8))] = data.draw(st.integers(0, 255))
    try:
        heif_size(bytes(damaged))
        heif_depth(bytes(damaged))
        decode_heif(bytes(damaged))
    except (Broken, Rejected):
        return


def test_a_missing_library_is_reported_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[heic\]'") as caught:
        decode_heif(INTACT)
    assert caught.value.exit_code == 6
    monkeypatch.setattr("ebb.formats.heif.is_installed", lambda: False)
    with pytest.raises(Broken, match=r"pip install 'ebb-bokeh\[heic\]'"):
        heif_size(INTACT)


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_grey_is_grey_at_any_depth(mode: str) -> None:
    """10 bits with a grey profile were refused: "its pixels are RGB"."""
    profile = icc.grey_profile(icc.curve(461))
    grey = PHOTO[..., 0].astype(np.uint16) * 257 if mode == "I;16" else PHOTO[..., 0]
    file = pillow_heif.from_bytes(mode, (128, 96), grey.tobytes())
    file.save(stream := io.BytesIO(), quality=-1, icc_profile=profile)
    data = stream.getvalue()
    assert heif_color(data).is_grey
    assert not heif_color(heic(PHOTO)).is_grey
    photo = decode(data, ".heic", 1)
    light = (PHOTO[..., 0] / 255) ** (461 / 256)
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 65535
    assert np.abs(photo[..., 1] - expected).max() < 0.006 * 65535


def test_items_that_share_bytes_over_and_over_are_refused() -> None:
    """Kilobytes could become gigabytes of XMP."""
    packet = apdi(0.5, 2) + b" " * 9000
    data = heic(PHOTO, DEPTH, depth_xmp=packet)
    extents = 4 * len(data) // len(packet)
    entry = struct.pack(">IBBHHHH", 0, 0x44, 0, 1, 7, 0, extents)
    entry += struct.pack(">II", data.index(packet), len(packet)) * extents
    boxes = {b"iloc": Part(b"iloc", 0, len(entry))}
    with pytest.raises(LookupError, match="items within"):
        list(_contents(entry + data, boxes, {7}))
    assert list(_contents(entry + data, boxes, set())) == []
