"""Validation of the pictures to score: equal sizes, values in [0, 1]."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import InvalidInput

UnitImage: TypeAlias = NDArray[np.float64]
"""(H, W, 3), sRGB-encoded, [0, 1]."""

LOWEST, HIGHEST = -0.5, 1.5
"""Networks overshoot [0, 1] slightly; float values beyond these limits have another range, such as 0…255."""

_LARGEST = {1: 255, 2: 65535}
"""Largest value of integers of so many bytes."""


class ImagePair(NamedTuple):
    """A prediction and its target, both (H, W, 3) in [0, 1]."""

    preds: UnitImage
    target: UnitImage


def as_pair(preds: NDArray[np.generic], target: NDArray[np.generic]) -> ImagePair:
    """Bring two pictures to [0, 1].

    8 and 16 bits are divided by 255 and 65535, floats clipped. Two grey pictures (H, W) or (H, W, 1) become
    three equal channels; an alpha channel is dropped where it is opaque.

    Args:
        preds: The picture to score.
        target: The real shallow photo.

    Raises:
        InvalidInput: sizes differ, one is grey and one is not, another type or layout, NaN or infinity,
            floats far outside [0, 1], transparent pixels, no pixels.
    """
    if preds.shape[:2] != target.shape[:2]:
        sizes = (f"{array.shape[1]} x {array.shape[0]}" for array in (preds, target) if array.ndim > 1)
        raise InvalidInput("sizes differ: " + " and ".join(sizes), hint="score at the size of the target")
    if _is_grey(preds) != _is_grey(target):
        which = "prediction" if _is_grey(preds) else "target"
        raise InvalidInput(f"the {which} is grey and the other picture is not")
    return ImagePair(as_unit(preds, "prediction"), as_unit(target, "target"))


def as_unit(picture: NDArray[np.generic], name: str) -> UnitImage:
    """Bring one picture to [0, 1]; see :func:`as_pair`.

    Args:
        picture: The picture.
        name: For error messages.

    Raises:
        InvalidInput: as in :func:`as_pair`.
    """
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (1,), (3,), (4,)) or not picture.size:
        raise InvalidInput(f"the {name} has shape {picture.shape}, not (height, width, 3)")
    values = _scaled(picture, name)
    if values.shape[2:] == (4,):
        if values[..., 3].min() < 1:
            raise InvalidInput(f"the {name} has transparent pixels", hint="flatten it on a background first")
        values = values[..., :3]
    if _is_grey(values):
        values = np.repeat(values.reshape(*values.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(values)


def _is_grey(picture: NDArray[np.generic]) -> bool:
    return picture.ndim == 2 or picture.shape[2:] == (1,)


def _scaled(picture: NDArray[np.generic], name: str) -> UnitImage:
    if picture.dtype in (np.uint8, np.uint16):
        return picture.astype(np.float64) / _LARGEST[picture.dtype.itemsize]
    if picture.dtype not in (np.float16, np.float32, np.float64):
        hint = "uint8, uint16, or floats in [0, 1]"
        raise InvalidInput(f"the {name} holds {picture.dtype} values", hint=hint)
    values = picture.astype(np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite(low + high):
        bad = np.count_nonzero(~np.isfinite(values))
        raise InvalidInput(f"the {name} holds NaN or infinity in {bad} values")
    if low < LOWEST or high > HIGHEST:
        hint = "divide by the largest possible value, or pass integers"
        raise InvalidInput(f"the {name} runs from {low:g} to {high:g}, not from 0 to 1", hint=hint)
    return np.asarray(values.clip(0, 1))
