"""Pixel style: what is in the band stays, discs elsewhere, grain as in the photo."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.arrays import Size
from ebb.bokeh.renderer import render_shallow
from ebb.errors import InvalidInput
from ebb_train.baselines.calibration import BLURS
from ebb_train.baselines.pixel_style import (
    BAND,
    PixelStyle,
    build,
    noise_sigma,
    outside_band,
    render_low,
    with_masks,
)
from ebb_train.data.sources import Photos
from ebb_train.pixels import to_unit
from ebb_train.subject.grabcut import GrabCut
from tests.helpers.doubles import RecordedProgress
from tests.helpers.subjects import BOX, red_box

BLUR = 0.1


def test_band() -> None:
    coc = np.array([-9, -2, -1, 0, 1, 2, 9], np.float32)
    np.testing.assert_array_equal(outside_band(coc, 2), [-7, 0, 0, 0, 0, 0, 7])


def test_the_band_is_in_focus() -> None:
    """A subject as deep as the band stays as it is, to the bit but for rounding of the curve."""
    photo, depth, _ = red_box()
    rows = np.linspace(200 - 255 * BAND * 0.9, 200 + 255 * BAND * 0.9, 30).astype(np.uint8)
    depth[15:45, 25:55] = rows[:, None]
    picture = PixelStyle(BLUR).render(photo, depth)
    inside = np.s_[36:84, 56:104]
    assert np.abs(picture - to_unit(photo))[inside].max() < 0.002
    wall = np.s_[:24, :, 1]
    assert np.corrcoef(picture[wall].ravel(), photo[wall].ravel())[0, 1] < 0.3


def test_low_resolution_is_close_to_full() -> None:
    """Where light changes slowly; discs of 12 pixels."""
    y, x = np.mgrid[:96, :128].astype(np.float32)
    light = np.dstack([0.5 + 0.3 * np.sin(x / 15), 0.5 + 0.3 * np.cos(y / 12), x / 128]).astype(np.float32)
    coc = np.full((96, 128), 12, np.float32)
    blurred, share = render_low(light, coc)
    inner = np.s_[10:-10, 10:-10]
    np.testing.assert_allclose(blurred[inner], render_shallow(light, coc, workers=1)[inner], atol=5e-3)
    np.testing.assert_allclose(share, 1, atol=1e-4)


def test_light_of_a_blurred_foreground_lies_over_the_sharp_background() -> None:
    coc = np.zeros((80, 80), np.float32)
    coc[:, :40] = -16
    light = np.zeros((80, 80, 3), np.float32)
    light[:, :40] = 1
    blurred, share = render_low(light, coc)
    assert 0.05 < share[40, 44, 0] < 0.6
    assert share[40, 60, 0] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(blurred[40, 44], share[40, 44, 0], atol=0.05)


@pytest.mark.parametrize("level", [0.0, 2.0, 6.0])
def test_noise_is_measured(level: float) -> None:
    rng = np.random.default_rng(0)
    ramp = np.linspace(40, 200, 240)[None, :, None] * np.ones((200, 1, 3))
    photo = np.rint(ramp + level * rng.standard_normal(ramp.shape) * [1, 1.5, 0.5]).astype(np.uint8)
    found = 255 * noise_sigma(photo)
    rounding = 1 / 12
    expected = np.sqrt((level * np.array([1, 1.5, 0.5])) ** 2 + (rounding if level else 0))
    np.testing.assert_allclose(found, expected, atol=0.3, rtol=0.08)


def test_grain_is_put_back() -> None:
    """The background has the noise of the photo, which its blur alone would not."""
    rng = np.random.default_rng(1)
    photo = np.rint(120 + 5 * rng.standard_normal((120, 160, 3))).astype(np.uint8)
    photo[BOX] = 200
    depth = red_box()[1]
    picture = PixelStyle(BLUR).render(photo, depth)
    wall = np.s_[4:20, 4:150]
    assert 255 * picture[wall].std() == pytest.approx(5, rel=0.2)
    np.testing.assert_array_equal(picture, PixelStyle(BLUR).render(photo, depth))


def test_masks_keep_subjects_of_any_depth_sharp() -> None:
    photo, depth, _ = red_box()
    depth[15:30, 25:55] = 120
    model = PixelStyle(BLUR, masks=GrabCut())
    inside = np.s_[34:50, 56:104]
    sharp, blurred = (each.render(photo, depth)[inside] for each in (model, PixelStyle(BLUR)))
    original = to_unit(photo)[inside]
    assert np.abs(sharp - original).max() < 0.002
    assert np.abs(blurred - original).max() > 0.02
    assert model.metadata()["masks"] == "grabcut"
    np.testing.assert_array_equal(
        model.render_pair(Photos("a", photo, photo, depth)), model.render(photo, depth)
    )


def test_no_depth() -> None:
    with pytest.raises(InvalidInput, match="pixel-style needs depth, and the pair has none"):
        PixelStyle(BLUR).render(red_box()[0], None)


def test_calibration_recovers_the_blur_of_the_pairs() -> None:
    photo, depth, _ = red_box()
    made = PixelStyle(BLURS[9]).render(photo, depth)
    pair = Photos("a", photo, np.rint(made * 255).astype(np.uint8), depth)
    progress = RecordedProgress()
    found = build(lambda: [pair, pair._replace(depth=None)], progress)
    assert isinstance(found, PixelStyle)
    assert (found.name, found.blur, found.calibrated_on) == ("pixel-style", BLURS[9], 1)
    assert progress.stages == [f"calibrate pixel-style {len(BLURS)}", "done"]
    assert with_masks(GrabCut())(list, progress).name == "pixel-style-grabcut"
    assert found.cost(Size(160, 120)) == (3, None)
    assert found.metadata() == {
        "model": "pixel-style",
        "blur": BLURS[9],
        "gain": found.exposure.gain,
        "corner_gain": found.exposure.corner_gain,
        "calibrated_on": 1,
    }
