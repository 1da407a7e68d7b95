"""Inputs of parity checks: photos of a data set or a synthetic scene, noise, and constant images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.simulation.scenes import make_scene
from ebb.srgb import encode_srgb
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.data.sources import Source
    from ebb_train.export.settings import PhotoSize

SEED = 2020

CONSTANTS = (0.0, 0.5, 1.0)
"""Values of the constant inputs."""


class Trial(NamedTuple):
    """An input and its origin."""

    name: str
    photo: NDArray[np.float32]
    """(1, H / 2, W / 2, 3 or 4) in [0, 1]."""
    real: bool
    """Whether it resembles a photo, unlike noise."""
    constant: bool = False
    """Whether it has one value everywhere."""


def noise(size: PhotoSize, channels: int) -> Trial:
    """Independent uniform values, which depend on every weight, although no network was trained on noise."""
    rng = np.random.default_rng(SEED)
    return Trial("noise", rng.random((1, *size.input, channels), np.float32), real=False)


def constants(size: PhotoSize, channels: int) -> list[Trial]:
    """Black, grey and white inputs, whose flat maps have rounding errors that normalisation amplifies."""
    shape = (1, *size.input, channels)
    return [
        Trial(f"{value:g} everywhere", np.full(shape, value, np.float32), real=False, constant=True)
        for value in CONSTANTS
    ]


def scene(size: PhotoSize, channels: int) -> Trial:
    """A synthetic scene with its depth, as the simulated camera sees it."""
    return Trial("synthetic scene", to_input(*scene_photos(size), size, channels), real=True)


def scene_photos(size: PhotoSize) -> tuple[Rgb8, Gray8]:
    """A synthetic scene of the size of the photo: its sharp photo, and its inverse depth."""
    rng = np.random.default_rng(SEED)
    made = make_scene(rng, Size(size.width, size.height), focal_px=max(size))
    inner = slice(made.margin, made.margin + size.height), slice(made.margin, made.margin + size.width)
    inverse = 1 / made.depth_m[inner]
    depth = np.rint(255 * inverse / inverse.max()).astype(np.uint8)
    return encode_srgb(made.rgb[inner]), depth


def pairs(dataset: Path, size: PhotoSize, channels: int, count: int) -> Iterator[Trial]:
    """Evenly spaced wide photos of the training split, read on demand.

    Raises:
        InvalidInput: the data set is invalid or damaged, or has no depth although the network requires it.
    """
    from ebb_train.data.sources import open_source

    source = open_source(dataset)
    places = np.unique(np.linspace(0, len(source) - 1, count).astype(int))
    return (_trial(source, int(place), size, channels) for place in places)


def _trial(source: Source, place: int, size: PhotoSize, channels: int) -> Trial:
    photos = source.read(place)
    name = f"pair {photos.pair_id}"
    try:
        photo = to_input(photos.wide, photos.depth, size, channels)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}", path=source.folder, hint=error.hint) from error
    return Trial(name, photo, real=True)


def to_input(wide: Rgb8, depth: Gray8 | None, size: PhotoSize, channels: int) -> NDArray[np.float32]:
    """Halve a photo as in training, and crop it at the centre or pad it by reflection to the file's size.

    Args:
        wide: (H, W, 3), 0…255.
        depth: (h, w) of the same view, 0…255.
        size: Size of the photo that the file is made for.
        channels: 4: with depth, 3: without.

    Returns:
        (1, size.height / 2, size.width / 2, channels), [0, 1].
    """
    from ebb_train.inference.whole_photo import halve

    photo = halve(wide, depth, channels)
    missing = [max(0, wanted - found) for wanted, found in zip(size.input, photo.shape[:2], strict=True)]
    margins = [(short // 2, short - short // 2) for short in missing]
    photo = np.pad(photo, [*margins, (0, 0)], mode="symmetric")
    top, left = ((found - wanted) // 2 for wanted, found in zip(size.input, photo.shape[:2], strict=True))
    cut = photo[top : top + size.input[0], left : left + size.input[1]]
    return to_unit(cut[None])
