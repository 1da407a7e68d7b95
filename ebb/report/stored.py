"""Reading of the stored photos of a pair, for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import InvalidInput
from ebb.files import read_regular
from ebb.formats.png import decode_png

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8

NAMES = ("wide", "shallow", "depth")


class Stored(NamedTuple):
    """Photos of a pair's folder."""

    photos: dict[str, Rgb8 | Gray8]
    """Photos of :data:`NAMES` that exist and can be decoded."""
    damaged: list[str]
    """Names of photos that exist but cannot be decoded; ``ebb verify`` gives details."""


def stored_photos(folder: Path) -> Stored:
    """Open the photos of a pair's folder."""
    stored = Stored({}, [])
    for name in NAMES:
        path = folder / f"{name}.png"
        if not path.exists():
            continue
        try:
            stored.photos[name] = decode_png(read_regular(path))
        except (InvalidInput, OSError):
            stored.damaged.append(name)
    return stored
