"""Photos as depth sources see them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ebb.arrays import Rect, Rgb8, Size
from ebb.depthmap.source import DepthFile


@dataclass
class View:
    """A photo that is stored as it is, but for a crop."""

    pixels: Rgb8
    name: str = "a.jpg"
    orientation: int = 1
    file: bytes = b""
    depth_file: DepthFile | None = None
    whole: Size | None = None
    corner: tuple[int, int] = (0, 0)
    asked: list[str] = field(default_factory=list)

    @property
    def size(self) -> Size:
        return Size(self.pixels.shape[1], self.pixels.shape[0])

    @property
    def photo_size(self) -> Size:
        return self.whole or self.size

    @property
    def crop(self) -> Rect:
        return Rect(*self.corner, *self.size)

    def read_pixels(self) -> Rgb8:
        self.asked.append("pixels")
        return self.pixels

    def read_file(self) -> bytes:
        self.asked.append("file")
        return self.file

    def read_depth_file(self) -> DepthFile | None:
        self.asked.append("depth file")
        return self.depth_file


def blank(width: int, height: int) -> Rgb8:
    """A black photo."""
    return np.zeros((height, width, 3), np.uint8)
