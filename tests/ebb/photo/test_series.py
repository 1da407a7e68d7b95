"""Division into scenes against all possible divisions, and the frames that are chosen."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.photo.series import Chosen, Rules, apertures, choose, divide

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RULES = Rules(reach=30, tolerance=0.16)


def split(text: str, rules: Rules = RULES) -> str:
    """Divide ``"16@0 8@5 …"`` (f-number, second) and write a bar between the scenes."""
    shots = text.split()
    f_numbers, at = zip(*(map(float, shot.split("@")) for shot in shots), strict=True)
    found = divide([round(place) for place in at], f_numbers, rules)
    assert list(itertools.chain(*found)) == list(range(len(shots)))
    return " | ".join(" ".join(shots[i] for i in part) for part in found)


@pytest.mark.parametrize(
    "expected",
    [
        "16@0 8@5 2.8@10 1.8@15 | 16@20 8@25 2.8@30 1.8@35",  # equal pauses: the apertures start again
        "1.8@0 2.8@5 8@10 16@15 | 1.8@20 2.8@25 8@30 16@35",  # from the largest aperture
        "16@0 8@5 1.8@10 | 1.8@20 8@25 16@30",  # there and back
        "16@0 8@3 1.8@6 | 2.8@26 8@29 16@32",  # another choice of apertures: the long pause decides
        "16@0 16@1 8@5 8@6 1.8@10 1.8@11",  # bursts
        "16@0 1.8@5 | 16@10 8@15 1.8@20 | 16@25 1.8@30",  # pairs and a series
        "16@0 8@5 1.8@10 | 16@15",  # a second wide photo at the end is no scene
        "16@0 8@5 | 16@10 8@15 1.8@20",  # one that was given up
    ],
)
def test_scenes_of_a_photographer(expected: str) -> None:
    assert split(expected.replace(" |", "")) == expected


def all_divisions(count: int) -> Iterator[list[range]]:
    for cuts in itertools.product([False, True], repeat=count - 1):
        edges = [0, *(i for i, cut in enumerate(cuts, 1) if cut), count]
        yield [range(a, b) for a, b in itertools.pairwise(edges)]


def paired(at: Sequence[int], f_numbers: Sequence[float], part: range) -> int:
    """Apertures that one wide photo of the part reaches, by trying every frame."""
    numbers = apertures(f_numbers, RULES.tolerance)
    wide_class = max(numbers[i] for i in part)
    found = [0]
    for wide in (i for i in part if numbers[i] == wide_class):
        near = {numbers[i] for i in part if abs(at[i] - at[wide]) <= RULES.reach}
        found.append(len(near) - 1)
    return max(found)


def is_allowed(f_numbers: Sequence[float], part: range) -> bool:
    runs = [value for value, _ in itertools.groupby(f_numbers[i] for i in part)]
    return len(runs) == len(set(runs))


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([16.0, 8.0, 4.0, 1.8])), min_size=1, max_size=8),
)
@settings(deadline=None, max_examples=150)
def test_no_other_division_gives_more_pairs(shots: list[tuple[int, float]]) -> None:
    pauses, f_numbers = zip(*shots, strict=True)
    at = list(itertools.accumulate(pauses))
    allowed = [
        parts for parts in all_divisions(len(at)) if all(is_allowed(f_numbers, part) for part in parts)
    ]
    merits = []
    for parts in [divide(at, f_numbers, RULES), *allowed]:
        assert all(is_allowed(f_numbers, part) for part in parts)
        counts = [paired(at, f_numbers, part) for part in parts]
        merits.append((-sum(counts), sum(count > 0 for count in counts), len(parts)))
    assert merits[0] == min(merits)


def test_the_nearest_frame_of_each_aperture_is_used() -> None:
    at, f_numbers = [0, 6, 8, 9, 20, 21, 60], [16.0, 16.0, 8.0, 8.0, 1.8, 1.8, 1.4]
    assert choose(at, f_numbers, RULES) == Chosen(wide=1, shallow=(4, 2))
    reversed_at = [60 - place for place in at[::-1]]
    assert choose(reversed_at, f_numbers[::-1], RULES) == Chosen(wide=5, shallow=(2, 4))


def test_a_shallow_photo_is_a_stop_away() -> None:
    assert choose([0, 1, 2], [16.0, 14.0, 8.0], RULES) == Chosen(0, (2,))
    assert choose([0, 1], [16.0, 14.0], RULES) is None
    assert choose([0, 40], [16.0, 1.8], RULES) is None


def test_f_numbers_within_the_tolerance_are_one_aperture() -> None:
    assert apertures([16.0, 15.8, 1.8, 1.85, 8.0, 7.1], 0.16) == [3, 3, 0, 0, 2, 1]


def test_a_long_line_is_fast_enough_to_divide() -> None:
    """Two thousand scenes and a burst of a thousand frames."""
    f_numbers = [16.0, 8.0, 2.8, 1.8] * 2000 + [16.0, *[4.0] * 1000, 1.8]
    at = [5 * i for i in range(8000)] + [40_000 + i // 100 for i in range(1002)]
    found = divide(at, f_numbers, RULES)
    assert [len(part) for part in found] == [4] * 2000 + [1002]
