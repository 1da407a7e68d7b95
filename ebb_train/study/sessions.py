"""What a session asks of the store of a study: begin, go on, vote, delete; each is one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ebb_train.study.assignment import Question, Stimulus, Tally
from ebb_train.study.votes import SCALE, Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from ebb_train.study.assignment import Condition
    from ebb_train.study.config import StudyConfig

NUM_AHEAD = 2
"""Questions that a page knows: the one it shows, and the next one, whose pictures it loads ahead."""

MAX_SECONDS = 86_400.0
"""Longest time for an answer, in seconds."""

NUM_PAIR_ANSWERS = 3


@dataclass(frozen=True, kw_only=True)
class BeginRequest:
    """What a page sends to begin."""

    consent: bool
    screen_w: int = 0
    screen_h: int = 0
    dpr: float = 1.0


@dataclass(frozen=True, kw_only=True)
class VoteRequest:
    """An answer as a page sends it."""

    position: int
    value: int
    """Opinion: 0 to 4; pair: 0 left, 1 neither, 2 right."""
    shown_ms: float
    """Time from the appearance of the question to the answer."""
    loaded_ms: float
    """Time from the moment when both pictures were decoded and visible."""
    zoomed: bool = False


class ShownQuestion(NamedTuple):
    """A question as a page needs it."""

    position: int
    left: str
    """Name of a picture in addresses."""
    right: str


class TrainingQuestion(NamedTuple):
    """A question of the training, with the range of right answers."""

    left: str
    right: str
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class SessionState:
    """Where a session stands."""

    done: int
    total: int
    is_trained: bool
    is_finished: bool
    questions: tuple[ShownQuestion, ...]
    """The next questions."""
    training: tuple[TrainingQuestion, ...]
    """Empty after the training."""


class NotAccepted(Exception):
    """An answer that is not stored.

    Args:
        message: Why.
        status: Status code of HTTP for it.
        wait: Seconds after which it would be accepted.
    """

    def __init__(self, message: str, status: int = 409, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


class NewSession(NamedTuple):
    """A session to be stored."""

    id: str
    token_hash: str
    consent_at: float
    request: BeginRequest
    browser: str
    seed: int
    questions: Sequence[Question]


def insert_session(db: sqlite3.Connection, new: NewSession) -> None:
    """Store a session with its questions."""
    asked = new.request
    values = (
        new.id,
        new.token_hash,
        new.consent_at,
        asked.screen_w,
        asked.screen_h,
        asked.dpr,
        new.browser,
        new.seed,
    )
    db.execute(
        "INSERT INTO session (id, token_hash, consent_at, screen_w, screen_h, dpr, user_agent_family, seed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        values,
    )
    db.executemany(
        "INSERT INTO question VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(new.id, position, *question) for position, question in enumerate(new.questions)],
    )


def insert_vote(
    db: sqlite3.Connection, config: StudyConfig, session: str, vote: VoteRequest, now: float
) -> Question | None:
    """Store an answer.

    Args:
        db: The store.
        config: Settings of the study.
        session: The session.
        vote: The answer.
        now: Unix time.

    Returns:
        The question; None if the same answer was stored before, as when a reply was lost.

    Raises:
        NotAccepted: the question is not the next one, was answered otherwise, or the answer came too early.
    """
    question = _question(db, session, vote.position)
    value = _stored_value(config, question, vote.value)
    before = db.execute(
        "SELECT value FROM vote WHERE session = ? AND position = ?", (session, vote.position)
    ).fetchone()
    if before is not None:
        if before[0] != value:
            raise NotAccepted("this question was answered already")
        return None
    done, last = _progress(db, session)
    if vote.position != done:
        raise NotAccepted("this is not the next question")
    if not 0 <= vote.loaded_ms <= vote.shown_ms <= MAX_SECONDS * 1000:
        raise NotAccepted("these times are not possible", 400)
    wait = config.min_seconds_seen - min(vote.loaded_ms / 1000, now - last)
    if wait > 0:
        raise NotAccepted("the pictures were not visible long enough", 429, wait)
    shown, loaded = (max(last, now - milliseconds / 1000) for milliseconds in (vote.shown_ms, vote.loaded_ms))
    values = (session, vote.position, value, shown, loaded, now, int(vote.zoomed))
    db.execute("INSERT INTO vote VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    if done + 1 == _total(db, session):
        db.execute("UPDATE session SET finished_at = ? WHERE id = ?", (now, session))
    return question


def _question(db: sqlite3.Connection, session: str, position: int) -> Question:
    row = db.execute(
        "SELECT stimulus_a, stimulus_b, reference, side, is_repeat FROM question "
        "WHERE session = ? AND position = ?",
        (session, position),
    ).fetchone()
    if row is None:
        raise NotAccepted("there is no such question", 404)
    return Question(*row)


def _stored_value(config: StudyConfig, question: Question, value: int) -> int:
    """The answer in terms of stimuli, not of sides."""
    if not 0 <= value < (len(SCALE) if config.answer is Answer.OPINION else NUM_PAIR_ANSWERS):
        raise NotAccepted("there is no such answer", 400)
    return 2 - value if config.answer is Answer.PAIR and question.side else value


def _progress(db: sqlite3.Connection, session: str) -> tuple[int, float]:
    """Number of answers, and the time of the last one or of the beginning."""
    done, last, begun = db.execute(
        "SELECT (SELECT count(*) FROM vote WHERE session = s.id), "
        "(SELECT max(voted_at) FROM vote WHERE session = s.id), consent_at FROM session s WHERE id = ?",
        (session,),
    ).fetchone()
    return done, begun if last is None else last


def _total(db: sqlite3.Connection, session: str) -> int:
    (total,) = db.execute("SELECT count(*) FROM question WHERE session = ?", (session,)).fetchone()
    return int(total)


def read_state(
    db: sqlite3.Connection,
    session: str,
    stimuli: Mapping[int, Stimulus],
    training: tuple[TrainingQuestion, ...],
) -> SessionState:
    """Read where a session stands.

    Args:
        db: The store.
        session: The session.
        stimuli: All stimuli by number.
        training: The training of the study.
    """
    done, _ = _progress(db, session)
    trained, finished = db.execute(
        "SELECT trained_at, finished_at FROM session WHERE id = ?", (session,)
    ).fetchone()
    rows = db.execute(
        "SELECT position, stimulus_a, stimulus_b, reference, side, is_repeat FROM question "
        "WHERE session = ? AND position >= ? ORDER BY position LIMIT ?",
        (session, done, NUM_AHEAD),
    ).fetchall()
    is_trained = trained is not None or done > 0
    return SessionState(
        done=done,
        total=_total(db, session),
        is_trained=is_trained,
        is_finished=finished is not None,
        questions=tuple(_shown(position, Question(*row), stimuli) for position, *row in rows),
        training=() if is_trained else training,
    )


def _shown(position: int, question: Question, stimuli: Mapping[int, Stimulus]) -> ShownQuestion:
    first = question.reference if question.reference is not None else question.stimulus_a
    second = question.stimulus_a if question.reference is not None else question.stimulus_b
    left, right = (stimuli[number].picture for number in (first, second) if number is not None)
    return ShownQuestion(position, right, left) if question.side else ShownQuestion(position, left, right)


def training_of(stimuli: Iterable[Stimulus], answer: Answer) -> tuple[TrainingQuestion, ...]:
    """The training: one question per image, each with another right answer."""
    images: dict[str, dict[int | None, Stimulus]] = {}
    for stimulus in stimuli:
        if stimulus.kind == "training":
            images.setdefault(stimulus.image, {})[stimulus.expected] = stimulus
    pictures = [images[image] for image in sorted(images)]
    if not pictures:
        return ()
    make = _opinion_example if answer is Answer.OPINION else _pair_example
    return tuple(make(pictures[number % len(pictures)], number) for number in range(3))


def _opinion_example(pictures: Mapping[int | None, Stimulus], number: int) -> TrainingQuestion:
    score = (0, 4, 2)[number]
    return TrainingQuestion(
        pictures[0].picture, pictures[score].picture, max(0, score - 1), min(4, score + 1)
    )


def _pair_example(pictures: Mapping[int | None, Stimulus], number: int) -> TrainingQuestion:
    left, right = ((0, 4), (0, 0), (4, 0))[number]
    return TrainingQuestion(pictures[left].picture, pictures[right].picture, number, number)


def erase_session(db: sqlite3.Connection, session: str, now: float) -> None:
    """Remove the votes and questions of a session and all that is known of it but that it was there."""
    for table in ("vote", "question", "exclusion"):
        db.execute(f"DELETE FROM {table} WHERE session = ?", (session,))  # noqa: S608 - names of this module
    db.execute(
        "UPDATE session SET token_hash = NULL, screen_w = NULL, screen_h = NULL, dpr = NULL, "
        "user_agent_family = NULL, seed = NULL, trained_at = NULL, finished_at = NULL, deleted_at = ? "
        "WHERE id = ?",
        (now, session),
    )


def read_stimuli(db: sqlite3.Connection) -> dict[int, Stimulus]:
    """All stimuli by number."""
    rows = db.execute("SELECT id, picture, image, method, kind, expected, file FROM stimulus ORDER BY id")
    return {row[0]: Stimulus(*row) for row in rows}


def read_tally(db: sqlite3.Connection) -> Tally:
    """Count all votes on pictures that are compared."""
    tally = Tally()
    rows = db.execute(
        "SELECT a.image, a.method, coalesce(b.method, ''), q.side, count(*) FROM vote "
        "JOIN question q USING (session, position) JOIN stimulus a ON a.id = q.stimulus_a "
        "LEFT JOIN stimulus b ON b.id = q.stimulus_b WHERE a.kind = 'real' AND NOT q.is_repeat "
        "GROUP BY 1, 2, 3, 4"
    )
    for image, first, second, side, number in rows:
        tally.count(image, (first, second), number)
        tally.sides[first, second] = tally.sides.get((first, second), 0) + (-number if side else number)
    return tally


def condition_of(question: Question, stimuli: Mapping[int, Stimulus]) -> tuple[str, Condition]:
    """Image and condition of a question."""
    first = stimuli[question.stimulus_a]
    second = stimuli[question.stimulus_b].method if question.stimulus_b is not None else ""
    return first.image, (first.method, second)
