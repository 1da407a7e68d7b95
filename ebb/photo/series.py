"""Scenes shot at several apertures: where one ends, and which of its frames are used."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MIN_STOPS = 1.0
"""Least difference between the apertures of a pair where they are not given."""


class Chosen(NamedTuple):
    """Frames of one scene that are used, as indices."""

    wide: int
    shallow: tuple[int, ...]
    """One frame for each aperture, from the smallest f-number."""


class Rules(NamedTuple):
    """What makes a scene."""

    reach: float
    """Largest distance between the wide photo and a shallow one, in the unit of the positions."""
    tolerance: float
    """Largest difference of f-numbers that count as one aperture, in stops."""


class _Block(NamedTuple):
    """Neighbours of one aperture."""

    start: int
    end: int
    aperture: int


class _Merit(NamedTuple):
    """Merit of a division, smallest for the best."""

    unpaired: int = 0
    """Apertures that are paired, negative."""
    scenes: int = 0
    """Parts with pairs."""
    parts: int = 0
    pauses: int = 0
    """Total of the gaps between the parts, negative."""

    def plus(self, other: _Merit) -> _Merit:
        return _Merit(*(one + two for one, two in zip(self, other, strict=True)))


def stops(one: float, other: float) -> float:
    """Difference of two f-numbers in stops."""
    return abs(2.0 * math.log2(one / other))


def apertures(f_numbers: Sequence[float], tolerance: float) -> list[int]:
    """Number each shot's aperture, 0 for the smallest f-number; those within a tolerance count as one."""
    classes: dict[float, int] = {}
    start, number = 0.0, -1
    for value in sorted(set(f_numbers)):
        if number < 0 or stops(value, start) > tolerance:
            start, number = value, number + 1
        classes[value] = number
    return [classes[value] for value in f_numbers]


def divide(at: Sequence[int], f_numbers: Sequence[float], rules: Rules) -> list[range]:
    """Divide shots in a row into scenes.

    The frames of one aperture are neighbours in a scene: a photographer sets each aperture once. Of all
    divisions with this property, the best one gives the most apertures a wide photo; among those it has the
    fewest scenes with pairs, then the fewest parts, then the longest pauses between them, then the earliest.

    Dynamic programming over blocks of neighbours of one aperture, each of which may be cut in two at its
    longest pause. O(n) steps for a fixed number of apertures.

    Args:
        at: Position of each shot, ascending.
        f_numbers: F-number of each shot, positive.
        rules: What makes a scene.

    Returns:
        Indices of each scene, in order; together they are all shots.

    Examples:
        >>> divide([0, 5, 10, 60, 65, 70], [16, 8, 1.8, 16, 8, 1.8], Rules(reach=30, tolerance=0.16))
        [range(0, 3), range(3, 6)]
    """
    classes = apertures(f_numbers, rules.tolerance)
    blocks = list(_blocks(at, classes))
    best: list[tuple[_Merit, int]] = [(_Merit(), 0)]
    for end in range(1, len(blocks) + 1):
        found = []
        for start in _starts(blocks, end):
            shots = range(blocks[start].start, blocks[end - 1].end)
            pause = at[shots.start] - at[shots.start - 1] if start else 0
            found.append((best[start][0].plus(_merit(at, f_numbers, classes, shots, rules, pause)), start))
        best.append(min(found, key=lambda one: (one[0], -one[1])))
    parts, end = [], len(blocks)
    while end:
        start = best[end][1]
        parts.append(range(blocks[start].start, blocks[end - 1].end))
        end = start
    return parts[::-1]


def choose(at: Sequence[int], f_numbers: Sequence[float], rules: Rules) -> Chosen | None:
    """Choose the frames of one scene: of the smallest aperture, and of each one at least a stop larger.

    Of several frames at one aperture the nearest is taken; the wide frame is the one that reaches the most
    apertures, then the one with the smallest total distance, then the earliest.

    Args:
        at: Position of each shot, ascending.
        f_numbers: F-number of each shot.
        rules: What makes a scene.

    Returns:
        The frames; ``None`` if there is no pair.
    """
    return _choose(at, f_numbers, apertures(f_numbers, rules.tolerance), range(len(at)), rules)


def _blocks(at: Sequence[int], classes: Sequence[int]) -> Iterator[_Block]:
    """Runs of one aperture, cut in two at the longest pause; of equal pauses, the most central."""
    edges = [0, *(i for i in range(1, len(classes)) if classes[i] != classes[i - 1]), len(classes)]
    for start, end in pairwise(edges):
        inside = range(start + 1, end)
        if not inside:
            yield _Block(start, end, classes[start])
            continue
        middle = (start + end) / 2
        cut = max(inside, key=lambda i: (at[i] - at[i - 1], -abs(i - middle)))
        yield _Block(start, cut, classes[start])
        yield _Block(cut, end, classes[start])


def _starts(blocks: Sequence[_Block], end: int) -> Iterator[int]:
    """First blocks of scenes that end before block ``end``, from the last one."""
    seen: set[int] = set()
    for start in range(end - 1, -1, -1):
        aperture = blocks[start].aperture
        if aperture in seen and blocks[start + 1].aperture != aperture:
            return
        seen.add(aperture)
        yield start


def _merit(
    at: Sequence[int],
    f_numbers: Sequence[float],
    classes: Sequence[int],
    shots: range,
    rules: Rules,
    pause: int,
) -> _Merit:
    chosen = _choose(at, f_numbers, classes, shots, rules)
    return _Merit(-len(chosen.shallow) if chosen else 0, int(chosen is not None), 1, -pause)


def _choose(
    at: Sequence[int], f_numbers: Sequence[float], classes: Sequence[int], shots: range, rules: Rules
) -> Chosen | None:
    frames: dict[int, list[int]] = {}
    for index in shots:
        frames.setdefault(classes[index], []).append(index)
    smallest = max(frames)
    wide_f = max(f_numbers[index] for index in frames[smallest])
    least = MIN_STOPS - rules.tolerance
    others = [
        frames[aperture]
        for aperture in sorted(frames)
        if aperture != smallest and stops(f_numbers[frames[aperture][0]], wide_f) >= least
    ]
    found = [_around(at, wide, others, rules.reach) for wide in frames[smallest]]
    best = min(found, key=lambda one: (-len(one.shallow), _distance(at, one), one.wide))
    return best if best.shallow else None


def _around(at: Sequence[int], wide: int, others: Sequence[Sequence[int]], reach: float) -> Chosen:
    """Nearest frame of each aperture, of those within reach."""
    nearest = (_nearest(at, wide, frames) for frames in others)
    return Chosen(wide, tuple(index for index in nearest if abs(at[index] - at[wide]) <= reach))


def _nearest(at: Sequence[int], wide: int, frames: Sequence[int]) -> int:
    place = bisect_left(frames, (at[wide], wide), key=lambda index: (at[index], index))
    around = frames[max(place - 1, 0) : place + 1]
    return min(around, key=lambda index: (abs(at[index] - at[wide]), abs(index - wide), index))


def _distance(at: Sequence[int], one: Chosen) -> int:
    return sum(abs(at[index] - at[one.wide]) for index in one.shallow)
