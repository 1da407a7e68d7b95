"""Folder layouts of other data sets, as relative paths, for export and for import of the EBB! release.

Their terms: "original" and "in" are the wide photo, "bokeh" and "gt" the shallow photo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ebb.dataset.splits import SPLITS
from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ebb.dataset.splits import Split

SUFFIXES = (".png", ".jpg")
"""Endings of photos; the releases hold JPEG files."""


class PairPaths(NamedTuple):
    """Paths of one pair, relative to the data set's folder, with forward slashes."""

    wide: str
    shallow: str
    depth: str | None


class EbbPair(NamedTuple):
    """One pair of an existing EBB! folder."""

    split: Split
    number: int
    paths: PairPaths


@dataclass(frozen=True)
class EbbListing:
    """Result of a search in a list of names; every name is in a pair, a problem or ``ignored``."""

    pairs: tuple[EbbPair, ...]
    """By split (train, val, test) and number."""
    problems: tuple[str, ...]
    """One message for each pair that is left out."""
    ignored: tuple[str, ...]
    """Names that do not belong to the layout."""


def layout_paths(
    layout: str, split: Split, index: int, *, has_depth: bool = False, suffix: str = ".jpg"
) -> PairPaths:
    """Return the paths of a pair in a layout.

    Args:
        layout: A name of :data:`LAYOUTS`.
        split: Split of the pair, and name of the folder.
        index: Number of the pair within the split, from 0.
        has_depth: Whether it has a depth map; only the layout ``ebb`` has depth maps.
        suffix: ``.jpg`` or ``.png``, for the photos. Depth maps are always PNG files.

    Raises:
        UsageError: unknown layout or suffix, or a negative index.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"unknown layout {layout!r}", hint=f"known: {', '.join(LAYOUTS)}")
    if suffix not in SUFFIXES or index < 0:
        raise UsageError(f"no layout has a photo {index}{suffix}", hint=f"suffixes: {', '.join(SUFFIXES)}")
    return LAYOUTS[layout](split, index, has_depth, suffix)


def find_ebb_pairs(names: Iterable[str]) -> EbbListing:
    """Find the pairs of an EBB! folder, release or challenge, by the names of its files.

    File names: ``train|val|test/{original,bokeh,original_depth}/<n>.{jpg,png}`` and
    ``Training/{original,bokeh}/<n>.jpg``, in any letter case. Pairs with a missing partner or with two files
    of one number (``7.jpg`` and ``7.png``) are problems and left out.

    Args:
        names: Paths relative to the folder, with forward slashes, in any order.
    """
    found: dict[tuple[Split, int], dict[str, list[str]]] = {}
    ignored = []
    for name in sorted(names):
        parsed = _parse_ebb(name)
        if parsed is None:
            ignored.append(name)
            continue
        split, number, part = parsed
        parts = found.setdefault((split, number), {"original": [], "bokeh": [], "original_depth": []})
        parts[part].append(name)
    pairs, problems = [], []
    for split, number in sorted(found, key=lambda key: (SPLITS.index(key[0]), key[1])):
        parts = found[split, number]
        if problem := _ebb_problem(parts):
            problems.append(f"{split} {number}: {problem}")
            continue
        wide, shallow, *depth = parts["original"] + parts["bokeh"] + parts["original_depth"]
        pairs.append(EbbPair(split, number, PairPaths(wide, shallow, depth[0] if depth else None)))
    return EbbListing(tuple(pairs), tuple(problems), tuple(ignored))


_EBB_SPLITS: Mapping[str, Split] = {"train": "train", "training": "train", "val": "val", "test": "test"}
_EBB_NAME = re.compile(
    r"(train|training|val|test)/(?:(original|bokeh)/([0-9]{1,9})\.(?:jpe?g|png)|(original_depth)/([0-9]{1,9})\.png)",
    re.IGNORECASE,
)


def _parse_ebb(name: str) -> tuple[Split, int, str] | None:
    """Return split, number and folder of a file; ``None`` for a file outside the layout."""
    match = _EBB_NAME.fullmatch(name)
    if match is None:
        return None
    return _EBB_SPLITS[match[1].lower()], int(match[3] or match[5]), (match[2] or match[4]).lower()


def _ebb_problem(parts: Mapping[str, list[str]]) -> str:
    """Return the reason why the files of a number are not a pair; empty if they are."""
    for names in parts.values():
        if len(names) > 1:
            return f"the number is there twice: {', '.join(names)}"
    missing = [part for part in ("original", "bokeh") if not parts[part]]
    present = next((names[0] for names in parts.values() if names), "")
    return f"{present} has no partner in {' and '.join(missing)}" if missing else ""


def _ebb(split: Split, index: int, has_depth: bool, suffix: str) -> PairPaths:
    depth = f"{split}/original_depth/{index}.png" if has_depth else None
    return PairPaths(f"{split}/original/{index}{suffix}", f"{split}/bokeh/{index}{suffix}", depth)


def _bokehlicious(split: Split, index: int, has_depth: bool, suffix: str) -> PairPaths:  # noqa: ARG001 - no place for depth
    return PairPaths(f"{split}/in/{index}{suffix}", f"{split}/gt/{index}{suffix}", None)


def _ebokehnet(split: Split, index: int, has_depth: bool, suffix: str) -> PairPaths:  # noqa: ARG001 - no place for depth
    return PairPaths(f"{split}/{index}_src{suffix}", f"{split}/{index}_tgt{suffix}", None)


LAYOUTS: Mapping[str, Callable[[Split, int, bool, str], PairPaths]] = {
    "ebb": _ebb,
    "bokehlicious": _bokehlicious,
    "ebokehnet": _ebokehnet,
}
"""Name → function (split, index, has_depth, suffix) → paths of a pair."""
