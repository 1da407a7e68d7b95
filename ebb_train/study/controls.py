"""Pictures with a known answer, made from target photos: anchors, traps, training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ebb.arrays import Rgb8

ANCHOR_SIGMA = 0.02
"""Standard deviation of the anchor's blur, as a share of the height."""

MIDDLE_SIGMA = 0.0035
"""The same for the training picture of the middle of the scale."""

_PLATE, _INK = (128, 128, 128), (255, 255, 255)
_FONT_HEIGHT = 22.0
"""Height of a capital letter of OpenCV's font at scale 1, in pixels."""


def blurred(photo: Rgb8, share: float) -> Rgb8:
    """Blur a whole photo.

    Args:
        photo: (h, w, 3), 0…255.
        share: Standard deviation as a share of the height.
    """
    import cv2

    sigma = max(0.5, share * photo.shape[0])
    return np.asarray(cv2.GaussianBlur(photo, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.uint8)


def with_text(photo: Rgb8, text: str) -> Rgb8:
    """Write a line of ASCII text on a grey plate across the middle of a photo.

    Args:
        photo: (h, w, 3), 0…255.
        text: The text, whose height is at most an eighth of the photo's.
    """
    import cv2

    height, width = photo.shape[:2]
    font = cv2.FONT_HERSHEY_DUPLEX
    (unit_width, _), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(0.85 * width / unit_width, height / 8 / _FONT_HEIGHT)
    thickness = max(1, round(scale * 2))
    (text_width, text_height), base = cv2.getTextSize(text, font, scale, thickness)
    top, bottom = height // 2 - 2 * text_height, height // 2 + 2 * text_height
    result = photo.copy()
    cv2.rectangle(result, (0, top), (width, bottom), _PLATE, -1)
    place = ((width - text_width) // 2, (top + bottom + text_height) // 2 - base // 4)
    cv2.putText(result, text, place, font, scale, _INK, thickness, cv2.LINE_AA)
    return result
