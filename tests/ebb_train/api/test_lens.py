"""Rendering of arrays by the lens."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import ebb
import ebb_train
from tests.helpers.captures import scene

PHOTO = scene(2, (120, 80))
DEPTH = np.repeat([1, 7], 30)[None].repeat(40, axis=0).astype(np.uint16)
"""The right half is nearer."""
LEFT, RIGHT = np.s_[:, :50], np.s_[:, 70:]


def changed(picture: np.ndarray) -> tuple[float, float]:
    """How much of the left and of the right half of the photo is another."""
    difference = np.abs(picture.astype(int) - PHOTO)
    return float(difference[LEFT].mean()), float(difference[RIGHT].mean())


@pytest.mark.parametrize("focus", [1.0, (100, 40), (0.9, 0.5), np.tile(np.arange(60) > 40, (40, 1))])
def test_the_focus_is_sharp(focus: object) -> None:
    left, right = changed(ebb_train.render(PHOTO, DEPTH, focus=focus, blur=0.15))  # type: ignore[arg-type]
    assert left > 10
    assert right < 0.1
    left, right = changed(ebb_train.render(PHOTO, DEPTH, focus=0.0, blur=0.15))
    assert left < 0.1
    assert right > 10


def test_without_a_focus_the_near_thing_is_sharp() -> None:
    found = ebb_train.render(PHOTO, DEPTH, blur=0.15)
    assert (found.dtype, found.shape) == (np.uint8, PHOTO.shape)
    np.testing.assert_array_equal(found, ebb_train.render(PHOTO, DEPTH, focus=1.0, blur=0.15))


def test_types_of_photos() -> None:
    found = ebb_train.render(PHOTO, DEPTH, blur=0.15)
    np.testing.assert_array_equal(ebb_train.render(PHOTO.astype(np.uint16) * 257, DEPTH, blur=0.15), found)
    np.testing.assert_array_equal(ebb_train.render(PHOTO / 255, DEPTH, blur=0.15), found)


@pytest.mark.parametrize("values", [{"strength": 0}, {"f_number": 1e5}, {"blur": 0}])
def test_without_blur_the_photo_comes_back(values: dict[str, float]) -> None:
    found = ebb_train.render(PHOTO, DEPTH, **values)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, PHOTO)
    assert found is not PHOTO
    flat = ebb_train.render(PHOTO, np.full((9, 9), 3.0))
    np.testing.assert_array_equal(flat, PHOTO)


def test_other_values_give_other_pictures() -> None:
    depth = cv2.resize(DEPTH, (120, 80), interpolation=cv2.INTER_NEAREST)
    for values in ({"f_number": 2.8}, {"bokeh_shape": "6"}, {"highlights": 1.0}):
        found = ebb_train.render(PHOTO, depth, blur=0.15, **values)  # type: ignore[arg-type]
        assert not np.array_equal(found, PHOTO)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"focus": 1.5}, "must be between 0 .farthest. and 1"),
        ({"focus": (120, 10)}, "outside the photo of 120 x 80"),
        ({"focus": np.zeros((4, 4))}, "of booleans, not .4, 4. of float64"),
        ({"f_number": 0}, "--aperture 0.0"),
        ({"f_number": float("nan")}, "--aperture nan"),
        ({"strength": -1}, "--strength -1"),
        ({"bokeh_shape": "heart"}, "--bokeh-shape heart"),
    ],
)
def test_wrong_arguments(values: dict[str, object], message: str) -> None:
    with pytest.raises(ebb.UsageError, match=message):
        ebb_train.render(PHOTO, DEPTH, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_depth_that_is_none(value: float) -> None:
    depth = DEPTH.astype(float)
    depth[3, 3] = value
    with pytest.raises(ebb.UsageError, match="inverse depth must be finite"):
        ebb_train.render(PHOTO, depth)
    with pytest.raises(ebb.UsageError, match="must have the shape"):
        ebb_train.render(PHOTO, np.zeros((4, 4, 3)))
    with pytest.raises(ebb.InvalidInput, match="the mask of the focus has no white"):
        ebb_train.render(PHOTO, DEPTH, focus=np.zeros((4, 4), bool))
