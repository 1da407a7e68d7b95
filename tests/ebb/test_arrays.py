"""Sizes and rectangles are in the order in which OpenCV takes and gives them."""

import cv2
import numpy as np

from ebb.arrays import Rect, Size


def test_a_size_is_accepted_by_opencv() -> None:
    assert cv2.resize(np.zeros((5, 7), np.uint8), Size(width=3, height=2)).shape == (2, 3)


def test_a_rect_has_the_order_of_opencv() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:9, 10:21] = 1
    assert Rect(*cv2.boundingRect(mask)) == Rect(x=10, y=5, width=11, height=4)
