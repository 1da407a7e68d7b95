"""Study folders with the votes of simulated raters, without pictures."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from ebb_train.study.config import StudyConfig, write_config
from ebb_train.study.schema import create_store
from ebb_train.study.votes import Answer, StimulusKind

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from ebb_train.study.votes import StudyVote, StudyVotes

START = 1_767_225_600.0
"""The first of January 2026, in unix seconds."""


def write_study(folder: Path, study: StudyVotes) -> Path:
    """Write ``study.toml`` and the store as if the raters had taken part; positions count from 0 for each."""
    folder.mkdir(parents=True)
    config = StudyConfig(title=study.name, answer=study.answer, methods=study.methods, analysis=study.plan)
    write_config(folder, config)
    with closing(create_store(folder)) as store:
        store.execute("BEGIN")
        store.execute(
            "INSERT INTO study VALUES (1, ?, ?, ?, ?)",
            (config.design, config.design_hash, study.plan.sha256, START),
        )
        numbers = _write_stimuli(store, study.votes)
        for session in study.sessions:
            finished = START + 600 if session.is_finished else None
            row = (session.rater, None, START, None, None, None, None, 1, START, finished, None)
            store.execute(f"INSERT INTO session VALUES ({','.join('?' * 11)})", row)
        positions: dict[str, int] = {}
        for vote in study.votes:
            position = positions[vote.rater] = positions.get(vote.rater, -1) + 1
            _write_vote(store, vote, position, numbers, study.answer)
        store.execute("COMMIT")
    return folder


def _write_stimuli(store: sqlite3.Connection, votes: tuple[StudyVote, ...]) -> dict[tuple[str, str], int]:
    numbers: dict[tuple[str, str], int] = {}
    for vote in votes:
        for method in filter(None, (vote.method, vote.other)):
            if (vote.image, method) in numbers:
                continue
            number = numbers[vote.image, method] = len(numbers) + 1
            row = (
                number,
                f"{number:032x}",
                vote.image,
                method,
                vote.kind.value,
                vote.expected,
                "a.png",
                "0",
                1,
                1,
                1,
            )
            store.execute(f"INSERT INTO stimulus VALUES ({','.join('?' * 11)})", row)
    return numbers


def _write_vote(
    store: sqlite3.Connection,
    vote: StudyVote,
    position: int,
    numbers: dict[tuple[str, str], int],
    answer: Answer,
) -> None:
    is_pair = answer is Answer.PAIR and vote.kind is not StimulusKind.TRAP
    other = numbers[vote.image, vote.other] if is_pair else None
    question = (
        vote.rater,
        position,
        numbers[vote.image, vote.method],
        other,
        None,
        int(vote.is_swapped),
        int(vote.is_repeat),
    )
    store.execute(f"INSERT INTO question VALUES ({','.join('?' * 7)})", question)
    shown = START + 10.0 * position
    row = (vote.rater, position, vote.value, shown, shown + 0.5, shown + 0.5 + vote.seconds, int(vote.zoomed))
    store.execute(f"INSERT INTO vote VALUES ({','.join('?' * 7)})", row)
