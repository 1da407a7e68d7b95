"""Matching one to one against SciPy's solver."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ebb.photo.one_to_one import match_in_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Matching: TypeAlias = "Sequence[tuple[int, int]]"


def least_cost(at: list[int], is_wide: list[bool], reach: int) -> float:
    """Twice the optimal cost by SciPy's assignment solver, with one dummy partner for each shot."""
    wide = [a for a, w in zip(at, is_wide, strict=True) if w]
    shallow = [a for a, w in zip(at, is_wide, strict=True) if not w]
    forbidden = 1e9
    cost = np.full((len(at), len(at)), forbidden)
    for i, a in enumerate(wide):
        cost[i, : len(shallow)] = [2 * abs(a - b) if abs(a - b) <= reach else forbidden for b in shallow]
        cost[i, len(shallow) + i] = reach
    cost[len(wide) :, len(shallow) :] = 0
    for j in range(len(shallow)):
        cost[len(wide) + j, j] = reach
    return float(cost[linear_sum_assignment(cost)].sum())


lines = st.integers(1, 60).flatmap(
    lambda span: st.lists(st.tuples(st.integers(0, span), st.booleans()), max_size=14)
)


@given(lines, st.integers(0, 25))
@settings(deadline=None, max_examples=300)
def test_matching_is_as_cheap_as_the_optimal_assignment(line: list[tuple[int, bool]], reach: int) -> None:
    at, is_wide = [a for a, _ in sorted(line)], [w for _, w in sorted(line)]
    found = match_in_order(at, is_wide, reach)
    used = list(itertools.chain(*found))
    assert len(used) == len(set(used)), "one to one"
    assert all(i < j and is_wide[i] != is_wide[j] and at[j] - at[i] <= reach for i, j in found)
    cost = sum(2 * (at[j] - at[i]) for i, j in found) + reach * (len(at) - len(used))
    assert cost == least_cost(at, is_wide, reach)


def all_matchings(indices: tuple[int, ...], is_wide: list[bool]) -> Iterator[Matching]:
    if not indices:
        yield ()
        return
    first, rest = indices[0], indices[1:]
    yield from all_matchings(rest, is_wide)
    for other in rest:
        if is_wide[first] != is_wide[other]:
            left = tuple(i for i in rest if i != other)
            yield from (((first, other), *more) for more in all_matchings(left, is_wide))


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=7), st.integers(0, 4))
@settings(deadline=None, max_examples=100)
def test_ties_go_to_more_pairs_then_to_neighbours(line: list[tuple[int, bool]], reach: int) -> None:
    at, is_wide = [a for a, _ in sorted(line)], [w for _, w in sorted(line)]

    def order(found: Matching) -> tuple[int, int, int]:
        gaps = sum(2 * (at[j] - at[i]) for i, j in found)
        return gaps + reach * (len(at) - 2 * len(found)), -len(found), sum(j - i for i, j in found)

    best = min(map(order, all_matchings(tuple(range(len(at))), is_wide)))
    assert order(match_in_order(at, is_wide, reach)) == best


def test_a_long_line_of_equal_times_pairs_neighbours() -> None:
    """A stopped clock gives ten thousand equal times: file order decides, and it stays fast."""
    is_wide = [True, False] * 5000
    assert match_in_order([0] * 10_000, is_wide, 30) == [(i, i + 1) for i in range(0, 10_000, 2)]
