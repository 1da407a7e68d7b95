"""Pairs that are found in the folder of an existing data set, by the names of its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ebb.dataset.splits import SPLITS
from ebb.names import natural_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ebb.dataset.splits import Split
    from ebb.errors import Reason


class Shot(NamedTuple):
    """One photo of a pair, and what the data set says about it."""

    name: str
    """Path relative to the data set's folder, with forward slashes."""
    f_number: float | None = None
    focal_length_mm: float | None = None
    iso: float | None = None
    lens: str = ""


class FoundPair(NamedTuple):
    """One pair of a data set."""

    split: Split | None
    """``None``: the data set does not say."""
    wide: Shot
    shallow: Shot
    depth: str | None = None

    @property
    def names(self) -> dict[str, str]:
        """Role → name of the file."""
        files = {"wide": self.wide.name, "shallow": self.shallow.name}
        return files | ({"depth": self.depth} if self.depth else {})


class SetAside(NamedTuple):
    """A file of the layout that is in no pair."""

    name: str
    reason: Reason
    detail: str


@dataclass(frozen=True)
class Listing:
    """Result of a search: every name is in a pair, set aside, or ignored."""

    layout: str
    pairs: tuple[FoundPair, ...] = ()
    """By split (train, val, test, none), scene and f-number."""
    aside: tuple[SetAside, ...] = ()
    ignored: tuple[str, ...] = ()
    """Names that do not belong to the layout."""


@dataclass
class SceneFiles:
    """The files of one scene: a wide photo, and one or more shallow ones."""

    wide: list[Shot] = field(default_factory=list)
    shallow: list[Shot] = field(default_factory=list)
    depth: list[Shot] = field(default_factory=list)

    @property
    def names(self) -> Iterator[str]:
        """All files."""
        return (shot.name for shots in (self.wide, self.shallow, self.depth) for shot in shots)

    def problem(self) -> str:
        """Why the files are not pairs; empty if they are."""
        f_numbers = [shot.f_number for shot in self.shallow]
        repeated = [shot for shot in self.shallow if f_numbers.count(shot.f_number) > 1]
        for shots in (self.wide if len(self.wide) > 1 else [], repeated, self.depth[1:] and self.depth):
            if shots:
                return f"the same photo is there twice: {', '.join(shot.name for shot in shots)}"
        missing = [role for role in ("wide", "shallow") if not getattr(self, role)]
        return f"{next(self.names)} has no {' and no '.join(missing)} photo" if missing else ""


def by_split_and_name(scenes: Iterable[tuple[Split | None, str]]) -> list[tuple[Split | None, str]]:
    """Scenes in the order of a listing."""
    return sorted(scenes, key=lambda scene: (_split_order(scene[0]), natural_key(scene[1])))


def pairs_of_scene(split: Split | None, scene: SceneFiles) -> Iterator[FoundPair]:
    """A pair for each shallow photo, the widest aperture first."""
    (wide,) = scene.wide
    depth = scene.depth[0].name if scene.depth else None
    for shallow in sorted(scene.shallow, key=lambda shot: (shot.f_number or 0.0, natural_key(shot.name))):
        yield FoundPair(split, wide, shallow, depth)


SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
"""Name of a folder in lower case → split."""


def _split_order(split: Split | None) -> int:
    return SPLITS.index(split) if split else len(SPLITS)
