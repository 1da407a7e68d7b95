"""What some networks take beside photo and depth: where a pixel is in the photo, and how wide the aperture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.pixels import Floats


def position_planes(height: int, width: int) -> Floats:
    """Position of each pixel in a photo: x from 0 at the left to 1, y from 1 at the top down, on the same scale.

    Pixels are at their centres. The planes of a crop are cut from those of the whole photo, and are turned
    and mirrored with it.

    Returns:
        (height, width, 2), x and y.
    """
    x = (np.arange(width, dtype=np.float32) + 0.5) / width
    y = 1 - (np.arange(height, dtype=np.float32) + 0.5) / width
    return np.stack(np.broadcast_arrays(x[None], y[:, None]), axis=2)


def strength_of(f_number: float | None, reference: float, pair_id: str, folder: Path) -> float:
    """Strength of the blur of a pair: the reference f-number over that of the shallow photo.

    Raises:
        InvalidInput: the f-number is not known.
    """
    if f_number is None:
        hint = "the shards need f_number_shallow; or train a network that does not take it"
        raise InvalidInput(f"pair {pair_id} has no f-number, and the network takes it", path=folder, hint=hint)
    return reference / f_number
