"""A photo outside a dataset: as a dataset would decode, resize and measure it."""

import io
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from ebb.arrays import Size
from ebb.depthmap.encoding import encode_depth8
from ebb.depthmap.from_network import FromNetwork
from ebb.depthmap.registry import SOURCES, SourceKind
from ebb.errors import Broken, MissingDependency, Reason, Rejected, UsageError
from ebb.one_photo import DepthOf, OnePhoto, Opening, open_photo, open_photos, small_size
from ebb.settings import DepthSettings
from tests.helpers.captures import scene
from tests.helpers.doubles import Crashing
from tests.helpers.heic_files import apdi, heic
from tests.helpers.phone_jpegs import png, with_gdepth

CAPTURES = Path(__file__).parents[2] / "data" / "sample" / "captures"
SIDECAR = DepthSettings(provider="sidecar")
AS_IT_IS = Opening(height=5000, keep_full=True, max_megapixels=120, item_timeout=60)
LOW = replace(AS_IT_IS, height=32, keep_full=False)


def write_jpeg(path: Path, orientation: int = 1) -> Path:
    picture = Image.fromarray(scene(3, (96, 64)))
    exif = picture.getexif()
    exif[0x0112] = orientation
    picture.save(path, quality=95, exif=exif)
    return path


def write_depth(path: Path, size: tuple[int, int]) -> Path:
    ramp = np.linspace(0, 60000, size[0]).astype(np.uint16)
    path.write_bytes(cv2.imencode(".png", np.tile(ramp, (size[1], 1)))[1].tobytes())
    return path


@pytest.mark.parametrize("orientation", [1, 3, 6, 7])
def test_a_jpeg_is_upright(tmp_path: Path, orientation: int) -> None:
    path = write_jpeg(tmp_path / "a.JPG", orientation)
    photo = open_photo(path, AS_IT_IS)
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert np.array_equal(photo.small, np.asarray(ImageOps.exif_transpose(image)))
    assert photo.full is photo.small
    assert photo.size == photo.small.shape[1::-1]
    assert photo.orientation == orientation
    assert photo.metadata.exif


def test_a_raw_file_has_16_bits_and_becomes_8() -> None:
    photo = open_photo(CAPTURES / "IMG_0301.DNG", replace(AS_IT_IS, height=200))
    assert photo.full is not None
    assert photo.full.dtype == np.uint16
    assert photo.size == photo.full.shape[1::-1]
    assert photo.small.shape == (200, 300, 3)
    exact = cv2.resize(photo.full.astype(np.float32) / 257, (300, 200), interpolation=cv2.INTER_AREA)
    assert np.abs(photo.small - exact).mean() < 3
    as_it_is = open_photo(CAPTURES / "IMG_0301.DNG", AS_IT_IS)
    assert (as_it_is.small.shape, as_it_is.small.dtype) == (photo.full.shape, np.uint8)


def test_sizes() -> None:
    assert small_size(Size(360, 640), 320) == (180, 320)
    assert small_size(Size(360, 640), 640) == small_size(Size(360, 640), 5000) == (360, 640)


def test_a_smaller_photo_is_centred_where_the_photo_is(tmp_path: Path) -> None:
    """Pixels are areas: the mean of every 3 x 3 block of a slope is the small pixel."""
    slope = np.dstack([np.add.outer(np.arange(120), np.arange(90))] * 3).astype(np.uint8)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", slope)[1].tobytes())
    photo = open_photo(tmp_path / "a.png", replace(LOW, height=40))
    assert (photo.small.shape, photo.full) == ((40, 30, 3), None)
    blocks = slope.reshape(40, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(photo.small[3:-3, 3:-3] - blocks[3:-3, 3:-3]).max() <= 1


def test_a_photo_that_crashes_or_hangs_fails_alone(tmp_path: Path) -> None:
    good = write_jpeg(tmp_path / "good.jpg")
    os.mkfifo(tmp_path / "endless.jpg")
    (tmp_path / "a.dng").touch()
    paths = [good, Crashing(tmp_path / "a.dng"), tmp_path / "gone.jpg", tmp_path / "endless.jpg", good]
    first, crashed, gone, endless, last = open_photos(paths, replace(LOW, item_timeout=2))
    for photo in (first, last):
        assert isinstance(photo, OnePhoto)
        assert np.array_equal(photo.small, open_photo(good, LOW).small)
    assert isinstance(crashed, Broken)
    assert (crashed.reason, crashed.message) == (Reason.WORKER_CRASH, "the worker died of signal 6 (SIGABRT)")
    assert isinstance(gone, Broken)
    assert gone.reason is Reason.UNREADABLE
    assert isinstance(endless, Broken)
    assert (endless.reason, endless.message) == (Reason.UNREADABLE, "cannot be read: not a regular file")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.jpg", None, Reason.UNREADABLE),
        ("notes.txt", b"hello", Reason.UNSUPPORTED_FILE),
        ("empty.png", b"", Reason.UNREADABLE),
        ("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", Reason.CORRUPT_INPUT),
    ],
)
def test_files_that_are_not_photos(tmp_path: Path, name: str, content: bytes | None, reason: Reason) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Broken) as caught:
        open_photo(tmp_path / name, AS_IT_IS)
    assert caught.value.reason is reason


