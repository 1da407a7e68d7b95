from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from ebb_train.study.assignment import (
    FIRST_TRAP,
    REPEAT_GAP,
    Pool,
    Question,
    Stimulus,
    Tally,
    make_pool,
    plan_session,
    session_seed,
    williams,
)
from ebb_train.study.config import StudyConfig
from ebb_train.study.votes import Answer


def stimuli(methods: int, images: int, *, is_pair: bool = False) -> list[Stimulus]:
    found: list[Stimulus] = []

    def add(image: int, method: str, kind: str, expected: int | None = None) -> None:
        number = len(found) + 1
        found.append(Stimulus(number, f"p{number}", f"i{image}", method, kind, expected, "f"))

    for image in range(images):
        add(image, "", "target")
        for method in range(methods):
            add(image, f"m{method}", "real")
        add(image, "", "trap", 0 if is_pair else image % 5)
        if is_pair:
            add(image, "", "trap")
        else:
            add(image, "reference", "reference")
            add(image, "anchor", "anchor")
    return found


def make(
    methods: int, images: int, answer: Answer = Answer.OPINION, **values: int
) -> tuple[StudyConfig, Pool]:
    config = StudyConfig(answer=answer, methods=tuple(f"m{number}" for number in range(methods)), **values)  # type: ignore[arg-type]
    return config, make_pool(stimuli(methods, images, is_pair=answer is Answer.PAIR), answer)


