"""Calibration of the parameters of baselines, on pairs of the train split only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import Status
from ebb_train.data.sources import Photos
from ebb_train.metrics.similarity import psnr
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ebb.arrays import Gray8, Rgb8
    from ebb.progress import Progress
    from ebb_train.data.sources import Source
    from ebb_train.pixels import Floats

MAX_PAIRS = 12
"""Train pairs looked at, evenly spread."""
LONGER_SIDE = 384
"""Photos are reduced to this side first: blur is a share of the frame, so its scale holds at any size."""
BLURS = tuple(round(0.01 * 1.25**step, 4) for step in range(12))
"""Blur scales tried: 0.01 to 0.116 of the longer side."""
DEFAULT_BLUR = 0.04
"""Blur scale without a train split."""


def train_pairs(source: Source | None, count: int = MAX_PAIRS) -> list[Photos]:
    """Some pairs of a data set, reduced; none without a data set.

    Raises:
        InvalidInput: a pair is damaged.
    """
    if source is None:
        return []
    places = np.linspace(0, len(source) - 1, min(count, len(source)))
    return [make_small(source.read(round(place))) for place in places]


def make_small(photos: Photos, longer_side: int = LONGER_SIDE) -> Photos:
    """Average a pair down to this longer side; a smaller one stays as it is."""
    scale = longer_side / max(photos.wide.shape)
    if scale >= 1:
        return photos
    height, width = (max(2, round(length * scale)) for length in photos.wide.shape[:2])
    wide, shallow = (_averaged(photo, height, width) for photo in (photos.wide, photos.shallow))
    depth = None if photos.depth is None else _averaged(photos.depth, height // 2, width // 2)
    return Photos(photos.pair_id, wide, shallow, depth)


def best_of(
    values: Sequence[float],
    pairs: Sequence[Photos],
    render: Callable[[float, Photos], Floats],
    default: float,
    progress: Progress,
) -> float:
    """The value whose pictures have the highest mean PSNR.

    Args:
        values: Those tried.
        pairs: Pairs to render; without any the default is returned.
        render: Renders a pair with a value.
        default: Returned without pairs.
        progress: Shows every picture.
    """
    if not pairs:
        return default
    targets = [to_unit(pair.shallow) for pair in pairs]

    def score(value: float, pair: Photos, target: Floats) -> float:
        # a picture that is right to the last bit has no finite PSNR
        found = min(psnr(render(value, pair), target), 100.0)
        progress.advance(pair.pair_id, Status.OK, None, "")
        return found

    def mean_psnr(value: float) -> float:
        return float(np.mean([score(value, *both) for both in zip(pairs, targets, strict=True)]))

    return max(values, key=mean_psnr)


def _averaged(image: Rgb8 | Gray8, height: int, width: int) -> Rgb8 | Gray8:
    import cv2

    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