def test_a_photo_of_too_many_pixels(tmp_path: Path) -> None:
    with pytest.raises(Broken) as caught:
        open_photo(write_jpeg(tmp_path / "a.jpg"), replace(LOW, max_megapixels=0.001))
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("size", [(96, 64), (48, 32), (30, 20)])
def test_depth_of_a_file_fits_the_small_photo(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), LOW)
    beside = write_depth(tmp_path / "a_depth.png", size)
    depth = DepthOf(SIDECAR)(photo)
    assert depth.shape == (16, 24)
    assert depth.min() == 0
    assert depth.max() == 255
    assert np.abs(np.diff(depth.astype(int), axis=0)).max() == 0
    assert (np.diff(depth.astype(int), axis=1) > 0).all()
    named = DepthOf(DepthSettings(), beside.rename(tmp_path / "other.png"))
    assert np.array_equal(named(photo), depth)
    (tmp_path / "other.png").rename(tmp_path / "a_depth.PNG")
    assert np.array_equal(DepthOf(SIDECAR)(photo), depth), "an ending in capitals is an ending"


def test_depth_inside_a_heic_turns_with_it(tmp_path: Path) -> None:
    ramp = np.linspace(255, 0, 48).astype(np.uint8)[None].repeat(32, axis=0)
    data = heic(scene(3, (96, 64)), ramp, depth_xmp=apdi(0.1, 2), orientation=6)
    (tmp_path / "a.HEIC").write_bytes(data)
    photo = open_photo(tmp_path / "a.HEIC", AS_IT_IS)
    assert photo.size == (64, 96)
    depth = DepthOf(DepthSettings(provider="embedded"))(photo)
    assert depth.shape == (48, 32)
    assert np.abs(np.diff(depth.astype(int), axis=1)).max() <= 3
    np.testing.assert_allclose(depth.mean(axis=1), np.linspace(255, 0, 48), atol=3)


def test_depth_inside_a_phone_photo_turns_with_it(tmp_path: Path) -> None:
    stored = np.tile(np.arange(40, 200, 4, dtype=np.uint8), (30, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(scene(2, (80, 60))).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(with_gdepth(file.getvalue(), png(stored)))
    photo = open_photo(tmp_path / "a.jpg", AS_IT_IS)
    depth = DepthOf(DepthSettings(provider="embedded"))(photo)
    assert depth.shape == (40, 30)
    assert (np.diff(depth.astype(int), axis=0) != 0).all()
    assert np.abs(np.diff(depth.astype(int), axis=1)).max() == 0
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", photo.small)[1].tobytes())
    with pytest.raises(Rejected, match="only JPEG and HEIC files are searched"):
        DepthOf(DepthSettings(provider="embedded"))(open_photo(tmp_path / "a.png", AS_IT_IS))


def test_a_network_receives_the_reduced_photo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []

    class Seen:
        name = "seen"

        def __call__(self, rgb: np.ndarray) -> np.ndarray:
            seen.append(rgb)
            return rgb[::2, ::2, 0].astype(np.float32)

        def predict(self, photos: Sequence[np.ndarray]) -> list[np.ndarray]:
            raise AssertionError

    kind = SourceKind(open=lambda settings, model: FromNetwork(Seen()))
    monkeypatch.setitem(SOURCES, "megadepth", kind)
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), LOW)
    depth = DepthOf(DepthSettings())(photo)
    assert np.array_equal(depth, encode_depth8(photo.small[::2, ::2, 0].astype(np.float32)))
    assert seen == [photo.small]


def test_depth_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), AS_IT_IS)
    with pytest.raises(Rejected, match="no a_depth file beside a.jpg") as caught:
        DepthOf(SIDECAR)(photo)
    assert caught.value.reason is Reason.NO_DEPTH
    with pytest.raises(Broken, match="cannot be read") as caught:
        DepthOf(SIDECAR, tmp_path / "none.png")(photo)
    assert caught.value.path == tmp_path / "none.png"
    wrong = write_depth(tmp_path / "b.png", (50, 50))
    with pytest.raises(Rejected, match="different aspect ratios") as caught:
        DepthOf(SIDECAR, wrong)(photo)
    assert caught.value.path == wrong
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    with pytest.raises(MissingDependency, match="ebb weights download megadepth"):
        DepthOf(DepthSettings())
    with pytest.raises(UsageError, match="no depth provider"):
        DepthOf(DepthSettings(provider="sonar"))
    with pytest.raises(Rejected, match="the provider gives no depth"):
        DepthOf(DepthSettings(provider="none"))(photo)
