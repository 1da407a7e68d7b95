"""Names of pairs and scenes, made from the bytes of the camera files.

A scene is one wide photo with all shallow photos that are paired with it. The pair with the largest aperture
is named after both of its files, and its name is also that of the scene; every further pair appends its
f-number in tenths: ``5d1f0a3c9b2e4f67``, ``5d1f0a3c9b2e4f67-f028``, ``5d1f0a3c9b2e4f67-f080``. So names sort
by scene and aperture, and a pair keeps its name when photos at smaller apertures join its scene.
"""

from __future__ import annotations

import math
from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

SCENE_PATTERN = "[0-9a-f]{16}"
"""Regular expression of a scene."""

PAIR_PATTERN = f"{SCENE_PATTERN}(?:-f[0-9]{{3,5}})?(?:-[0-9a-f]{{6}})?"
"""Regular expression of a ``pair_id``."""


class ShallowPhoto(NamedTuple):
    """A shallow photo of a scene."""

    sha256: str
    f_number: float | None = None


def pair_id(wide_sha256: str, shallow_sha256: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of both files' SHA-256 digests (binary, wide first).

    Examples:
        >>> pair_id("00" * 32, "ff" * 32)
        'bba91ca85dc914b2'
    """
    return sha256(bytes.fromhex(wide_sha256) + bytes.fromhex(shallow_sha256)).hexdigest()[:16]


def scene_of(pair_id: str) -> str:
    """Scene of a pair: the first 16 digits of its name."""
    return pair_id[:16]


def pair_ids(wide_sha256: str, shallow: Sequence[ShallowPhoto]) -> list[str]:
    """Names of the pairs of one wide photo.

    Args:
        wide_sha256: SHA-256 of the wide file.
        shallow: The shallow photos, of different bytes. Where the f-numbers of several further ones are
            equal to a tenth, or unknown, six digits of the hash of both files follow.

    Returns:
        One name for each shallow photo; they do not depend on the order.
    """
    hashes = [pair_id(wide_sha256, photo.sha256) for photo in shallow]
    first = min(range(len(shallow)), key=lambda i: (_f_number(shallow[i]), hashes[i]))
    labels = [_label(photo) for photo in shallow]
    counts = Counter(label for i, label in enumerate(labels) if i != first)
    names = []
    for i, label in enumerate(labels):
        is_clear = label and counts[label] == 1
        name = hashes[first] + (label if is_clear else f"{label}-{hashes[i][:6]}")
        names.append(hashes[first] if i == first else name)
    return names


def _f_number(photo: ShallowPhoto) -> float:
    value = photo.f_number
    return value if value is not None and math.isfinite(value) and 0 < value < 1000 else math.inf


def _label(photo: ShallowPhoto) -> str:
    """``-f028`` for f/2.8; empty for an unknown f-number."""
    value = _f_number(photo)
    return "" if value == math.inf else f"-f{round(10 * value):03d}"
