"""Pictures for pages."""

from __future__ import annotations

import base64

import cv2
import numpy as np

from ebb.pages.data_uri import data_uri, reduce
from tests.helpers.datasets import photos


def test_a_picture_is_encoded_in_its_uri() -> None:
    wide = photos(0)[0]
    uri = data_uri(wide)
    head, _, text = uri.partition(",")
    assert head == "data:image/jpeg;base64"
    found = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert found is not None
    assert np.abs(found.astype(int) - wide).mean() < 12
    assert data_uri(wide) == uri


def test_large_pictures_are_averaged_down() -> None:
    wide = photos(0, 300, 200)[0]
    assert reduce(wide, 150).shape == (100, 150, 3)
    assert reduce(wide, 300) is wide


def test_a_depth_map_is_not_mirrored() -> None:
    depth = photos(0)[2]
    text = data_uri(depth).partition(",")[2]
    found = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_UNCHANGED)
    assert found.shape == depth.shape
    assert np.abs(found.astype(int) - depth).mean() < 4
