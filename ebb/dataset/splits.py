"""Assignment of pairs to train, val and test: whole sessions at a time, and never changed afterwards.

A network that was trained on one photo of a scene and is tested on another one scores too high. So pairs
shot in a row form a session, and a session is never divided. The assignment depends on the catalogue alone,
and not on which pairs are rejected or fail: a pair that is repaired later gets the split it would have had.
While a camera file cannot be read, its pair is not in the catalogue, and the splits of new pairs are
provisional (:func:`splits_to_keep`).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ebb.settings import ShardSettings

Split: TypeAlias = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")

_SCENE = "wide-"
"""Beginning of the name of a scene in a table of splits."""


@dataclass(frozen=True)
class PairTime:
    """Time and camera of a pair."""

    pair_id: str
    camera: str = ""
    """Model and serial number of the camera."""
    captured_at: datetime | None = None
    scene: str = ""
    """Equal for pairs with one wide photo (:func:`scene_key`); empty: it has no other pair."""


def scene_key(wide_sha256: str) -> str:
    """Name of a scene beside pair_ids in a table of splits; it does not depend on the shallow photos."""
    return f"{_SCENE}{wide_sha256[:16]}"


def is_scene_key(key: str) -> bool:
    """Whether a key of a table of splits is that of a scene; otherwise it is a pair_id."""
    return key.startswith(_SCENE)


def splits_to_keep(
    pair_ids: Iterable[str], final: Mapping[str, Split], provisional: Mapping[str, Split], *, num_unread: int
) -> dict[str, Split]:
    """Splits of earlier runs that still apply.

    Provisional splits are those of pairs that were new while a camera file could not be read. They apply as
    long as some file cannot be read, and then if the pairs are the same, as after the removal of the file.
    If they are not, they are dropped: the pairs get the splits they would have had without the failure.

    Args:
        pair_ids: All pairs of the catalogue.
        final: Splits that never change, by pair_id and by scene.
        provisional: Provisional splits.
        num_unread: Number of camera files that cannot be read.
    """
    new = {pair_id for pair_id in pair_ids if pair_id not in final}
    waiting = {key for key in provisional if not is_scene_key(key)}
    return {**provisional, **final} if num_unread or new == waiting else dict(final)


def sessions(pairs: Sequence[PairTime], session_gap: float) -> list[list[str]]:
    """Chain pairs of one camera into sessions: each at most ``session_gap`` seconds after the one before.

    A pair without a time is a session by itself, or with the others of its scene.

    Args:
        pairs: The pairs, each once, in any order.
        session_gap: Longest pause within a session, in seconds.

    Returns:
        pair_ids of each session, in order of time within it.
    """
    shot = [(pair.camera, pair.captured_at, pair.pair_id) for pair in pairs if pair.captured_at is not None]
    untimed: dict[str, list[str]] = {}
    for pair in pairs:
        if pair.captured_at is None:
            untimed.setdefault(pair.scene or pair.pair_id, []).append(pair.pair_id)
    found = list(untimed.values())
    previous: tuple[str, datetime] | None = None
    for camera, captured_at, pair_id in sorted(shot):
        before = previous[1] if previous and previous[0] == camera else None
        if before is not None and (captured_at - before).total_seconds() <= session_gap:
            found[-1].append(pair_id)
        else:
            found.append([pair_id])
        previous = camera, captured_at
    return found


def assign_splits(
    pairs: Sequence[PairTime], known: Mapping[str, Split], settings: ShardSettings
) -> dict[str, Split | None]:
    """Assign a split to every pair.

    A pair with a known split keeps it. A new pair of a scene with a known split gets that one, and so does a
    new pair of a session with a known split; a new pair of a session with two known splits gets none. New
    sessions are taken in an order that depends only on their pair_ids. They fill test, then val, as far as
    whole sessions fit; the rest is train. A requested split that would stay empty gets the smallest session
    if another one is left for train.

    Args:
        pairs: All pairs of the catalogue, each once, whether they are stored or not.
        known: Splits of earlier runs, by pair_id and by scene.
        settings: Targets as counts (1 or more) or as shares of all pairs, and the session gap.

    Returns:
        Split of each pair, in the order of ``pairs``; ``None``: its session or scene has two splits, it must
        stay out.

    Raises:
        UsageError: the two targets together exceed the number of pairs.
    """
    of_scene = scene_splits(pairs, known) | dict(known)
    scenes = {pair.pair_id: of_scene[pair.scene] for pair in pairs if pair.scene in of_scene}
    known = scenes | {pair.pair_id: known[pair.pair_id] for pair in pairs if pair.pair_id in known}
    targets = check_targets(len(pairs), settings)
    assigned: dict[str, Split | None] = {pair.pair_id: known.get(pair.pair_id) for pair in pairs}
    left = []
    for session in sessions(pairs, settings.session_gap):
        splits = {known[pair_id] for pair_id in session if pair_id in known}
        if not splits:
            left.append(session)
        elif len(splits) == 1:
            assigned.update(dict.fromkeys(session, splits.pop()))
    left.sort(key=_draw)
    for split, target in targets.items():
        for session in _choose(left, target, list(assigned.values()), split):
            left.remove(session)
            assigned.update(dict.fromkeys(session, split))
    for session in left:
        assigned.update(dict.fromkeys(session, "train"))
    cut = [pair_id for pair_id, split in scenes.items() if assigned[pair_id] != split]
    return assigned | dict.fromkeys(cut)


def scene_splits(pairs: Sequence[PairTime], splits: Mapping[str, Split | None]) -> dict[str, Split]:
    """Split of each scene: that of the first of its pairs which has one.

    Args:
        pairs: Pairs of the catalogue.
        splits: pair_id → split.
    """
    found: dict[str, Split] = {}
    for pair in sorted(pairs, key=lambda one: one.pair_id):
        split = splits.get(pair.pair_id)
        if pair.scene and split is not None:
            found.setdefault(pair.scene, split)
    return found


def across_splits(splits: Mapping[str, Split | None], groups: Mapping[str, str]) -> list[list[str]]:
    """Groups of near-duplicates whose members are in more than one split.

    Args:
        splits: pair_id → split; ``None``: in no shard.
        groups: pair_id → name of its group; pairs without a group are left out.

    Returns:
        pair_ids of each group's members that are in a shard, sorted.
    """
    found: dict[str, list[str]] = {}
    for pair_id in sorted(pair_id for pair_id in groups if splits.get(pair_id)):
        found.setdefault(groups[pair_id], []).append(pair_id)
    return [members for members in found.values() if len({splits[one] for one in members}) > 1]


def check_targets(num_pairs: int, settings: ShardSettings) -> dict[Split, float]:
    """Turn the settings into numbers of pairs, test first; shares are not rounded.

    Raises:
        UsageError: the two targets together exceed the number of pairs.
    """
    wanted: dict[Split, float] = {"test": settings.test, "val": settings.val}
    targets = {split: value * num_pairs if value < 1 else value for split, value in wanted.items()}
    shares = sum(value for value in wanted.values() if value < 1)
    if not (shares <= 1 and sum(targets.values()) <= num_pairs):  # not a number is refused as well
        raise UsageError(
            f"--test {settings.test:g} and --val {settings.val:g} are more than all {num_pairs} pairs",
            hint="lower them; what is left becomes train",
        )
    return targets


def _choose(left: list[list[str]], target: float, have: list[Split | None], split: Split) -> list[list[str]]:
    """Take sessions while they fit; if none fits, the smallest one, provided that train keeps another."""
    chosen = []
    room = math.floor(target + 0.5) - have.count(split)
    for session in left:
        if len(session) <= room:
            chosen.append(session)
            room -= len(session)
    is_empty = target > 0 and split not in have and not chosen
    if is_empty and left and len(left) + ("train" in have) > 1:
        return [min(left, key=len)]
    return chosen


def _draw(session: list[str]) -> str:
    """Hash of a session's smallest pair_id: an order that does not depend on the time of the shots."""
    return hashlib.sha256(min(session).encode()).hexdigest()
