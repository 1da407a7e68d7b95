"""Smooth things that moved, in simulated photos with noise; truth: where they were put."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ebb.quality.blur_map import blur_map
from ebb.quality.equal_blur import at_equal_blur
from ebb.quality.exposure import ExposureDifference
from ebb.quality.grid import TILE_PX
from ebb.quality.measured_photo import MeasuredPhoto
from ebb.quality.smooth_change import smooth_changes
from tests.helpers.blurs import with_disc
from tests.helpers.textured_pairs import FRAME, encoded, texture

STILL = np.eye(3)
GROUND, SUBJECT = (0.22, 0.2, 0.18), (0.205, 0.2, 0.15)
BEFORE, AFTER, RADIUS = (150, 192), (400, 192), 70


def scene(
    centre: tuple[int, int],
    color: tuple[float, ...] = SUBJECT,
    ground: tuple[float, ...] | np.ndarray = GROUND,
) -> np.ndarray:
    """A disc of one colour before plain or textured ground, in linear light."""
    y, x = np.mgrid[: FRAME.height, : FRAME.width]
    cover = np.clip(RADIUS + 0.5 - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
    light = np.broadcast_to(np.asarray(ground, np.float32), (FRAME.height, FRAME.width, 3))
    return ((1 - cover) * light + cover * np.array(color)).astype(np.float32)


def changed(
    wide: np.ndarray, shallow: np.ndarray, gain: float = 1.0, noise: float = 0.005, quality: int = 0
) -> np.ndarray:
    """(rows, columns) of tiles that changed between two scenes, photographed with noise."""
    codes = [encoded(wide, noise=noise, seed=1), encoded(shallow, gain=gain, noise=noise, seed=2)]
    if quality:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality]
        codes = [cv2.imdecode(cv2.imencode(".jpg", one, options)[1], cv2.IMREAD_COLOR) for one in codes]
    photos = [MeasuredPhoto(one) for one in codes]
    exposure = ExposureDifference((gain,) * 3, (0.0, 0.0), 0.0, 0.0, 1)
    blurs = blur_map(*photos, STILL, exposure)
    return smooth_changes(at_equal_blur(*photos, STILL, exposure), blurs)


def away_from(centre: tuple[int, int]) -> np.ndarray:
    """(rows, columns), distance of the middle of each tile from a place in pixels."""
    rows, columns = (TILE_PX * (np.arange(side // TILE_PX) + 0.5) for side in (FRAME.height, FRAME.width))
    return np.hypot(rows[:, None] - centre[1], columns - centre[0])


@pytest.mark.parametrize("gain", [0.6, 1.0])
def test_a_faint_subject_that_moved_is_found_where_it_is(gain: float) -> None:
    """Its luminance is 3 % below that of the ground; no tile has fine detail."""
    found = changed(scene(BEFORE), scene(AFTER), gain)
    outline = abs(away_from(AFTER) - RADIUS) < TILE_PX / 2
    assert found[outline].mean() > 0.8
    assert not found[away_from(AFTER) > RADIUS + 3 * TILE_PX].any()


def test_a_subject_that_differs_in_colour_alone_is_found() -> None:
    red = 0.2 + 0.0722 / 0.2126 * 0.04  # luminance as before
    assert changed(scene(BEFORE, (red, 0.2, 0.16), (0.2, 0.2, 0.2)), scene(AFTER, (red, 0.2, 0.16))).any()


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.03])
@pytest.mark.parametrize("quality", [0, 60, 90])
def test_a_subject_that_stays_has_not_changed(noise: float, quality: int) -> None:
    assert not changed(scene(BEFORE), scene(BEFORE), 0.7, noise, quality).any()


def test_what_noise_hides_is_not_a_change() -> None:
    almost = (0.219, 0.2, 0.179)
    assert not changed(scene(BEFORE, almost), scene(AFTER, almost), noise=0.1).any()


@pytest.mark.parametrize("disc", [20.0, 60.0])
def test_blur_is_not_a_change(disc: float) -> None:
    blurred = with_disc(scene(BEFORE), disc)
    assert not changed(scene(BEFORE), blurred).any()


def test_leaves_in_the_wind_within_the_blur_are_no_change_in_focus() -> None:
    leaves = np.array(GROUND) * (0.6 + texture(4)[..., None])
    blown = np.roll(leaves, (6, 12), axis=(0, 1))
    soft = np.stack([with_disc(blown[..., channel], 30.0) for channel in range(3)], axis=-1)
    assert not changed(scene(BEFORE, ground=leaves), scene(BEFORE, ground=soft)).any()


def test_a_smooth_subject_that_hides_texture_is_found() -> None:
    """The fine detail behind it is gone, as if it was blurred; such blur would not leave a subject."""
    ground = np.array(GROUND) * (0.6 + texture(3)[..., None])
    soft = np.stack([with_disc(ground[..., channel], 12.0) for channel in range(3)], axis=-1)
    shown = changed(scene(BEFORE, (0.1, 0.2, 0.1), ground), scene(AFTER, (0.1, 0.2, 0.1), soft))
    assert shown[away_from(AFTER) < RADIUS + TILE_PX].mean() > 0.3
    assert not shown[away_from(AFTER) > RADIUS + 3 * TILE_PX].any()


def test_what_clips_in_the_wide_photo_is_not_compared() -> None:
    """Clouds that only the darker photo shows."""
    cloud, sky = (1.6, 1.6, 1.7), (1.2, 1.3, 1.5)
    assert not changed(scene(BEFORE, cloud, sky), scene(BEFORE, cloud, sky), gain=0.4).any()


def test_tiny_photos_have_no_regions() -> None:
    small = np.full((40, 64, 3), 0.3, np.float32)
    assert not changed(small, small).any()
    assert changed(small, small).shape == (1, 2)
