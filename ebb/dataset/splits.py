"""Which pair goes to train, val or test: whole sessions at a time, for ever, whatever is added later.

Two photos of one scene are nearly one photo: a network tested on one and trained on the other looks better
than it is. So pairs shot in a row are one session, and a session is never cut.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from ebb.settings import ShardSettings

Split: TypeAlias = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")


@dataclass(frozen=True)
class PairTime:
    """When and with which camera a pair was shot."""

    pair_id: str
    camera: str = ""
    """Tells cameras apart: model and serial number."""
    captured_at: datetime | None = None


def sessions(pairs: Sequence[PairTime], session_gap: float) -> list[list[str]]:
    """Chain pairs of one camera into sessions: each at most ``session_gap`` seconds after the one before.

    A pair without a time is a session of its own: nothing says what it was shot with.

    Args:
        pairs: The pairs, each once, in any order.
        session_gap: Longest pause within a session, in seconds.

    Returns:
        pair_ids of each session, in order of time within it.
    """
    shot = [(pair.camera, pair.captured_at, pair.pair_id) for pair in pairs if pair.captured_at is not None]
    found = [[pair.pair_id] for pair in pairs if pair.captured_at is None]
    previous: tuple[str, datetime] | None = None
    for camera, captured_at, pair_id in sorted(shot):
        gap_s = (
            (captured_at - previous[1]).total_seconds() if previous and previous[0] == camera else math.inf
        )
        if gap_s <= session_gap:
            found[-1].append(pair_id)
        else:
            found.append([pair_id])
        previous = camera, captured_at
    return found


def assign_splits(
    pairs: Sequence[PairTime],
    known: Mapping[str, Split],
    settings: ShardSettings,
    members: Collection[str] | None = None,
) -> dict[str, Split | None]:
    """Give every member a split.

    A pair with a known split keeps it. A new pair of a session with a known split takes that; tied to two
    different splits, it gets none. New sessions are drawn in an order that depends on nothing but their
    pair_ids and fill test, then val, as far as whole sessions fit; the rest is train. A split that was asked
    for and would stay empty gets the smallest session if another one is left for train.

    Args:
        pairs: All pairs that were shot, each once; they make the sessions.
        known: Splits of earlier runs.
        settings: Targets as counts (1 or more) or as shares of the members, and the session gap.
        members: Pairs that are to be stored; all of them if not given. The others, rejected ones say, only
            tie their neighbours together.

    Returns:
        Split of each member, in the order of ``pairs``; ``None``: tied to two splits, must stay out.

    Raises:
        UsageError: the two targets together exceed all pairs.
    """
    stored = [pair.pair_id for pair in pairs if members is None or pair.pair_id in members]
    targets = _targets(len(stored), settings)
    assigned: dict[str, Split | None] = {pair_id: known.get(pair_id) for pair_id in stored}
    left = []
    for everybody in sessions(pairs, settings.session_gap):
        session = [pair_id for pair_id in everybody if pair_id in assigned]
        splits = {known[pair_id] for pair_id in everybody if pair_id in known}
        if session and not splits:
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
    return assigned


def across_splits(splits: Mapping[str, Split | None], groups: Mapping[str, str]) -> list[list[str]]:
    """Groups that lie in more than one split: a network tested on one of them has seen its like.

    Args:
        splits: pair_id → split; ``None``: in no shard.
        groups: pair_id → name of its group; pairs without one are alone.

    Returns:
        pair_ids of each group's members that are in a shard, sorted.
    """
    found: dict[str, list[str]] = {}
    for pair_id in sorted(pair_id for pair_id in groups if splits.get(pair_id)):
        found.setdefault(groups[pair_id], []).append(pair_id)
    return [members for members in found.values() if len({splits[one] for one in members}) > 1]


def _targets(num_pairs: int, settings: ShardSettings) -> dict[Split, float]:
    """Turn the settings into numbers of pairs, test first; a share is not rounded yet."""
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
    """Take sessions while they fit; the smallest one rather than none at all, if train keeps another."""
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
    """Hash of a session's smallest pair_id: an order that has nothing to do with when it was shot."""
    return hashlib.sha256(min(session).encode()).hexdigest()
