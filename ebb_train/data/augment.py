"""Random crops, rotations by right angles and flips, equal for all pictures of a sample.

The augmentation of a sample is a function of (seed, sample, epoch) alone: neither the order of the samples nor
the number of workers changes it, so a run can stop and resume anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypeVar, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Array = TypeVar("Array", bound="NDArray[Any]")

Augment: TypeAlias = Literal["paper", "flips", "none"]
"""paper: four right-angle turns and a flip upside down. flips: left to right only. none: crops only."""

_VARIATION = 1
"""Separates these random numbers from others with the same seed."""


class Variation(NamedTuple):
    """The augmentation of a sample in one epoch."""

    across: float
    """Where the crop lies: 0 at the left, just below 1 at the right."""
    down: float
    """0 at the top, just below 1 at the bottom; matters only where the crop is lower than the photo."""
    turns: int
    """Quarter turns, counterclockwise."""
    flip: Literal["", "upside_down", "left_right"]
    """After the turns."""


class Crop(NamedTuple):
    """A square of a photo: ``side`` columns from ``x`` and rows from ``y``."""

    x: int
    y: int
    side: int

    def over(self, factor: int) -> Crop:
        """The same place in a picture that is smaller by a factor; it must divide all three."""
        return Crop(self.x // factor, self.y // factor, self.side // factor)


class Margins(NamedTuple):
    """Columns and rows to add to a photo that is smaller than the crop."""

    left: int
    right: int
    top: int
    bottom: int

    def over(self, factor: int) -> Margins:
        """The same for a picture that is smaller by a factor; it must divide all four."""
        return Margins(*(length // factor for length in self))


def draw_variation(seed: int, index: int, epoch: int, augment: Augment) -> Variation:
    """Draw the augmentation of sample ``index`` in ``epoch``; the crop is the same for every ``augment``."""
    entropy = np.random.SeedSequence(seed, spawn_key=(_VARIATION, index, epoch))
    rng = np.random.default_rng(entropy)
    across, down = rng.random(2).tolist()
    turns, flips = int(rng.integers(4)), bool(rng.integers(2))
    if augment == "paper":
        return Variation(across, down, turns, "upside_down" if flips else "")
    return Variation(across, down, 0, "left_right" if flips and augment == "flips" else "")


def place_crop(variation: Variation, width: int, height: int, side: int, step: int = 2) -> Crop:
    """Put a crop into a photo that is at least ``side`` wide and high, at multiples of ``step``.

    A pixel of a picture that is smaller by ``step`` then stays over the same pixels of the photo.
    """
    x = step * int(variation.across * ((width - side) // step + 1))
    y = step * int(variation.down * ((height - side) // step + 1))
    return Crop(x, y, side)


def cut(image: Array, crop: Crop) -> Array:
    """Cut a crop out of (height, width, ...)."""
    part = image[crop.y : crop.y + crop.side, crop.x : crop.x + crop.side]
    return cast("Array", part)


def rotate_and_flip(image: Array, variation: Variation) -> Array:
    """Rotate a square picture (side, side, ...) by multiples of 90° and flip it."""
    turned = np.rot90(image, variation.turns)
    if variation.flip == "upside_down":
        turned = np.flipud(turned)
    elif variation.flip == "left_right":
        turned = np.fliplr(turned)
    return cast("Array", turned)


def find_margins(width: int, height: int, side: int, step: int = 2) -> Margins:
    """Margins that extend a photo to hold a crop of ``side``; all lengths are multiples of ``step``."""
    across, down = max(0, side - width), max(0, side - height)
    left, top = across // (2 * step) * step, down // (2 * step) * step
    return Margins(left, across - left, top, down - top)


def extend(image: Array, margins: Margins) -> Array:
    """Mirror (height, width, ...) at its edges, repeatedly where needed.

    The edge pixels are repeated, so that a picture and its half-size version mirror about the same line.
    """
    if not any(margins):
        return image
    pads = [(margins.top, margins.bottom), (margins.left, margins.right), *[(0, 0)] * (image.ndim - 2)]
    return cast("Array", np.pad(image, pads, mode="symmetric"))
