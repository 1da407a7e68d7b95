"""Questions of a session and their order: balanced over sessions, random within a session, by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ebb.files import sha256_bytes
from ebb_train.study.votes import Answer, StimulusKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ebb_train.study.config import StudyConfig

Condition: TypeAlias = tuple[str, str]
"""A method and "", or two methods."""

FIRST_TRAP = 3
"""Position before which there is no trap: raters have not settled yet."""

REPEAT_GAP = 5
"""Least number of positions between a question and its repetition."""


class Stimulus(NamedTuple):
    """A picture of a study."""

    id: int
    picture: str
    """Name in addresses, which says nothing."""
    image: str
    method: str
    kind: str
    """A :class:`~ebb_train.study.votes.StimulusKind`, ``target`` or ``training``."""
    expected: int | None
    file: str


class Question(NamedTuple):
    """A question of a session; numbers are those of stimuli."""

    stimulus_a: int
    stimulus_b: int | None
    reference: int | None
    """The target photo that is shown beside the picture."""
    side: int
    """1: the first picture of a pair is on the right."""
    is_repeat: bool = False


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The stimuli of a study, by what they are for."""

    images: tuple[str, ...]
    real: Mapping[tuple[str, str], int]
    """Image and method → stimulus."""
    targets: Mapping[str, int]
    references: Mapping[str, int]
    anchors: Mapping[str, int]
    traps: tuple[tuple[int, int | None, str], ...]
    """Stimulus that asks for an answer, the other picture of a pair, image."""


@dataclass
class Tally:
    """How often everything was judged so far; sessions that have begun count as well."""

    judged: dict[tuple[str, Condition], int] = field(default_factory=dict)
    """Image and condition → votes, without repetitions."""
    sides: dict[Condition, int] = field(default_factory=dict)
    """Pair → votes with its first method on the left, less those with it on the right."""

    def count(self, image: str, condition: Condition, by: int = 1) -> None:
        """Count a vote."""
        key = (image, condition)
        self.judged[key] = self.judged.get(key, 0) + by


def make_pool(stimuli: Iterable[Stimulus], answer: Answer) -> Pool:
    """Sort stimuli by what they are for."""
    kinds: dict[str, list[Stimulus]] = {}
    for stimulus in sorted(stimuli, key=lambda each: each.image):  # their numbers are random
        kinds.setdefault(stimulus.kind, []).append(stimulus)
    traps = kinds.get(StimulusKind.TRAP, [])
    partners = {trap.image: trap.id for trap in traps if trap.expected is None}

    def by_image(kind: str) -> dict[str, int]:
        return {stimulus.image: stimulus.id for stimulus in kinds.get(kind, [])}

    return Pool(
        images=tuple(stimulus.image for stimulus in kinds.get("target", [])),
        real={(real.image, real.method): real.id for real in kinds.get(StimulusKind.REAL, [])},
        targets=by_image("target"),
        references=by_image(StimulusKind.REFERENCE),
        anchors=by_image(StimulusKind.ANCHOR),
        traps=tuple(
            (trap.id, partners.get(trap.image) if answer is Answer.PAIR else None, trap.image)
            for trap in traps
            if trap.expected is not None and (answer is Answer.OPINION or trap.image in partners)
        ),
    )


def session_seed(study_seed: int, number: int) -> int:
    """Seed of a session, from that of the study and the number of the session: 31 bits."""
    return int(sha256_bytes(f"{study_seed}:{number}".encode())[:8], 16) >> 1


def williams(size: int) -> tuple[tuple[int, ...], ...]:
    """Williams' Latin square: orders of conditions in which each one follows each other equally often.

    Williams, "Experimental designs balanced for the estimation of residual effects of treatments", Australian
    Journal of Scientific Research A 2 (1949).

    Args:
        size: Number of conditions, at least 1.

    Returns:
        ``size`` orders if it is even, twice as many if it is odd.
    """
    first = [0]
    for step in range(1, size):
        first.append((first[-1] + (step if step % 2 else -step)) % size)
    rows = [tuple((value + shift) % size for value in first) for shift in range(size)]
    return tuple(rows if size % 2 == 0 or size == 1 else [*rows, *(row[::-1] for row in rows)])


def plan_session(
    config: StudyConfig, pool: Pool, tally: Tally, number: int, seed: int
) -> tuple[Question, ...]:
    """Choose the questions of a session.

    Images with the fewest votes are chosen. Each is judged in all conditions, in blocks: a block has each
    image at most once, and the conditions of an image follow each other in an order of Williams' square.
    Controls come at random places; traps are not among the first three questions, and repetitions are at
    least :data:`REPEAT_GAP` positions after the first time.

    Args:
        config: Settings of the study.
        pool: Its stimuli.
        tally: Votes so far; sides of the chosen pairs are counted in it.
        number: Number of the session.
        seed: Seed of the session; equal arguments give equal questions.
    """
    rng = random.Random(seed)  # noqa: S311 - an order, not a secret
    make = _Maker(config, pool, tally, rng)
    judged = _judged(config, pool, tally, number, rng)
    questions = [make.judged(image, condition) for image, condition in judged]
    for control in make.controls():
        questions.insert(rng.randint(0, len(questions)), control)
    _insert_repeats(questions, judged_of(questions, pool), config.repeats, make, rng)
    for trap in make.traps():
        questions.insert(rng.randint(min(FIRST_TRAP, len(questions)), len(questions)), trap)
    return tuple(questions)


