"""The interface of what makes pictures."""

from __future__ import annotations

import inspect

import numpy as np

from ebb_train.inference.lens_pictures import LensPictures
from ebb_train.inference.network_pictures import NetworkPictures
from ebb_train.inference.pictures import PictureMaker, Pictures


def test_both_makers_have_it() -> None:
    wanted = inspect.signature(PictureMaker.__call__)
    for maker in (LensPictures, NetworkPictures):
        assert inspect.signature(maker.__call__) == wanted


def test_pictures_without_facts() -> None:
    made = Pictures((np.zeros((2, 3, 3), np.uint8),))
    assert made.facts == {}
