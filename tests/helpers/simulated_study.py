"""Votes of simulated raters with known biases, on methods of known quality."""

from __future__ import annotations

import numpy as np

from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.votes import Answer, RaterSession, StimulusKind, StudyVote, StudyVotes

METHODS = {"good": 0.8, "fair": 1.4, "poor": 2.3}
"""Mean quality of each method, 0 is best."""

RANDOM_RATER = "r07"


def simulated_opinions(
    seed: int = 0,
    *,
    raters: int = 16,
    images: int = 24,
    methods: dict[str, float] | None = None,
    plan: AnalysisPlan | None = None,
) -> StudyVotes:
    """Raters with biases of SD 0.35 and noise of SD 0.5, one of whom votes at random.

    Every rater sees each image once, with a method by turns, two hidden references, two anchors, a trap, and
    three repeated questions.
    """
    methods = methods or METHODS
    rng = np.random.default_rng(seed)
    image_level = rng.normal(0, 0.3, images)
    votes: list[StudyVote] = []
    sessions = [RaterSession(rater=f"r{number:02d}") for number in range(raters)]
    for number, session in enumerate(sessions):
        bias = rng.normal(0, 0.35)
        for image, method, kind, truth, is_repeat in _questions(number, methods, image_level):
            is_trap = kind is StimulusKind.TRAP
            noisy = truth if is_trap else truth + bias + rng.normal(0, 0.5)
            is_random = session.rater == RANDOM_RATER
            votes.append(
                StudyVote(
                    rater=session.rater,
                    position=len(votes),
                    image=image,
                    method=method,
                    kind=kind,
                    value=int(rng.integers(0, 5) if is_random else np.clip(np.round(noisy), 0, 4)),
                    expected=int(truth) if is_trap else None,
                    is_repeat=is_repeat,
                    seconds=float(rng.uniform(1.5, 6)),
                )
            )
    plan = plan or AnalysisPlan(resamples=200)
    return StudyVotes(
        name="simulated",
        answer=Answer.OPINION,
        methods=tuple(methods),
        sessions=tuple(sessions),
        votes=tuple(votes),
        plan=plan,
        stored_plan_hash=plan.sha256,
    )


def _questions(
    number: int, methods: dict[str, float], image_level: np.ndarray
) -> list[tuple[str, str, StimulusKind, float, bool]]:
    """Image, method, kind, true score and whether it is a repeat, of all questions of a rater."""
    names = list(methods)
    real = []
    for image, level in enumerate(image_level):
        method = names[(image + number) % len(names)]
        real.append((f"i{image:02d}", method, StimulusKind.REAL, methods[method] + level, False))
    controls = [
        (f"i{image:02d}", kind.value, kind, truth, False)
        for image in range(2)
        for kind, truth in ((StimulusKind.REFERENCE, -0.5), (StimulusKind.ANCHOR, 4.5))
    ]
    trap = ("trap", "trap", StimulusKind.TRAP, 3.0, False)
    return [*real, *controls, trap, *((*question[:4], True) for question in real[:3])]


def simulated_pairs(
    seed: int = 0, *, raters: int = 20, images: int = 30, methods: dict[str, float] | None = None
) -> StudyVotes:
    """Raters who prefer the method of lower mean with noise, and see no difference if it is small."""
    methods = methods or METHODS
    rng = np.random.default_rng(seed)
    names = list(methods)
    pairs = [(a, b) for index, a in enumerate(names) for b in names[index + 1 :]]
    sessions = [RaterSession(rater=f"r{number:02d}") for number in range(raters)]
    votes = []
    for number, session in enumerate(sessions):
        for image in range(images):
            first, second = pairs[(image + number) % len(pairs)]
            difference = methods[second] - methods[first] + rng.normal(0, 1)
            value = 1 if abs(difference) < 0.2 else 0 if difference > 0 else 2
            votes.append(
                StudyVote(
                    rater=session.rater, position=image, image=f"i{image:02d}", method=first, other=second,
                    value=value, is_swapped=bool(rng.integers(2)), seconds=3.0,
                )
            )  # fmt: skip
    plan = AnalysisPlan(resamples=100)
    return StudyVotes(
        name="simulated pairs",
        answer=Answer.PAIR,
        methods=tuple(names),
        sessions=tuple(sessions),
        votes=tuple(votes),
        plan=plan,
        stored_plan_hash=plan.sha256,
    )