def judged_of(questions: Sequence[Question], pool: Pool) -> list[int]:
    """Places of the questions about pictures that are compared."""
    real = set(pool.real.values())
    return [place for place, question in enumerate(questions) if question.stimulus_a in real]


def _judged(
    config: StudyConfig, pool: Pool, tally: Tally, number: int, rng: random.Random
) -> list[tuple[str, Condition]]:
    """Images and conditions in order."""
    conditions = config.conditions
    total = min(config.num_judged, len(pool.images) * len(conditions))
    num_images = -(-total // len(conditions))
    votes = {image: sum(tally.judged.get((image, each), 0) for each in conditions) for image in pool.images}
    images = sorted(pool.images, key=lambda image: (votes[image], rng.random()))[:num_images]
    left_out = _left_out(images[-1], num_images * len(conditions) - total, conditions, tally, rng)
    rows = williams(len(conditions))
    orders = {image: rows[(number * num_images + place) % len(rows)] for place, image in enumerate(images)}
    found: list[tuple[str, Condition]] = []
    for block in range(len(conditions)):
        chosen = [(image, conditions[orders[image][block]]) for image in images]
        chosen = [each for each in chosen if each[0] != images[-1] or each[1] not in left_out]
        rng.shuffle(chosen)
        if found and len(chosen) > 1 and chosen[0][0] == found[-1][0]:
            chosen.append(chosen.pop(0))
        found.extend(chosen)
    return found


def _left_out(
    image: str, number: int, conditions: Sequence[Condition], tally: Tally, rng: random.Random
) -> set[Condition]:
    """The conditions in which the last image is not judged: those with the most votes."""
    order = sorted(conditions, key=lambda each: (-tally.judged.get((image, each), 0), rng.random()))
    return set(order[:number])


def _insert_repeats(
    questions: list[Question], places: Sequence[int], number: int, make: _Maker, rng: random.Random
) -> None:
    """Insert repetitions of questions, from the last one on, so that earlier places stay as they are."""
    early = [place for place in places if place + REPEAT_GAP <= len(questions)] or list(places)
    for place in sorted(rng.sample(early, min(number, len(early))), reverse=True):
        again = make.again(questions[place])
        questions.insert(rng.randint(min(place + REPEAT_GAP, len(questions)), len(questions)), again)


class _Maker:
    """Makes questions from stimuli, with sides that are balanced."""

    def __init__(self, config: StudyConfig, pool: Pool, tally: Tally, rng: random.Random) -> None:
        self._config, self._pool, self._tally, self._rng = config, pool, tally, rng
        self._is_pair = config.answer is Answer.PAIR
        self._conditions = {
            (first, second): condition
            for condition in config.conditions
            if self._is_pair
            for image in pool.images
            for first, second in [(pool.real[image, condition[0]], pool.real[image, condition[1]])]
        }

    def judged(self, image: str, condition: Condition) -> Question:
        """A question about the picture of a method, or of two methods."""
        first = self._pool.real[image, condition[0]]
        if not self._is_pair:
            return Question(first, None, self._pool.targets[image], 0)
        return Question(first, self._pool.real[image, condition[1]], None, self._side(condition))

    def again(self, question: Question) -> Question:
        """A question for the second time."""
        pair = (question.stimulus_a, question.stimulus_b)
        side = self._side(self._conditions[pair]) if self._is_pair else question.side  # type: ignore[index]
        return question._replace(side=side, is_repeat=True)

    def controls(self) -> list[Question]:
        """Hidden references and anchors; there are none in pairs."""
        if self._is_pair:
            return []
        chosen = [
            *self._some(self._pool.references, self._config.references),
            *self._some(self._pool.anchors, self._config.anchors),
        ]
        return [Question(stimulus, None, self._pool.targets[image], 0) for image, stimulus in chosen]

    def traps(self) -> list[Question]:
        """Questions whose right answer is known."""
        number = self._config.traps + (self._config.anchors if self._is_pair else 0)
        chosen = self._rng.sample(self._pool.traps, min(number, len(self._pool.traps)))
        return [
            Question(first, second, None if self._is_pair else self._pool.targets[image], self._coin())
            for first, second, image in chosen
        ]

    def _some(self, stimuli: Mapping[str, int], number: int) -> list[tuple[str, int]]:
        return self._rng.sample(sorted(stimuli.items()), min(number, len(stimuli)))

    def _coin(self) -> int:
        return self._rng.randrange(2) if self._is_pair else 0

    def _side(self, condition: Condition) -> int:
        """The side that this pair had less often; a coin decides when both were equal."""
        balance = self._tally.sides.get(condition, 0)
        side = self._rng.randrange(2) if balance == 0 else int(balance > 0)
        self._tally.sides[condition] = balance + (-1 if side else 1)
        return side
