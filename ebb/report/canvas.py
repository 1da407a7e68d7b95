"""A canvas for panels and text, and overlays of photos."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Rgb8, Size

Colour = tuple[int, int, int]

BACKGROUND: Colour = (24, 24, 27)
TEXT: Colour = (228, 228, 231)
FAINT: Colour = (161, 161, 170)
GOOD: Colour = (74, 222, 128)
BAD: Colour = (248, 113, 113)
MARK: Colour = (250, 204, 21)

TEXT_SIZE = 15
"""Default size of text, in pixels."""


class Canvas:
    """A picture on which panels and text are drawn.

    Args:
        width: Width in pixels.
        height: Height in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("RGB", (width, height), BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)

    def text(self, x: int, y: int, text: str, colour: Colour = TEXT, size: int = TEXT_SIZE) -> int:
        """Draw one line of text with its top left corner at (x, y); return the x coordinate of its end."""
        from PIL import ImageFont

        font: Any = ImageFont.load_default(size)
        self._draw.text((x, y), text, fill=colour, font=font)
        return x + text_width(text, size)

    def panel(self, x: int, y: int, box: Size, picture: Rgb8) -> None:
        """Draw a picture centred in a box, as large as possible."""
        from PIL import Image

        scale = min(box.width / picture.shape[1], box.height / picture.shape[0])
        width, height = (max(1, round(side * scale)) for side in (picture.shape[1], picture.shape[0]))
        kind = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST
        fitted = Image.fromarray(picture).resize((width, height), kind)
        self._image.paste(fitted, (x + (box.width - width) // 2, y + (box.height - height) // 2))

    def pixels(self) -> Rgb8:
        """The picture, (height, width, 3)."""
        return np.asarray(self._image, np.uint8)


def text_width(text: str, size: int = TEXT_SIZE) -> int:
    """Width of one line of text in pixels."""
    from PIL import ImageFont

    font: Any = ImageFont.load_default(size)
    return math.ceil(float(font.getlength(text)))


def grey_to_rgb(gray: Gray8) -> Rgb8:
    """Convert grey to RGB."""
    return np.asarray(np.repeat(gray[..., None], 3, axis=2), np.uint8)


def anaglyph(first: Gray8, second: Gray8) -> Rgb8:
    """First photo in red, second in cyan: grey where they agree, with coloured fringes where they differ."""
    return np.dstack([first, second, second])


def moved_onto(gray: Gray8, H: Homography, shape: tuple[int, ...]) -> Gray8:
    """A photo warped by ``H`` onto another one of ``shape``; black outside its edges."""
    import cv2

    moved = cv2.warpPerspective(gray, H, (shape[1], shape[0]), flags=cv2.INTER_CUBIC, borderValue=0)
    return np.asarray(moved, np.uint8)


def as_bright_as(gray: Gray8, other: Gray8) -> Gray8:
    """A photo scaled to the mean brightness of another."""
    gain = float(other.mean()) / max(float(gray.mean()), 1.0)
    return np.asarray(np.clip(np.rint(gray * np.float32(gain)), 0, 255), np.uint8)


def framed(picture: Rgb8, corners: NDArray[np.float64], colour: Colour = MARK, thickness: int = 3) -> Rgb8:
    """The picture with a polygon drawn on it; corners (N, 2)."""
    import cv2

    points = np.rint(corners).astype(np.int32).reshape(-1, 1, 2)
    return np.asarray(cv2.polylines(picture.copy(), [points], True, colour, thickness, cv2.LINE_AA), np.uint8)


def linked(
    picture: Rgb8,
    lines: Iterable[tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]],
    colour: Colour,
) -> Rgb8:
    """The picture with a line between each pair of positions, and a circle around both."""
    import cv2

    out = picture.copy()
    for start, end in lines:
        a, b = ((round(float(x)), round(float(y))) for x, y in (start, end))
        cv2.line(out, a, b, colour, 1, cv2.LINE_AA)
        for place in (a, b):
            cv2.circle(out, place, 5, colour, 2, cv2.LINE_AA)
    return out
