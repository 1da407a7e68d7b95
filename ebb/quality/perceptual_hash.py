"""Near-duplicates: pairs whose wide photos show almost the same picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.arrays import Gray8

NEAR_BITS = 12
"""Bits of 64 in which near-duplicates differ at most. Of 496 pairs of simulated scenes all differ in at least
17; a scene turned by half a degree, shifted by 1 % and 20 % brighter differs in at most 11."""

_HASHED_HEIGHT = 171


def picture_hash(gray: Gray8) -> str:
    """Perceptual hash of a photo, 16 hex digits: the signs of its 64 lowest cosine coefficients.

    OpenCV's PHash (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010,
    section 3.1); exposure and small motions hardly change it.
    """
    import cv2

    size = (max(1, round(gray.shape[1] * _HASHED_HEIGHT / gray.shape[0])), _HASHED_HEIGHT)
    small = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.img_hash.PHash.create().compute(small), np.uint8).tobytes().hex()


def near_duplicates(hashes: Mapping[str, str], max_bits: int = NEAR_BITS) -> dict[str, str]:
    """Group pictures that are near-duplicates, directly or through others.

    Args:
        hashes: Id → :func:`picture_hash`.
        max_bits: Largest number of differing bits of direct near-duplicates.

    Returns:
        Id → smallest id of its group, for every picture that is not alone.
    """
    ids = sorted(hashes)
    codes = np.array([int(hashes[one], 16) for one in ids], np.uint64)
    first = np.arange(len(ids))  # of each picture's group, as far as it is known
    for index, code in enumerate(codes):
        near = np.flatnonzero(np.bitwise_count(codes[: index + 1] ^ code) <= max_bits)
        groups = np.unique(first[near])
        first[np.isin(first, groups)] = groups[0]
    counts = np.bincount(first, minlength=len(ids))
    return {one: ids[group] for one, group in zip(ids, first, strict=True) if counts[group] > 1}
