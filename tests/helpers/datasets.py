"""Small data sets to train on: smooth scenes, their blurred versions, depth maps of what is near."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ebb.dataset.index import INDEX_NAME, DatasetIndex, index_text
from ebb.dataset.record import Record
from ebb.dataset.shards import ShardReader, shard_name, write_shard
from ebb.formats.png import encode_png

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]


def photos(number: int, width: int = 96, height: int = 64) -> tuple[Picture, Picture, Picture]:
    """Wide, shallow and depth of scene ``number``: the background on the right is out of focus."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
    wide = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    shallow = wide.copy()
    shallow[:, width // 2 :] = cv2.GaussianBlur(wide, (0, 0), 3)[:, width // 2 :]
    depth = np.full((height // 2, width // 2), 220, np.uint8)
    depth[:, width // 4 :] = 40
    return wide, shallow, depth


def record(number: int, width: int = 96, height: int = 64, *, has_depth: bool = True) -> Record:
    """A row of a shard that holds scene ``number``."""
    wide, shallow, depth = photos(number, width, height)
    return Record(
        pair_id=hashlib.sha256(str(number).encode()).hexdigest()[:16],
        wide=encode_png(wide),
        shallow=encode_png(shallow),
        depth=encode_png(depth) if has_depth else None,
        width=width,
        height=height,
        crop_x=0,
        crop_y=0,
        crop_width=width,
        crop_height=height,
        depth_provider="sidecar",
        source_wide=f"IMG_{number}.JPG",
        source_shallow=f"IMG_{number}_shallow.JPG",
        source_wide_sha256="a" * 64,
        source_shallow_sha256="b" * 64,
        software="ebb",
    )


def write_set(folder: Path, shards: list[list[Record]]) -> Path:
    """Write shards of the train split and their ``DATASET.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for index, records in enumerate(shards):
        name = shard_name("train", index, len(shards))
        with (folder / name).open("wb") as file:
            facts[name] = write_shard(file, records)
    (folder / INDEX_NAME).write_text(index_text(DatasetIndex(shards=facts)), encoding="utf-8")
    return folder


def write_ebb(folder: Path, numbers: range, split: str = "train", *, depth: bool = True) -> Path:
    """Write an EBB! folder, as PNG so that pixels can be compared."""
    for number in numbers:
        parts = dict(zip(("original", "bokeh", "original_depth"), photos(number), strict=True))
        for part, picture in parts.items():
            if part != "original_depth" or depth:
                path = folder / split / part / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(encode_png(picture))
    return folder


def read_records(path: Path) -> Iterator[Record]:
    """All records of a shard in order."""
    with ShardReader(path) as reader:
        yield from reader
