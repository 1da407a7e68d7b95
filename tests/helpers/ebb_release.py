"""Folders in the layout of the EBB! release."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from tests.helpers.captures import scene


def write_image(path: Path, image: np.ndarray) -> None:
    """Encode an image (BGR) as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def release(folder: Path, *, depth: bool = True) -> Path:
    """Three pairs in the layout of the EBB! release."""
    for split, number in (("train", 2), ("train", 10), ("test", 0)):
        for part, seed in (("original", number), ("bokeh", number + 100)):
            write_image(folder / split / part / f"{number}.jpg", scene(seed, (160, 96)))
        if depth:
            write_image(folder / split / "original_depth" / f"{number}.png", scene(number, (80, 48))[..., 0])
    return folder
