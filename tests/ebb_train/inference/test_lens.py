"""The lens against truth from outside: Blender's captures, and points whose blur is known."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ebb
from ebb.arrays import Size
from ebb.bokeh.aperture import Aperture
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px_per_dioptre
from ebb.srgb import to_light
from ebb_train.inference.disparity import fit_to_photo, normalise
from ebb_train.inference.focus import find_focus
from ebb_train.inference.lens import LensModel, LensShot
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.pixels import Floats, from_unit
from tests.helpers.captures import SAMPLE

HEIGHT = 320
TABLE_BLUR = 0.075
"""Of the sample's table at f/1.8: 0.063 of the frame a dioptre (truth.json), 1.18 dioptres."""
MARGIN_DB = 5.0
"""By which a picture is nearer to the true photo than the untouched photo is, out of focus."""


class Table(NamedTuple):
    """The sample's table at 440 x 280."""

    wide: np.ndarray
    shallow: np.ndarray
    inverse_depth: np.ndarray
    coc_px: np.ndarray


@lru_cache(maxsize=1)
def table() -> Table:
    """Photos by Blender's path tracer, the shallow one brought onto the wide one by the true homography."""
    truth = next(
        p for p in json.loads((SAMPLE / "truth.json").read_text())["pairs"] if p["id"] == "s01_table"
    )
    wide, shallow = (ebb.open_photo(SAMPLE / "captures" / f"IMG_030{n}.JPG").pixels for n in (1, 2))
    size = (wide.shape[1], wide.shape[0])
    shallow = cv2.warpPerspective(
        shallow, np.array(truth["H_jpeg"]), size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    small = (HEIGHT * size[0] // size[1], HEIGHT)
    wide, shallow = (cv2.resize(p, small, interpolation=cv2.INTER_AREA) for p in (wide, shallow))
    stored = cv2.imread(str(SAMPLE / "captures" / "IMG_0301_depth.png"), cv2.IMREAD_UNCHANGED)
    inverse = cv2.resize(stored.astype(np.float32) / 16384, small, interpolation=cv2.INTER_NEAREST_EXACT)
    gain = truth["K1"][0][0] * truth["aperture_m"][1] * small[0] / truth["width"]
    coc = gain * np.abs(inverse - 1 / truth["focus_m"])
    inner = (slice(20, -20), slice(20, -20))  # what both photos show
    return Table(wide[inner], shallow[inner], inverse[inner], coc[inner])


def psnr(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(one[where].astype(float) - other[where]).mean()))


def picture(
    lens: LensModel, photo: np.ndarray, inverse_depth: np.ndarray, f_number: float = 1.8
) -> np.ndarray:
    depth = fit_to_photo(photo, normalise(inverse_depth))
    focus = find_focus(depth, Size(photo.shape[1], photo.shape[0])).depth
    found = lens.render(lens.shoot(photo, depth, focus, f_number))
    return photo if found is None else from_unit(found)


def test_a_capture_with_exact_depth_against_the_true_shallow_photo() -> None:
    scene = table()
    found = picture(LensModel(blur=TABLE_BLUR), scene.wide, scene.inverse_depth)
    blurred = scene.coc_px > 2.5
    assert 0.3 < blurred.mean() < 0.95
    before, after = (psnr(photo, scene.shallow, blurred) for photo in (scene.wide, found))
    assert after > before + MARGIN_DB
    sharp = scene.coc_px < 1
    assert psnr(found, scene.wide, sharp) > 25, "what is in focus stays, but for light from beside it"


def test_a_capture_with_the_depth_of_a_phone() -> None:
    """A quarter of the size, blurred, in 8 bits."""
    scene = table()
    small = cv2.resize(scene.inverse_depth, (110, 70), interpolation=cv2.INTER_AREA)
    codes = np.rint(255 * normalise(cv2.GaussianBlur(small, (0, 0), 0.7))).astype(np.uint8)
    found = picture(LensModel(blur=TABLE_BLUR), scene.wide, codes)
    blurred = scene.coc_px > 2.5
    before, after = (psnr(photo, scene.shallow, blurred) for photo in (scene.wide, found))
    assert after > before + MARGIN_DB - 1


def test_the_default_is_a_lens_of_50_mm() -> None:
    pixels = PixelGrid(36, 1000)
    disc = coc_px_per_dioptre(Lens(50, 1.8), pixels, np.inf) * 1 / 0.8
    assert LensModel().blur == LensSettings().blur == pytest.approx(disc / 1000, rel=0.05)


def points(shape: tuple[int, int] = (180, 270)) -> tuple[np.ndarray, np.ndarray]:
    """A grey plane in focus at the left, and one point of light on a black background at the right."""
    photo, depth = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.float32)
    left = shape[1] // 4
    photo[:, :left], depth[:, :left] = 120, 1
    photo[shape[0] // 2, shape[1] // 2 + left // 2] = 255
    return photo, depth


def fitted_radius(found: Floats, left: int) -> float:
    """Radius of the uniform disc with the second moment of the light right of a column.

    That of a disc of radius R is R² / 2; square pixels add 1 / 6.
    """
    light = to_light(found[:, left:].astype(np.float64)).mean(axis=2)
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    y, x = ((light * place).sum() / light.sum() for place in (rows, columns))
    moment = (light * ((rows - y) ** 2 + (columns - x) ** 2)).sum() / light.sum()
    return float(np.sqrt(2 * (moment - 1 / 6)))


APERTURES = (1.8, 2.0, 2.5, 2.8, 3.3, 4.0, 5.6, 7.1, 8.0, 9.7, 11.0)


@lru_cache(maxsize=2)
def radii(highlights: float) -> tuple[tuple[float, float], ...]:
    photo, depth = points()
    lens = LensModel(blur=0.12, highlights=highlights)
    shots = [lens.shoot(photo, depth, 1.0, number) for number in APERTURES]
    left = photo.shape[1] // 4 + 20
    return tuple((fitted_radius(_rendered(lens, shot), left), float(shot.coc_px.max()) / 2) for shot in shots)


def _rendered(lens: LensModel, shot: LensShot) -> Floats:
    found = lens.render(shot)
    assert found is not None
    return found


@pytest.mark.parametrize("highlights", [1.0, 5.0])
def test_the_radius_of_a_blurred_point(highlights: float) -> None:
    """Fitted to the picture over what the lens says, from f/1.8 to f/11."""
    for (fitted, true), number in zip(radii(highlights), APERTURES, strict=True):
        assert true == pytest.approx(0.12 * 270 * 1.8 / number / 2, rel=1e-6)
        assert 0.95 < fitted / true < 1.05, number


def test_blur_grows_as_the_aperture_opens() -> None:
    fitted = [radius for radius, _ in radii(1.0)]
    assert fitted == sorted(fitted, reverse=True)
    assert len(set(fitted)) == len(fitted)


@given(st.floats(0.7, 32), st.floats(0, 1))
def test_half_the_f_number_is_twice_the_blur(number: float, focus: float) -> None:
    photo, depth = points((12, 16))
    lens = LensModel()
    wide, narrow = (lens.shoot(photo, depth, focus, value).coc_px for value in (number / 2, number))
    np.testing.assert_array_equal(wide, 2 * narrow)


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_without_blur_the_photo_comes_back(height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    depth = rng.random((height, width), np.float32)
    for lens, number in ((LensModel(strength=0), 1.8), (LensModel(blur=0), 1.8), (LensModel(), 1e6)):
        assert lens.render(lens.shoot(photo, depth, 0.5, number)) is None
    flat = LensModel().shoot(photo, np.zeros_like(depth), 0.0, 1.8)
    assert LensModel().render(flat) is None


@pytest.mark.parametrize("shape", [(41, 63), (64, 37), (33, 33), (3, 90)])
def test_odd_sizes_and_portrait(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    photo = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    depth = np.tile(np.linspace(0, 1, shape[1], dtype=np.float32), (shape[0], 1))
    lens = LensModel(blur=0.1)
    found = _rendered(lens, lens.shoot(photo, depth, 1.0, 1.8))
    assert (found.shape, found.dtype) == ((*shape, 3), np.float32)
    left, right = found[:, : shape[1] // 4], found[:, -shape[1] // 4 :]
    assert left.std() < 0.7 * right.std()


def test_what_is_in_focus_and_far_from_edges_is_the_photo() -> None:
    rng = np.random.default_rng(5)
    photo = rng.integers(0, 256, (80, 160, 3), dtype=np.uint8)
    depth = np.zeros((80, 160), np.float32)
    depth[:, 80:] = 1
    lens = LensModel()
    found = from_unit(_rendered(lens, lens.shoot(photo, depth, 1.0, 1.8)))
    np.testing.assert_array_equal(found[:, 100:], photo[:, 100:])


def test_a_blurred_background_takes_no_colour_of_the_subject() -> None:
    photo = np.full((120, 180, 3), [30, 120, 40], np.uint8)
    photo[30:90, 60:120] = [220, 30, 30]
    depth = np.zeros((120, 180), np.float32)
    depth[30:90, 60:120] = 1
    lens = LensModel(blur=0.08)
    found = from_unit(_rendered(lens, lens.shoot(photo, depth, 1.0, 1.8))).astype(int)
    outside = np.ones((120, 180), bool)
    outside[28:92, 58:122] = False
    assert np.abs(found - photo)[outside].max() <= 2


@pytest.mark.parametrize("shape", ["round", "6", "cats-eye"])
def test_shapes_of_lights(shape: str) -> None:
    photo, depth = points((120, 180))
    photo[60, 112] = 0
    photo[25:28, 153:156] = 255  # towards a corner
    lens = LensModel.of(LensSettings(bokeh_shape=shape, blur=0.15, highlights=20))
    light = to_light(_rendered(lens, lens.shoot(photo, depth, 1.0, 1.8))[:, 100:].astype(np.float64))[..., 0]
    full = np.pi / 4 * (0.15 * 180) ** 2
    share = float((light > light.max() / 2).sum() / full)
    if shape == "cats-eye":  # the outer side is cut off
        assert 0.55 < share < 0.8
    else:
        assert share == pytest.approx({"round": 1.0, "6": 3 * 3**0.5 / (2 * np.pi)}[shape], abs=0.07)
    assert lens.aperture == Aperture(blades=6 if shape == "6" else 0)
