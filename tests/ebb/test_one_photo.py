"""A photo outside a dataset: as a dataset would decode, resize and measure it."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from ebb.arrays import Size
from ebb.depthmap.encoding import encode_depth8
from ebb.errors import Broken, MissingDependency, Reason, Rejected, UsageError
from ebb.one_photo import DepthOf, OnePhoto, open_photo
from ebb.settings import DepthSettings
from tests.captures import scene
from tests.phones import png, with_gdepth

CAPTURES = Path(__file__).parents[2] / "data" / "sample" / "captures"
SIDECAR = DepthSettings(provider="sidecar")


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
def test_a_jpeg_stands_upright(tmp_path: Path, orientation: int) -> None:
    path = write_jpeg(tmp_path / "a.JPG", orientation)
    photo = open_photo(path, 120)
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        assert np.array_equal(photo.rgb, np.asarray(ImageOps.exif_transpose(image)))
    assert photo.size == photo.rgb.shape[1::-1]
    assert photo.orientation == orientation
    assert photo.metadata.exif


def test_a_raw_file_has_16_bits_and_becomes_8() -> None:
    photo = open_photo(CAPTURES / "IMG_0301.DNG", 120)
    assert photo.rgb.dtype == np.uint16
    size = photo.size_at(200)
    small = photo.at(size)
    assert small.shape == (200, 300, 3)
    exact = cv2.resize(photo.rgb.astype(np.float32) / 257, size, interpolation=cv2.INTER_AREA)
    assert np.abs(small - exact).mean() < 3
    assert photo.at(photo.size).dtype == np.uint8


def test_sizes() -> None:
    photo = OnePhoto(path=Path("a"), rgb=np.zeros((640, 360, 3), np.uint8), orientation=1, metadata=None)  # type: ignore[arg-type]
    assert photo.size_at(320) == (180, 320)
    assert photo.size_at(640) == photo.size_at(5000) == (360, 640)
    assert photo.at(photo.size) is photo.rgb


def test_a_smaller_photo_is_centred_where_the_photo_is() -> None:
    """Pixels are areas: the mean of every 3 x 3 block of a slope is the small pixel."""
    slope = np.dstack([np.add.outer(np.arange(120), np.arange(90))] * 3).astype(np.uint8)
    small = OnePhoto(path=Path("a"), rgb=slope, orientation=1, metadata=None).at(Size(30, 40))  # type: ignore[arg-type]
    blocks = slope.reshape(40, 3, 30, 3, 3).mean(axis=(1, 3))
    assert np.abs(small[3:-3, 3:-3] - blocks[3:-3, 3:-3]).max() <= 1


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.jpg", None, Reason.UNREADABLE),
        ("notes.txt", b"hello", Reason.UNSUPPORTED_FILE),
        ("empty.png", b"", Reason.UNREADABLE),
        ("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", Reason.CORRUPT_INPUT),
    ],
)
def test_what_is_no_photo(tmp_path: Path, name: str, content: bytes | None, reason: Reason) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Broken) as caught:
        open_photo(tmp_path / name, 120)
    assert caught.value.reason is reason


def test_a_photo_of_too_many_pixels(tmp_path: Path) -> None:
    with pytest.raises(Broken) as caught:
        open_photo(write_jpeg(tmp_path / "a.jpg"), 0.001)
    assert caught.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize("size", [(96, 64), (48, 32), (30, 20)])
def test_depth_of_a_file_fits_the_small_photo(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), 120)
    small = photo.at(photo.size_at(32))
    beside = write_depth(tmp_path / "a_depth.png", size)
    depth = DepthOf(SIDECAR)(photo, small)
    assert depth.shape == (16, 24)
    assert depth.min() == 0
    assert depth.max() == 255
    assert np.abs(np.diff(depth.astype(int), axis=0)).max() == 0
    assert (np.diff(depth.astype(int), axis=1) > 0).all()
    named = DepthOf(DepthSettings(), beside.rename(tmp_path / "other.png"))
    assert np.array_equal(named(photo, small), depth)


def test_depth_inside_a_phone_photo_turns_with_it(tmp_path: Path) -> None:
    stored = np.tile(np.arange(40, 200, 4, dtype=np.uint8), (30, 1))
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(scene(2, (80, 60))).save(file, "JPEG", exif=exif)
    (tmp_path / "a.jpg").write_bytes(with_gdepth(file.getvalue(), png(stored)))
    photo = open_photo(tmp_path / "a.jpg", 120)
    depth = DepthOf(DepthSettings(provider="embedded"))(photo, photo.at(photo.size))
    assert depth.shape == (40, 30)
    assert (np.diff(depth.astype(int), axis=0) != 0).all()
    assert np.abs(np.diff(depth.astype(int), axis=1)).max() == 0
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", photo.rgb)[1].tobytes())
    with pytest.raises(Rejected, match="only JPEG files are searched"):
        DepthOf(DepthSettings(provider="embedded"))(open_photo(tmp_path / "a.png", 120), photo.rgb)


def test_a_network_sees_the_small_photo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []

    def provider(rgb: np.ndarray) -> np.ndarray:
        seen.append(rgb)
        return rgb[::2, ::2, 0].astype(np.float32)

    monkeypatch.setattr("ebb.one_photo.make_provider", lambda settings, model: provider)
    monkeypatch.setattr("ebb.one_photo.check_ready", lambda settings: None)
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), 120)
    small = photo.at(photo.size_at(32))
    depth = DepthOf(DepthSettings())(photo, small)
    assert np.array_equal(depth, encode_depth8(small[::2, ::2, 0].astype(np.float32)))
    assert seen == [small]


def test_depth_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = open_photo(write_jpeg(tmp_path / "a.jpg"), 120)
    with pytest.raises(Rejected, match="no a_depth file beside it") as caught:
        DepthOf(SIDECAR)(photo, photo.rgb)
    assert caught.value.reason is Reason.NO_DEPTH
    with pytest.raises(Broken, match="cannot be read"):
        DepthOf(SIDECAR, tmp_path / "none.png")(photo, photo.rgb)
    wrong = write_depth(tmp_path / "b.png", (50, 50))
    with pytest.raises(Rejected, match="another aspect") as caught:
        DepthOf(SIDECAR, wrong)(photo, photo.rgb)
    assert caught.value.path == wrong
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    with pytest.raises(MissingDependency, match="ebb weights download megadepth"):
        DepthOf(DepthSettings())
    with pytest.raises(UsageError, match="no depth provider"):
        DepthOf(DepthSettings(provider="sonar"))
