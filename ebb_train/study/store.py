"""A study that is served: its stimuli and counts in memory, its sessions and votes in SQLite."""

from __future__ import annotations

import time
from shlex import quote
from typing import TYPE_CHECKING, NamedTuple

from ebb.codec import to_plain
from ebb.documents import parse_json
from ebb.errors import InvalidInput, UsageError
from ebb.serving.group_commit import GroupCommit
from ebb.serving.tokens import new_id, new_token, token_hash
from ebb.settings import canonical_json
from ebb_train.study.assignment import Tally, make_pool, plan_session, session_seed
from ebb_train.study.config import CONFIG, read_config
from ebb_train.study.pictures import picture_path
from ebb_train.study.schema import STORE, open_store, store_errors
from ebb_train.study.sessions import (
    NewSession,
    NotAccepted,
    SessionState,
    condition_of,
    erase_session,
    insert_session,
    insert_vote,
    read_state,
    read_stimuli,
    read_tally,
    training_of,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from pathlib import Path

    from ebb_train.study.assignment import Condition, Pool, Question, Stimulus
    from ebb_train.study.config import StudyConfig
    from ebb_train.study.sessions import BeginRequest, VoteRequest

PENDING_SECONDS = 3600.0
"""Time for which the questions of a session that has begun count as if they were answered."""


class Begun(NamedTuple):
    """A session that has begun."""

    token: str
    """Known to the rater only; its hash is stored."""
    state: SessionState


class StudyStore:
    """The store of a study, for one server.

    Every method returns a future whose result is there after it is on disk. All work is done in one thread.

    Args:
        study: Folder of the study.
        clock: Unix time.

    Raises:
        UsageError: the settings are invalid, or were changed after the first vote.
        InvalidInput: the folder is not a study, or is damaged.
        OutputError: the store cannot be written.
    """

    def __init__(self, study: Path, clock: Callable[[], float] = time.time) -> None:
        self.study = study
        self.config = read_config(study)
        self._clock = clock
        db = open_store(study)
        try:
            with store_errors(study / STORE, is_writing=True):
                claim_design(db, self.config, study)
                self._stimuli = read_stimuli(db)
                self._tally = read_tally(db)
                self._sessions: dict[str, str] = dict(
                    db.execute("SELECT token_hash, id FROM session WHERE token_hash IS NOT NULL")
                )
                self._alive = set(self._sessions.values())
                (self._num_sessions,) = db.execute("SELECT count(*) FROM session").fetchone()
                self._pool = make_pool(self._stimuli.values(), self.config.answer)
                _check_complete(study, self.config, self._pool, self._stimuli.values())
        except BaseException:
            db.close()
            raise
        self._training = training_of(self._stimuli.values(), self.config.answer)
        self._files = {stimulus.picture: stimulus.file for stimulus in self._stimuli.values()}
        self._pending: dict[str, tuple[float, list[tuple[str, Condition]]]] = {}
        self._commits = GroupCommit(db)

    def picture(self, name: str) -> Path | None:
        """The file of a picture by its name in addresses; None if there is none."""
        file = self._files.get(name)
        return picture_path(self.study, file) if file is not None else None

    def find(self, token: str) -> str | None:
        """The session of a token; None if there is none."""
        return self._sessions.get(token_hash(token))

    def begin(self, request: BeginRequest, browser: str) -> Future[Begun]:
        """Begin a session."""
        return self._commits.submit(lambda db: self._begin(db, request, browser))

    def state(self, session: str) -> Future[SessionState]:
        """Where a session stands."""
        return self._commits.submit(lambda db: self._state(db, session))

    def vote(self, session: str, vote: VoteRequest) -> Future[SessionState]:
        """Store an answer, and return where the session stands after it."""
        return self._commits.submit(lambda db: self._vote(db, session, vote))

    def finish_training(self, session: str) -> Future[SessionState]:
        """Record that the training is over."""
        return self._commits.submit(lambda db: self._finish_training(db, session))

    def erase(self, session: str) -> Future[None]:
        """Remove a session with its votes."""
        return self._commits.submit(lambda db: self._erase(db, session))

    def close(self) -> None:
        """Finish what waits, and close the file."""
        self._commits.close()

    def _begin(self, db: sqlite3.Connection, request: BeginRequest, browser: str) -> Begun:
        if self._num_sessions >= self.config.max_sessions:
            raise NotAccepted("the study has enough participants; thank you", 403)
        now, number, token = self._clock(), self._num_sessions, new_token()
        seed = session_seed(self.config.seed, number)
        questions = plan_session(self.config, self._pool, self._expected(now), number, seed)
        new = NewSession(new_id()[:16], token_hash(token), now, request, browser, seed, questions)
        insert_session(db, new)
        real = [each for each in questions if self._is_counted(each)]
        self._pending[new.id] = (now, [condition_of(question, self._stimuli) for question in real])
        for question in real:
            condition = condition_of(question, self._stimuli)[1]
            self._tally.sides[condition] = self._tally.sides.get(condition, 0) + (-1 if question.side else 1)
        self._sessions[new.token_hash] = new.id
        self._alive.add(new.id)
        self._num_sessions += 1
        return Begun(token, self._state(db, new.id))

    def _expected(self, now: float) -> Tally:
        """Votes so far, and those that sessions which have just begun will give."""
        self._pending = {
            session: pending
            for session, pending in self._pending.items()
            if now - pending[0] < PENDING_SECONDS
        }
        tally = Tally(dict(self._tally.judged), dict(self._tally.sides))
        for _, pending in self._pending.values():
            for image, condition in pending:
                tally.count(image, condition)
        return tally

    def _is_counted(self, question: Question) -> bool:
        return self._stimuli[question.stimulus_a].kind == "real" and not question.is_repeat

    def _state(self, db: sqlite3.Connection, session: str) -> SessionState:
        self._require(session)
        return read_state(db, session, self._stimuli, self._training)

    def _vote(self, db: sqlite3.Connection, session: str, vote: VoteRequest) -> SessionState:
        self._require(session)
        question = insert_vote(db, self.config, session, vote, self._clock())
        if question is not None and self._is_counted(question):
            key = condition_of(question, self._stimuli)
            self._tally.count(*key)
            _, pending = self._pending.get(session, (0.0, []))
            if key in pending:
                pending.remove(key)
        return self._state(db, session)

    def _finish_training(self, db: sqlite3.Connection, session: str) -> SessionState:
        self._require(session)
        values = (self._clock(), session)
        db.execute("UPDATE session SET trained_at = ? WHERE id = ? AND trained_at IS NULL", values)
        return self._state(db, session)

    def _erase(self, db: sqlite3.Connection, session: str) -> None:
        self._require(session)
        erase_session(db, session, self._clock())
        self._sessions = {token: other for token, other in self._sessions.items() if other != session}
        self._alive.discard(session)
        self._pending.pop(session, None)
        self._tally = read_tally(db)

    def _require(self, session: str) -> None:
        """Refuse a session that was deleted after its request came in."""
        if session not in self._alive:
            raise NotAccepted("this session does not exist", 401)


def _check_complete(study: Path, config: StudyConfig, pool: Pool, stimuli: Iterable[Stimulus]) -> None:
    """Refuse to serve a study of which something is missing.

    Raises:
        InvalidInput: a picture of a method or a file is missing.
    """
    hint = f"see ebb-train study check {quote(str(study))}"
    pictures = {*pool.real} | {(image, "") for image in pool.targets}
    needed = {(image, method) for image in pool.images for method in ("", *config.methods)}
    if not pool.images or pictures != needed:
        raise InvalidInput("not every method has a picture of every image", path=study, hint=hint)
    for stimulus in stimuli:
        if not picture_path(study, stimulus.file).is_file():
            raise InvalidInput(f"the picture {stimulus.file} is missing", path=study, hint=hint)


def claim_design(db: sqlite3.Connection, config: StudyConfig, study: Path) -> None:
    """Compare the settings with those of the store, or record them if there are no sessions yet.

    Raises:
        UsageError: they were changed after the first session, or methods were changed.
    """
    stored, text = db.execute("SELECT config_hash, config_json FROM study").fetchone()
    if stored == config.design_hash:
        return
    path = study / CONFIG
    (num_sessions,) = db.execute("SELECT count(*) FROM session").fetchone()
    if num_sessions:
        message = "settings other than texts were changed after the first session"
        raise UsageError(message, path=path, hint="undo the change, or make a new study")
    methods = {method for (method,) in db.execute("SELECT DISTINCT method FROM stimulus WHERE kind = 'real'")}
    if methods != set(config.methods) or parse_json(text)["answer"] != config.answer:
        raise UsageError(
            "methods or kind of answer are not those of the pictures", path=path, hint="make a new study"
        )
    values = (canonical_json(to_plain(config)), config.design_hash, config.analysis.sha256)
    db.execute("UPDATE study SET config_json = ?, config_hash = ?, plan_hash = ?", values)
