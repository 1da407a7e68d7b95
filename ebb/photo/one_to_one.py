"""Matching of wide and shallow shots one to one in time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def match_in_order(at: Sequence[int], is_wide: Sequence[bool], reach: int) -> list[tuple[int, int]]:
    """Match wide and shallow shots one to one on a line with the least total cost.

    The cost is the sum of all gaps plus reach/2 for each unmatched shot, so that no gap exceeds ``reach``.
    Ties are resolved in favour of more pairs, then of fewer shots in between, then of earlier shots. The
    solution is exact.

    Let b be the number of wide shots that wait for a partner during a sweep along the line (b < 0: −b shallow
    shots). The least cost of the remaining shots is a convex function of b: each gap adds gap·|b|, each shot
    an infimal convolution. The function is represented by its sorted slopes. A shot is used if and only if b
    is below the rank of its cost among the slopes, so that one limit per shot suffices to construct the
    solution. O(n log n) comparisons, O(n) memory.

    Args:
        at: Position of each shot, ascending, in any integer unit.
        is_wide: True for a wide shot, False for a shallow one.
        reach: Largest gap of a pair, in the unit of ``at``.

    Returns:
        Pairs (i, j) of indices with i < j, ordered by j.
    """
    count = len(at)
    # Weights that combine (total cost, unmatched shots, shots in between) into one integer, in this order.
    scale = 2 * count**3
    alone = reach * scale // 2 + count**2
    line = [place * scale + index for index, place in enumerate(at)]
    limits = _usage_limits(line, is_wide, alone)
    waiting: deque[int] = deque()
    pairs: list[tuple[int, int]] = []
    for index, wide in enumerate(is_wide):
        meets_partner = bool(waiting) and is_wide[waiting[0]] is not wide
        if (-len(waiting) if meets_partner else len(waiting)) < limits[index]:
            if meets_partner:
                pairs.append((waiting.popleft(), index))
            else:
                waiting.append(index)
    return pairs


def _usage_limits(line: Sequence[int], is_wide: Sequence[bool], alone: int) -> list[int]:
    """Limit for each shot: it is used if fewer shots of its role wait (negative: of the opposite role)."""
    # Ascending slopes of the remaining cost per additional waiting shot of each role, minus `gone`.
    rising: dict[bool, list[int]] = {True: [], False: []}
    limits = [0] * len(line)
    gone = 0
    for index in reversed(range(len(line))):
        if index + 1 < len(line):
            gone += line[index + 1] - line[index]
        own, other = rising[is_wide[index]], rising[not is_wide[index]]
        limits[index] = bisect_right(own, alone - gone) - bisect_left(other, -alone - gone)
        insort(own, alone - gone)
        insort(other, -(own.pop(0) + gone) - gone)
    return limits
