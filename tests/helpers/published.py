"""Small data sets in the layouts of published ones, of simulated pairs: good, and bad in a known way."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ebb.arrays import Rgb8, Size
from ebb.errors import Reason
from tests.helpers.rendered_pairs import synthetic_pair

FULL = Size(304, 208)
MARGIN = 8
SHIFT = (3, 2)
"""How far the content of the shallow photo of the shifted pair lies to the right and below, in pixels."""

KINDS: Mapping[str, Reason | None] = {
    "good": None,
    "shifted": Reason.MISALIGNED,
    "sharp": Reason.TOO_LITTLE_BLUR,
    "strangers": Reason.TOO_FEW_MATCHES,
}
"""Kind of a pair → reason for which profile clean refuses it."""


class Photos(NamedTuple):
    """What is in the files of a pair."""

    wide: Rgb8
    shallow: Rgb8
    depth: np.ndarray
    """(height / 2, width / 2), uint8, near at the bottom."""


@lru_cache
def photos(kind: str) -> Photos:
    """The photos of a kind of pair: 288 x 192 px."""
    pair = synthetic_pair(1 + list(KINDS).index(kind), FULL)
    shallow, (x, y) = pair.shallow, SHIFT if kind == "shifted" else (0, 0)
    if kind == "sharp":
        shallow = synthetic_pair(3, FULL, f_number=15.0, noise=0.01).shallow
    if kind == "strangers":
        shallow = synthetic_pair(6, FULL).shallow
    height, width = FULL.height - 2 * MARGIN, FULL.width - 2 * MARGIN
    ramp = np.linspace(0, 255, height // 2)[:, None].repeat(width // 2, axis=1).astype(np.uint8)
    return Photos(_cut(pair.wide, MARGIN, MARGIN), _cut(shallow, MARGIN - x, MARGIN - y), ramp)


def _cut(photo: Rgb8, left: int, top: int) -> Rgb8:
    size = FULL.height - 2 * MARGIN, FULL.width - 2 * MARGIN
    return np.ascontiguousarray(photo[top : top + size[0], left : left + size[1]])


def names(layout: str, split: str, number: int) -> tuple[str, str, str]:
    """Wide, shallow and depth file of a pair; no depth: ``""``."""
    return {
        "ebb": (f"{split}/original/{number}.png", f"{split}/bokeh/{number}.png", _depth(split, number)),
        "bokehlicious": (f"{split}/in/{number}.png", f"{split}/gt/{number}.png", ""),
        "realbokeh": (f"{split}/in/{number}_f22.JPG", f"{split}/gt/{number}/{number}_f2.0.JPG", ""),
        "ebokehnet": (f"{split}/{number:05d}.tgt.png", f"{split}/{number:05d}.src.png", ""),
        "vabm": (
            f"{split}/input/{number}.png",
            f"{split}/target/{number}.png",
            f"{split}/depth/{number}.png",
        ),
        "vabd": (
            f"{split}/input/{number:04d}.PNG",
            f"{split}/1_8/{number:04d}.PNG",
            f"{split}/depth/{number:04d}.png",
        ),
    }[layout]


def _depth(split: str, number: int) -> str:
    return f"{split}/original_depth/{number}.png"


def write_data_set(
    folder: Path, layout: str, kinds: Sequence[str], *, split: str = "train", with_depth: bool = True
) -> Path:
    """Write pairs of these kinds, numbered from 1, and the metadata of the layout."""
    for number, kind in enumerate(kinds, start=1):
        wide, shallow, depth = names(layout, split, number)
        found = photos(kind)
        write(folder / wide, found.wide)
        write(folder / shallow, found.shallow)
        if depth and with_depth:
            write(folder / depth, found.depth)
        if layout == "realbokeh":
            _write_scene(folder / split, number)
    if layout == "ebokehnet":
        lines = [
            f"{number:05d}, Sony50mmf1.8BS, Sony50mmf16.0BS, 35\n" for number in range(1, len(kinds) + 1)
        ]
        (folder / split / "meta.txt").write_text("".join(lines))
    return folder


def write(path: Path, picture: np.ndarray) -> None:
    """Encode a picture (RGB or grey) as its suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    options = [cv2.IMWRITE_JPEG_QUALITY, 95] if path.suffix.lower() == ".jpg" else []
    path.write_bytes(cv2.imencode(path.suffix.lower(), stored, options)[1].tobytes())


def _write_scene(folder: Path, number: int) -> None:
    scene = {
        "id": number,
        "source_image": f"in/{number}_f22.JPG",
        "source_av": 22.0,
        "target_images": [f"gt/{number}/{number}_f2.0.JPG"],
        "target_avs": [2.0],
        "focal_length": 49.0,
        "iso": 100,
    }
    path = folder / "metadata" / f"{number}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(scene))
