"""Portrait mode: the subject stays, the background is blurred without it, masks from four places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb_train.baselines.calibration import BLURS
from ebb_train.baselines.exposure import ExposureGains
from ebb_train.baselines.portrait import Portrait, blur_background, build, with_masks
from ebb_train.data.sources import Photos
from ebb_train.pixels import to_unit
from ebb_train.subject.focus_band import FocusBand
from ebb_train.subject.grabcut import GrabCut
from ebb_train.subject.mask_folder import MaskFolder
from tests.helpers.doubles import RecordedProgress
from tests.helpers.subjects import BOX, red_box

if TYPE_CHECKING:
    from pathlib import Path

BLUR = 0.1


def masked_average(light: np.ndarray, mask: np.ndarray, diameter: int, y: int, x: int) -> np.ndarray:
    """Mean of the background's light over a disc, from pixels whose centre lies in it."""
    rows, columns = np.mgrid[: light.shape[0], : light.shape[1]]
    inside = (np.hypot(rows - y, columns - x) <= diameter / 2) & (mask < 0.5)
    return np.asarray(light[inside].mean(axis=0))


@pytest.mark.parametrize(
    "place", [(20, 20), (60, 114), (60, 46), (95, 80)], ids=["alone", "right", "left", "below"]
)
def test_background_is_averaged_without_the_subject(place: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    light = rng.random((120, 160, 3)).astype(np.float32)
    mask = red_box()[2]
    light[BOX] += 50
    found = blur_background(light, mask, 17.0)[place]
    np.testing.assert_allclose(found, masked_average(light, mask, 17, *place), atol=0.03)


def test_far_inside_the_subject_there_is_no_background() -> None:
    photo, _, mask = red_box()
    light = to_unit(photo)
    found = blur_background(light, mask, 17.0)
    np.testing.assert_array_equal(found[60, 80], light[60, 80])
    assert np.isfinite(found).all()


def test_the_subject_stays_and_the_background_is_smooth() -> None:
    photo, depth, mask = red_box()
    picture = Portrait(FocusBand(), BLUR).render(photo, depth)
    inside = cv2.erode(mask, np.ones((5, 5))) > 0
    outside = cv2.dilate(mask, np.ones((5, 5))) == 0
    assert np.abs(picture - to_unit(photo))[inside].max() < 0.002
    assert picture[..., 1][outside].std() < 0.3 * to_unit(photo)[..., 1][outside].std()
    assert picture[60, 113, 0] < 0.3, "no red beside the red box"


def test_exposure_applies_to_all() -> None:
    photo, depth, _ = red_box()
    plain, dark = (
        Portrait(FocusBand(), BLUR, gains).render(photo, depth)
        for gains in (ExposureGains(), ExposureGains(0.25, 0.25))
    )
    assert (dark < plain).all()


def test_masks_in_files(tmp_path: Path) -> None:
    """A pair has a name, a photo alone has none."""
    photo, depth, mask = red_box()
    model = Portrait(MaskFolder(tmp_path), BLUR)
    pair = Photos("pair/1", photo, photo, None)
    with pytest.raises(InvalidInput, match="no mask for pair/1"):
        model.render_pair(pair)
    assert cv2.imwrite(str(tmp_path / "pair_1.png"), (mask * 255).astype(np.uint8))
    found = model.render_pair(pair)
    np.testing.assert_allclose(found, Portrait(FocusBand(), BLUR).render(photo, depth), atol=0.02)
    with pytest.raises(InvalidInput, match="no mask for a photo without a name"):
        model.render(photo, depth)


def test_calibration_recovers_the_blur_of_the_pairs() -> None:
    photo, depth, _ = red_box()
    made = Portrait(FocusBand(), BLURS[9]).render(photo, depth)
    pair = Photos("a", photo, np.rint(made * 255).astype(np.uint8), depth)
    progress = RecordedProgress()
    found = build(lambda: [pair, pair._replace(depth=None)], progress)
    assert isinstance(found, Portrait)
    assert (found.blur, found.calibrated_on, found.needs_depth) == (BLURS[9], 1, True)
    assert progress.stages == [f"calibrate portrait {len(BLURS)}", "done"]
    without_depth = with_masks(GrabCut())(lambda: [pair._replace(depth=None)], RecordedProgress())
    assert (without_depth.name, without_depth.needs_depth) == ("portrait-grabcut", False)
    assert without_depth.metadata()["calibrated_on"] == 1


def test_what_pictures_depend_on() -> None:
    model = Portrait(GrabCut(), BLUR)
    assert model.metadata() == {
        "model": "portrait",
        "masks": "grabcut",
        "blur": BLUR,
        "gain": 1.0,
        "corner_gain": 1.0,
        "calibrated_on": 0,
    }
    assert model.cost(Size(160, 120)) == (3, None)
