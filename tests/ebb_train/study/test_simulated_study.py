"""A study over HTTP with raters of known bias and one who answers at random, up to the ranks of methods."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ebb_train.study.analysis import analyse_votes
from ebb_train.study.config import CONFIG
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.schema import open_store_to_read
from ebb_train.study.sessions import read_stimuli
from ebb_train.study.vote_reader import read_votes
from tests.helpers.study_folders import Rater, served, small_study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebb_train.study.assignment import Stimulus

TRUTH = {"m0": 0.7, "m1": 1.4, "m2": 2.1, "m3": 2.8, "reference": 0.0, "anchor": 4.0}
"""Mean score of each method before the raters' bias."""


def honest(stimuli: Mapping[str, Stimulus], bias: float) -> Callable[[Mapping[str, Any], random.Random], int]:
    """Answers of a rater with a bias, noise, and an opinion of each image."""

    def answer(question: Mapping[str, Any], rng: random.Random) -> int:
        shown = stimuli[question["right"]]
        if shown.expected is not None:
            return shown.expected
        image = random.Random(shown.image).gauss(0, 0.2)
        exact = TRUTH[shown.method] + image + bias + rng.gauss(0, 0.45)
        return max(0, min(4, round(exact)))

    return answer


def at_random(_: Mapping[str, Any], rng: random.Random) -> int:
    return rng.randrange(5)


@pytest.mark.parametrize("seed", [1])
def test_the_order_is_recovered_and_only_the_random_rater_is_excluded(seed: int, tmp_path: Path) -> None:
    study = small_study(tmp_path, methods=4, images=8, questions=42, seed=seed).folder
    config = study / CONFIG
    config.write_text(config.read_text().replace("resamples = 2000", "resamples = 200"))
    with closing(open_store_to_read(study)) as db:
        stimuli = {stimulus.picture: stimulus for stimulus in read_stimuli(db).values()}
    biases = [random.Random(seed).uniform(-0.45, 0.45) for _ in range(13)]
    with served(study) as (client, clock, _):
        for number, bias in enumerate(biases):
            answer = at_random if number == 6 else honest(stimuli, bias)
            Rater(client, clock, answer, seed=100 * seed + number).take_part()
    votes = read_votes(study)
    found = analyse_votes(votes)
    excluded = [check.rater for check in found.checks if not check.is_used]
    assert excluded == [votes.sessions[6].rater]
    assert isinstance(found.used, OpinionResults)
    scores = found.used.comparison.scores
    assert [method.name for method in sorted(scores, key=lambda each: each.mos)] == ["m0", "m1", "m2", "m3"]
    assert [method.rank for method in scores] == [1, 2, 3, 4]
    judged = Counter((vote.image, vote.method) for vote in votes.first_votes if vote.kind == "real")
    assert len(judged) == 32
    assert max(judged.values()) - min(judged.values()) <= 1
