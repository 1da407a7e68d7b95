import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2gray

from ebb.arrays import Homography, Rect, Size
from ebb.geometry.crop import crop_to_photo
from ebb.geometry.pixel_grid import resize_homography
from ebb.photo.resample import ColourPlane, gather, reduced, resample, to_gray8
from ebb.srgb import decode_srgb, to_light

Levels = NDArray[np.float64]


def to_photo(scale: float) -> Homography:
    """Pixel of a photo resized by ``scale`` → pixel of the photo."""
    return np.linalg.inv(resize_homography(scale))


def hand_held(
    angle_deg: float = 0.6, shift: tuple[float, float] = (3.3, -1.7), tilt: float = 2e-5
) -> Homography:
    """A small motion about (60, 40), as between two hand-held shots."""
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [tilt, -tilt, 1]])
    centre = np.array([[1.0, 0, 60], [0, 1, 40], [0, 0, 1]])
    moved = np.array([[1.0, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    motion: Homography = moved @ centre @ turn @ np.linalg.inv(centre)
    return motion


def noise(shape: tuple[int, ...], dtype: type[np.uint8 | np.uint16] = np.uint8) -> NDArray[np.uint8]:
    generator = np.random.default_rng(5)
    return generator.integers(0, np.iinfo(dtype).max + 1, shape, dtype)  # type: ignore[return-value]


def grey_photo(levels: Levels) -> NDArray[np.uint16]:
    """Levels 0…255 as a 16-bit photo."""
    return np.repeat(np.rint(levels * 257).astype(np.uint16)[..., None], 3, axis=2)


def curve(light: Levels) -> Levels:
    """Levels 0…255 of linear light."""
    clipped = np.clip(light, 0, 1)
    return 255 * np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)


def pillow_lanczos(photo: NDArray[np.uint8] | NDArray[np.uint16], size: Size) -> Levels:
    """Another library's Lanczos reduction of linear light in floating point, not rounded, 0…255."""
    light = decode_srgb(photo)
    planes = [Image.fromarray(np.ascontiguousarray(light[..., c])) for c in range(3)]
    small = [np.asarray(p.resize(size, Image.Resampling.LANCZOS, reducing_gap=None)) for p in planes]
    return curve(np.dstack(small).astype(np.float64))


def project(H: Homography, x: Levels, y: Levels) -> tuple[Levels, Levels]:
    u, v, w = np.einsum("ij,jhw->ihw", H, np.stack([x, y, np.ones_like(x)]))
    return u / w, v / w


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [Size(41, 30), Size(40, 31), Size(3, 2)])
def test_identity_changes_no_bit(dtype: type[np.uint8 | np.uint16], size: Size) -> None:
    photo = noise((size.height, size.width, 3), dtype)
    out = resample(photo, np.eye(3), size)
    assert out.dtype == np.uint8
    assert np.abs(out - (photo if dtype == np.uint8 else photo / 257)).max() <= (
        0 if dtype == np.uint8 else 0.53
    )


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 20), st.integers(0, 25), st.integers(1, 30), st.integers(1, 25))
def test_whole_pixel_shifts_are_crops(x: int, y: int, width: int, height: int) -> None:
    photo = noise((50, 50, 3))
    out = resample(photo, crop_to_photo(Rect(x, y, width, height), Size(width, height)), Size(width, height))
    np.testing.assert_array_equal(out, photo[y : y + height, x : x + width])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("scale", "size"), [(0.5, (75, 60)), (0.3, (45, 36)), (0.2, (30, 24)), (0.98, (147, 118))]
)
def test_reduction_agrees_with_pillow(
    scale: float, size: tuple[int, int], dtype: type[np.uint8 | np.uint16]
) -> None:
    photo = noise((120, 150, 3), dtype)[: round(size[1] / scale), : round(size[0] / scale)]
    exact = Size(*size)
    H = np.diag([photo.shape[1] / exact.width, photo.shape[0] / exact.height, 1.0])
    H[:2, 2] = (np.diag(H)[:2] - 1) / 2
    difference = resample(photo, H, exact) - pillow_lanczos(photo, exact)
    assert np.abs(difference).max() <= 0.54  # half a level: ours is the reference, rounded once


def zone_plate(size: int, top: float) -> Levels:
    """Rings that narrow with the radius; ``top`` cycles per pixel at the edge of the frame."""
    y, x = (np.mgrid[0:size, 0:size] - (size - 1) / 2).astype(np.float64)
    return 127.5 + 120 * np.cos(np.pi * top / (size / 2) * (x**2 + y**2))