@pytest.mark.parametrize("size", range(1, 10))
def test_williams_squares_are_balanced(size: int) -> None:
    rows = williams(size)
    assert len(rows) == (size if size % 2 == 0 or size == 1 else 2 * size)
    columns = [Counter(row[place] for row in rows) for place in range(size)]
    assert all(set(column.values()) == {len(rows) // size} for column in columns)
    following = Counter(pair for row in rows for pair in pairwise(row))
    assert len(following) == size * (size - 1)
    assert len(set(following.values())) <= 1  # each after each other one, equally often


def test_seeds_of_sessions_differ_and_can_be_computed_again() -> None:
    seeds = [session_seed(2020, number) for number in range(1000)]
    assert len(set(seeds)) == 1000
    assert max(seeds) < 2**31
    assert session_seed(2020, 5) == seeds[5] != session_seed(2021, 5)


def test_a_session_has_what_the_settings_say() -> None:
    config, pool = make(5, 30, questions=50)
    questions = plan_session(config, pool, Tally(), 0, 1)
    kinds = Counter(_kind(question, pool) for question in questions if not question.is_repeat)
    assert kinds == {"real": 40, "reference": 2, "anchor": 2, "trap": 3}
    assert sum(question.is_repeat for question in questions) == 3
    assert len(questions) == 50


def _kind(question: Question, pool: Pool) -> str:
    groups = {"real": pool.real, "reference": pool.references, "anchor": pool.anchors}
    names = [name for name, group in groups.items() if question.stimulus_a in group.values()]
    return names[0] if names else "trap"


@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("seed", range(60))
def test_order_of_traps_and_repetitions(answer: Answer, seed: int) -> None:
    config, pool = make(4, 9, answer, questions=36)
    questions = plan_session(config, pool, Tally(), seed, seed)
    places: dict[tuple[int, int | None], list[int]] = {}
    for place, question in enumerate(questions):
        if _kind(question, pool) == "trap":
            assert place >= FIRST_TRAP
        places.setdefault((question.stimulus_a, question.stimulus_b), []).append(place)
    for (first, second), where in places.items():
        assert len(where) <= 2
        if len(where) == 2:
            assert not questions[where[0]].is_repeat
            assert questions[where[1]].is_repeat
            assert where[1] - where[0] >= REPEAT_GAP
        assert first != second


def test_equal_arguments_give_equal_questions_and_seeds_matter() -> None:
    config, pool = make(3, 10, questions=30)
    first = plan_session(config, pool, Tally(), 4, 9)
    assert plan_session(config, pool, Tally(), 4, 9) == first
    assert plan_session(config, pool, Tally(), 4, 10) != first


def test_each_image_is_judged_in_all_conditions_in_the_order_of_the_square() -> None:
    config, pool = make(4, 10, questions=20, references=0, anchors=0, traps=0, repeats=0)
    names = {number: key for key, number in pool.real.items()}
    rows = {tuple(f"m{value}" for value in row) for row in williams(4)}
    for number in range(8):
        asked = [names[q.stimulus_a] for q in plan_session(config, pool, Tally(), number, number)]
        images = {image for image, _ in asked}
        assert len(images) == 5
        for image in images:
            assert tuple(method for other, method in asked if other == image) in rows
        for block in range(4):  # an image at most once in a block
            assert len({image for image, _ in asked[5 * block : 5 * block + 5]}) == 5
        assert all(first[0] != second[0] for first, second in pairwise(asked))


@pytest.mark.parametrize(("answer", "questions"), [(Answer.OPINION, 37), (Answer.PAIR, 31)])
def test_votes_are_spread_evenly(answer: Answer, questions: int) -> None:
    config, pool = make(3, 10, answer, questions=questions)
    names = {number: key for key, number in pool.real.items()}
    tally = Tally()
    for number in range(40):
        for question in plan_session(config, pool, tally, number, session_seed(7, number)):
            if question.stimulus_a in names and not question.is_repeat:
                image, first = names[question.stimulus_a]
                second = names[question.stimulus_b][1] if question.stimulus_b is not None else ""
                tally.count(image, (first, second))
    assert len(tally.judged) == 10 * len(config.conditions)
    assert max(tally.judged.values()) - min(tally.judged.values()) <= 2
    assert max(map(abs, tally.sides.values()), default=0) <= 1
    assert bool(tally.sides) == (answer is Answer.PAIR)


def test_images_with_the_fewest_votes_come_first() -> None:
    config, pool = make(2, 10, questions=4, references=0, anchors=0, traps=0, repeats=0)
    tally = Tally()
    for image in range(10):
        if image not in {3, 7}:
            tally.count(f"i{image}", ("m0", ""))
    names = {number: key for key, number in pool.real.items()}
    asked = {names[question.stimulus_a][0] for question in plan_session(config, pool, tally, 0, 1)}
    assert asked == {"i3", "i7"}


def test_sides_of_pairs_are_not_predictable_within_a_session() -> None:
    config, pool = make(2, 30, Answer.PAIR, questions=30, traps=0, anchors=0, references=0, repeats=0)
    sides = [
        tuple(question.side for question in plan_session(config, pool, Tally(), number, number))
        for number in range(20)
    ]
    assert len(set(sides)) == 20
    assert all(abs(2 * sum(each) - len(each)) <= 1 for each in sides)


def test_few_pictures_make_a_short_session() -> None:
    config, pool = make(2, 2, questions=50)
    questions = plan_session(config, pool, Tally(), 0, 1)
    assert sum(question.stimulus_a in pool.real.values() for question in questions) == 4 + 3
    one = replace(config, methods=("m0",))
    assert plan_session(one, make_pool(stimuli(1, 1), Answer.OPINION), Tally(), 0, 1)


def test_traps_of_pairs_have_their_partner() -> None:
    config, pool = make(2, 5, Answer.PAIR, questions=12)
    rows = {stimulus.id: stimulus for stimulus in stimuli(2, 5, is_pair=True)}
    traps = [
        question for question in plan_session(config, pool, Tally(), 0, 1) if _kind(question, pool) == "trap"
    ]
    assert len(traps) == 5
    for trap in traps:
        assert trap.stimulus_b is not None
        first, second = rows[trap.stimulus_a], rows[trap.stimulus_b]
        assert (first.expected, second.expected, first.image) == (0, None, second.image)
