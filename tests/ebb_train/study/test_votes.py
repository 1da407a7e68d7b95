"""Votes as typed values and as matrices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ebb_train.study.votes import StimulusKind, StudyVote, by_method, by_stimulus, count_wins, of_raters
from tests.helpers.simulated_study import simulated_opinions


def vote(rater: str, image: str, method: str, value: int, other: str = "") -> StudyVote:
    return StudyVote(rater=rater, position=0, image=image, method=method, other=other, value=value)


def test_a_matrix_has_a_row_per_stimulus_and_a_column_per_rater() -> None:
    votes = [
        vote("r2", "i1", "a", 3),
        vote("r1", "i1", "a", 1),
        vote("r1", "i0", "b", 2),
        vote("r1", "i0", "b", 4),
    ]
    found = by_stimulus(votes)
    assert found.stimuli == (("i0", "b", ""), ("i1", "a", ""))
    assert found.raters == ("r1", "r2")
    np.testing.assert_array_equal(found.votes, [[2, np.nan], [1, 3]])


def test_a_cube_has_methods_images_and_raters() -> None:
    votes = [
        vote("r1", "i0", "a", 1),
        vote("r1", "i1", "b", 2),
        vote("r2", "i1", "x", 4),
        vote("r2", "i1", "a", 0),
    ]
    cube, images = by_method(votes, ["b", "a"])
    assert images == ("i0", "i1")
    assert cube.shape == (2, 2, 2)
    assert (cube[0, 1, 0], cube[1, 0, 0], cube[1, 1, 1]) == (2, 1, 0)
    assert np.isfinite(cube).sum() == 3


def test_wins_of_the_row_over_the_column() -> None:
    votes = [
        vote("r", "i", "a", 0, "b"),
        vote("r", "i", "b", 0, "a"),
        vote("r", "i", "a", 1, "b"),
        vote("r", "i", "a", 0),
    ]
    assert count_wins(votes, ["a", "b"]).tolist() == [[0, 1.5], [1.5, 0]]
    assert count_wins(votes, ["a", "b"], [2, 0, 0, 5]).tolist() == [[0, 2], [0, 0]]


def test_the_side_of_a_pair_is_what_the_rater_saw() -> None:
    one = vote("r", "i", "a", 0, "b")
    assert (one.side, replace(one, is_swapped=True).side) == (0, 2)
    assert replace(one, is_swapped=True, value=1).side == 1


def test_traps_and_repeats_are_no_first_votes() -> None:
    study = simulated_opinions()
    first = study.first_votes
    assert len(study.votes) - len(first) == 16 * (1 + 3)
    assert not any(one.is_repeat or one.kind is StimulusKind.TRAP for one in first)
    assert {one.rater for one in of_raters(first, {"r01"})} == {"r01"}
