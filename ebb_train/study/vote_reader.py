"""The votes of a study folder, and the exclusions that are stored beside them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput
from ebb_train.study.config import read_config
from ebb_train.study.schema import STORE, open_store, open_store_to_read, store_errors
from ebb_train.study.votes import Answer, RaterSession, StimulusKind, StudyVote, StudyVotes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb_train.study.exclusion import RaterCheck

_VOTES = """
SELECT v.session, v.position, a.image, a.method, a.kind, a.expected, b.method, q.side, q.is_repeat,
       v.value, v.loaded_at, v.voted_at, v.zoomed
FROM vote v JOIN question q USING (session, position) JOIN stimulus a ON a.id = q.stimulus_a
LEFT JOIN stimulus b ON b.id = q.stimulus_b
ORDER BY v.session, v.position
"""
_SESSIONS = "SELECT id, consent_at, finished_at FROM session WHERE deleted_at IS NULL ORDER BY consent_at, id"

_HIGHEST = {Answer.OPINION: 4, Answer.PAIR: 2}
_BUSY_MS = 10_000


def read_votes(folder: Path) -> StudyVotes:
    """Read all votes of a study folder, also while it is served.

    Args:
        folder: The study folder.

    Raises:
        UsageError: ``study.toml`` is missing or invalid.
        InvalidInput: the store is missing, damaged, or its votes cannot be those of this study.
    """
    config = read_config(folder)
    path = folder / STORE
    with closing(open_store_to_read(folder)) as store, store_errors(path, is_writing=False):
        store.execute("BEGIN")  # one state of the store for all queries
        plan_hash = store.execute("SELECT plan_hash FROM study").fetchone()
        sessions = store.execute(_SESSIONS).fetchall()
        votes = store.execute(_VOTES).fetchall()
    try:
        return StudyVotes(
            name=config.title,
            answer=config.answer,
            methods=tuple(config.methods),
            sessions=tuple(_session(*row) for row in sessions),
            votes=_known(tuple(_vote(row, config.answer) for row in votes), {row[0] for row in sessions}),
            plan=config.analysis,
            stored_plan_hash=_text(plan_hash[0]) if plan_hash else "",
        )
    except ValueError as error:
        raise InvalidInput(
            f"a row cannot be understood: {error}", path=path, hint="restore a backup"
        ) from error


def store_exclusions(folder: Path, checks: Sequence[RaterCheck]) -> None:
    """Replace the stored exclusions by those of the last analysis; votes are never removed.

    Args:
        folder: The study folder.
        checks: What the rules found.

    Raises:
        InvalidInput: the store is damaged.
        OutputError: it cannot be written.
    """
    path = folder / STORE
    rows = [(check.rater, str(rule), _value(check, rule)) for check in checks for rule in check.rules]
    with closing(open_store(folder)) as store, store_errors(path, is_writing=True):
        store.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        store.execute("BEGIN IMMEDIATE")
        store.execute("DELETE FROM exclusion")
        store.executemany("INSERT INTO exclusion VALUES (?,?,?)", rows)
        store.execute("COMMIT")


def _value(check: RaterCheck, rule: str) -> float | None:
    """The number that a rule decided by; None for rules without one."""
    values = {
        "trap": float(check.trap_misses),
        "gold": float(check.gold_misses),
        "repeats": check.repeat_difference,
        "time": check.median_seconds,
        "variance": check.variance,
        "correlation": check.correlation,
    }
    return values.get(rule)


def _known(votes: tuple[StudyVote, ...], sessions: set[str]) -> tuple[StudyVote, ...]:
    """The votes, all of sessions that exist: rows are read from one state of the store."""
    for vote in votes:
        if vote.rater not in sessions:
            raise ValueError(f"a vote of the session {vote.rater!r:.40}, which does not exist")
    return votes


def _session(rater: object, consent_at: object, finished_at: object) -> RaterSession:
    started = "" if consent_at is None else _time(_number(consent_at))
    return RaterSession(rater=_text(rater), started=started, is_finished=finished_at is not None)


def _vote(row: tuple[Any, ...], answer: Answer) -> StudyVote:
    (
        session,
        position,
        image,
        method,
        kind,
        expected,
        other,
        side,
        is_repeat,
        value,
        loaded,
        voted,
        zoomed,
    ) = row
    if (other is None) != (answer is Answer.OPINION):
        raise ValueError(f"question {position} of {session!r:.40} does not ask for an {answer}")
    score = _integer(value)
    if not 0 <= score <= _HIGHEST[answer]:
        raise ValueError(f"value {score} of question {position}")
    return StudyVote(
        rater=_text(session),
        position=_integer(position),
        image=_text(image),
        method=_text(method),
        other="" if other is None else _text(other),
        kind=StimulusKind(_text(kind)),
        value=score,
        expected=None if expected is None else _integer(expected),
        is_repeat=bool(_integer(is_repeat)),
        is_swapped=answer is Answer.PAIR and _integer(side) == 1,
        was_loaded=loaded is not None,
        seconds=np.nan if loaded is None else _number(voted) - _number(loaded),
        zoomed=bool(_integer(zoomed)),
    )


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError) as error:
        raise ValueError(f"time {seconds:g}") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.40} is no text")  # noqa: TRY004 - a damaged row, not a fault of the caller
    return value


def _integer(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r:.40} is no whole number")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float) or not np.isfinite(float(value)):  # type: ignore[arg-type]
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)  # type: ignore[arg-type]