@pytest.mark.parametrize("motion", [np.eye(3), hand_held(shift=(0.3, 0.2))], ids=["scaled", "hand-held"])
def test_zone_plate_does_not_alias(motion: Homography) -> None:
    scale, top = 0.25, 0.4
    photo = grey_photo(zone_plate(640, top))
    size = Size(160, 160)
    out = resample(photo, to_photo(scale) @ motion, size)[..., 0].astype(np.float64)
    reference = pillow_lanczos(photo, size)[..., 0]
    y, x = (np.mgrid[0:160, 0:160] - 79.5).astype(np.float64)
    farthest = np.maximum(abs(x), abs(y))
    too_fine = (farthest / 80 * top / scale > 0.75) & (
        farthest < 74
    )  # cycles per output pixel, along an axis
    assert np.std(out[too_fine]) < 1.1 * np.std(reference[too_fine]) + 0.35  # 0.29 is the noise of rounding
    assert np.std(out[too_fine]) < 1.5


def contrast(levels: Levels, phase: Levels) -> float:
    """Amplitude of light of the grating cos(phase) in the middle of a picture, by least squares."""
    inner = (slice(10, -10), slice(10, -10))
    levels = 255 * to_light(levels / 255)
    waves = np.stack([np.cos(phase[inner]), np.sin(phase[inner]), np.ones_like(phase[inner])])
    amplitudes, *_ = np.linalg.lstsq(waves.reshape(3, -1).T, levels[inner].ravel())
    return float(np.hypot(*amplitudes[:2]))


@pytest.mark.parametrize("cycles", [0.1, 0.25, 0.35, 0.42])
@pytest.mark.parametrize("vertical", [False, True])
def test_both_photos_of_a_pair_are_equally_sharp(cycles: float, vertical: bool) -> None:
    """Contrast of a grating after a plain reduction and after a hand-held motion, against the reference."""
    scale, size = 0.3, Size(144, 102)
    y, x = np.mgrid[0:340, 0:480].astype(np.float64)
    wave = 2 * np.pi * cycles * scale
    photo = grey_photo(curve((127.5 + 100 * np.cos(wave * (y if vertical else x))) / 255))
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)

    def phase(H: Homography) -> Levels:
        return wave * project(H, columns, rows)[1 if vertical else 0]

    moved = to_photo(scale) @ hand_held(shift=(0.3, 0.7))
    reference = contrast(pillow_lanczos(photo, size)[..., 0], phase(to_photo(scale)))
    ours = [contrast(resample(photo, H, size)[..., 0], phase(H)) for H in (to_photo(scale), moved)]
    assert ours == pytest.approx([reference] * 2, rel=0.01)


def edge_rise(levels: Levels) -> float:
    """10–90 % width of a nearly vertical edge, px, from the line that crosses its middle in each row."""
    profile = np.sort(levels, axis=1)
    inside = (profile > 0.1 * 200 + 25) & (profile < 0.9 * 200 + 25)
    return float(inside.sum(axis=1).mean())


def test_a_slanted_edge_is_no_softer_than_the_reference() -> None:
    y, x = np.mgrid[0:320, 0:320].astype(np.float64)
    photo = grey_photo(25 + 200 * np.clip((x - 160 - (y - 160) * 0.09) + 0.5, 0, 1))
    size = Size(80, 80)
    reference = edge_rise(pillow_lanczos(photo, size)[..., 0])
    for motion in (np.eye(3), hand_held(angle_deg=0.4, shift=(0.4, 0.6))):
        out = resample(photo, to_photo(0.25) @ motion, size)[..., 0].astype(np.float64)
        assert edge_rise(out) <= reference * 1.05


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("scale", [1.0, 0.45])
def test_positions_are_exact(seed: int, scale: float) -> None:
    generator = np.random.default_rng(seed)

    def scene(x: Levels, y: Levels) -> Levels:
        return 120 + 60 * np.sin(x / 17 + 1) * np.cos(y / 23) + 40 * np.sin((x + 2 * y) / 31)

    y, x = np.mgrid[0:260, 0:340].astype(np.float64)
    H = to_photo(scale) @ np.array([[1.0, 0, 22], [0, 1, 18], [0, 0, 1]])
    H = H @ (
        np.eye(3) + generator.uniform(-1, 1, (3, 3)) * [[0.01, 0.01, 5], [0.01, 0.01, 5], [2e-5, 2e-5, 0]]
    )
    size = Size(110, 75)
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    truth = scene(*project(H, columns, rows))
    out = resample(grey_photo(scene(x, y)), H, size)[..., 1]
    # The low-pass itself lowers these slow waves by less than 0.1 level.
    assert np.abs(out - truth).max() <= 0.7
    assert np.abs(out - truth).mean() <= 0.3
    assert abs((out - truth).mean()) <= 0.03


@pytest.mark.parametrize("scale", [1.0, 0.37, 0.2])
@pytest.mark.parametrize("level", [0, 1, 100, 254, 255])
def test_a_flat_photo_stays_flat_up_to_its_borders(level: int, scale: float) -> None:
    photo = np.full((100, 140, 3), level * 257, np.uint16)
    size = Size(round(140 * scale), round(100 * scale))
    out = resample(photo, to_photo(scale) @ hand_held(shift=(0, 0), angle_deg=1.0), size)
    assert (out == level).all()


def test_the_mean_is_kept() -> None:
    photo = noise((240, 360, 3), np.uint16)
    out = resample(photo, to_photo(0.25), Size(90, 60))
    assert decode_srgb(out).mean() == pytest.approx(decode_srgb(photo).mean(), rel=2e-3)


def test_a_highlight_smaller_than_a_pixel_keeps_its_light() -> None:
    """One white pixel of 4 x 4 black ones is as bright as 1/16 of white; averages of codes make it 1/180."""
    photo = np.zeros((128, 128, 3), np.uint8)
    photo[1::4, 2::4] = 255
    out = resample(photo, to_photo(0.25), Size(32, 32))
    assert decode_srgb(out)[4:-4, 4:-4].mean() == pytest.approx(1 / 16, rel=0.01)


def test_gain_divides_light() -> None:
    photo = noise((40, 50, 3))
    out = resample(photo, np.eye(3), Size(50, 40), (2.0, 1.0, 0.5))
    expected = curve(decode_srgb(photo).astype(np.float64) / (2.0, 1.0, 0.5))
    assert np.abs(out - expected).max() <= 0.54


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_photo_gives_the_mirrored_result(scale: float, axis: int) -> None:
    photo = noise((50, 75, 3), np.uint16)
    size = Size(round(75 * scale), round(50 * scale))
    straight = resample(photo, to_photo(scale), size).astype(int)
    mirrored = resample(np.flip(photo, axis), to_photo(scale), size).astype(int)
    assert np.abs(np.flip(mirrored, axis) - straight).max() <= 1  # a tie may round to either side
    assert np.count_nonzero(np.flip(mirrored, axis) - straight) <= straight.size // 1000


def test_overshoot_is_clipped() -> None:
    photo = np.zeros((80, 80, 3), np.uint8)
    photo[:, 40:] = 255
    out = resample(photo, to_photo(0.3), Size(24, 24))
    assert out.min() == 0
    assert out.max() == 255


@pytest.mark.parametrize("scale", [0.3, 0.21])
def test_planes_with_different_grids_are_aligned(scale: float) -> None:
    """A slow scene sampled at every second pixel from four origins gives four equal results."""

    def scene(x: Levels, y: Levels) -> Levels:
        return 0.5 + 0.3 * np.sin(x / 9 + 1) * np.cos(y / 7)

    y, x = np.mgrid[0:200, 0:280].astype(np.float64)
    samples = scene(x, y).astype(np.float32)
    H = to_photo(scale) @ hand_held(shift=(3, 4))
    size = Size(int(260 * scale), int(180 * scale))
    rows, columns = np.mgrid[0 : size.height, 0 : size.width].astype(np.float64)
    truth = scene(*project(H, columns, rows))
    inner = (slice(4, -4), slice(4, -4))
    for left, top in ((0, 0), (1, 0), (0, 1), (1, 1)):
        plane = ColourPlane(samples[top::2, left::2], left, top, 2)
        out = gather([[plane]] * 3, H, size)[..., 1]
        assert np.abs(out - truth)[inner].max() < 4e-3  # half a pixel off would be 2e-2
        assert abs((out - truth)[inner].mean()) < 2e-4


def test_equal_bytes_with_any_number_of_threads() -> None:
    script = """
import hashlib, numpy as np
from ebb.arrays import Size
from ebb.photo.resample import resample
from ebb.geometry.pixel_grid import resize_homography
photo = np.random.default_rng(3).integers(0, 65536, (400, 600, 3), dtype=np.uint16)
H = np.linalg.inv(resize_homography(0.3)) @ [[1.0, 0.01, 2], [-0.01, 1, 3], [1e-5, 0, 1]]
print(hashlib.sha256(resample(photo, H, Size(160, 100)).tobytes()).hexdigest())
"""
    hashes = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(hashes) == 1


def test_gray_agrees_with_the_weights() -> None:
    photo = noise((30, 40, 3))
    expected = photo @ np.array([0.299, 0.587, 0.114])
    assert np.abs(to_gray8(photo) - expected).max() <= 0.51
    assert (
        np.abs(to_gray8(photo) - 255 * rgb2gray(photo)).max() < 60
    )  # same channel order as scikit-image's Rec. 709
    wide = photo.astype(np.uint16) * 257
    assert to_gray8(wide).dtype == np.uint8
    assert np.abs(to_gray8(wide) - expected).max() <= 0.51


def test_reduced_obeys_the_pixel_centre_rule() -> None:
    """A ramp keeps its values at the places that +0.5, × s, −0.5 gives."""
    x = np.arange(300, dtype=np.float64)
    ramp = np.repeat(np.repeat((x / 2 + 20)[None, :, None], 200, axis=0), 3, axis=2).astype(np.uint8)
    small = reduced(ramp, Size(120, 80))
    expected = ((np.arange(120) + 0.5) * 2.5 - 0.5) / 2 + 20
    assert small.shape == (80, 120, 3)
    assert np.abs(small[..., 0] - (expected - 0.25)).max() <= 0.75
