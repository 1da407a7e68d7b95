"""Votes of a study folder: read while it is served, damaged, or hostile."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import EbbError, InvalidInput
from ebb_train.study.exclusion import check_raters
from ebb_train.study.schema import STORE, open_store
from ebb_train.study.vote_reader import read_votes, store_exclusions
from ebb_train.study.votes import Answer
from tests.helpers.simulated_study import RANDOM_RATER, simulated_opinions, simulated_pairs
from tests.helpers.stored_votes import write_study

if TYPE_CHECKING:
    from pathlib import Path


def test_opinions_survive_the_store(tmp_path: Path) -> None:
    study = simulated_opinions(0, raters=4, images=6)
    found = read_votes(write_study(tmp_path / "study", study))
    assert found.methods == study.methods
    assert found.answer is Answer.OPINION
    assert found.plan == study.plan
    assert found.stored_plan_hash == study.plan.sha256
    assert [session.rater for session in found.sessions] == [session.rater for session in study.sessions]
    assert found.sessions[0].started == "2026-01-01T00:00:00+00:00"
    for read, written in zip(found.votes, study.votes, strict=True):
        assert read.seconds == pytest.approx(written.seconds, abs=1e-5)
        assert replace(read, seconds=0.0) == replace(written, position=read.position, seconds=0.0)


def test_pairs_survive_the_store(tmp_path: Path) -> None:
    study = simulated_pairs(0, raters=3, images=6)
    found = read_votes(write_study(tmp_path / "study", study))
    assert found.answer is Answer.PAIR
    assert [replace(vote, seconds=0.0) for vote in found.votes] == [
        replace(vote, seconds=0.0) for vote in study.votes
    ]


def test_reading_does_not_disturb_the_server(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0, raters=2, images=3))
    with closing(open_store(folder)) as server:
        server.execute("BEGIN IMMEDIATE")
        server.execute("DELETE FROM vote WHERE position > 5")
        before = read_votes(folder)
        server.execute("COMMIT")
        after = read_votes(folder)
    assert len(after.votes) < len(before.votes)


def test_pictures_that_were_not_there_and_deleted_sessions(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0, raters=3, images=3))
    with closing(sqlite3.connect(folder / STORE)) as store, store:
        store.execute("UPDATE vote SET loaded_at = NULL WHERE session = 'r00'")
        store.execute("DELETE FROM vote WHERE session = 'r01'")
        store.execute("UPDATE session SET deleted_at = 1.0 WHERE id = 'r01'")
        store.execute("UPDATE session SET finished_at = NULL WHERE id = 'r02'")
    found = read_votes(folder)
    assert [(one.rater, one.is_finished) for one in found.sessions] == [("r00", True), ("r02", False)]
    first = [vote for vote in found.votes if vote.rater == "r00"]
    assert first
    assert not any(vote.was_loaded for vote in first)
    assert all(np.isnan(vote.seconds) for vote in first)


def test_exclusions_are_stored_beside_the_votes(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0))
    checks = check_raters(read_votes(folder))
    for _ in range(2):  # replaced, not added
        store_exclusions(folder, checks)
    with closing(sqlite3.connect(folder / STORE)) as store:
        rows = dict(store.execute("SELECT rule, value FROM exclusion WHERE session = ?", (RANDOM_RATER,)))
        (others,) = store.execute(
            "SELECT COUNT(*) FROM exclusion WHERE session != ?", (RANDOM_RATER,)
        ).fetchone()
        (votes,) = store.execute("SELECT COUNT(*) FROM vote").fetchone()
    check = next(one for one in checks if one.rater == RANDOM_RATER)
    assert rows["gold"] == check.gold_misses
    assert rows["correlation"] == pytest.approx(check.correlation)
    assert others == 0
    assert votes == 16 * 32


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE stimulus SET kind = 'other'",
        "UPDATE stimulus SET kind = x'ff'",
        "UPDATE stimulus SET image = x'00ff'",
        "UPDATE stimulus SET expected = 'three' WHERE kind = 'trap'",
        "UPDATE question SET stimulus_b = stimulus_a",
        "UPDATE vote SET voted_at = 'late'",
        "UPDATE vote SET voted_at = 1e999",
        "UPDATE vote SET value = 2.5",
        "UPDATE session SET consent_at = 1e300",
        "UPDATE session SET id = x'61' WHERE id = 'r01'",
        "DELETE FROM session",
        "UPDATE study SET plan_hash = x'00'",
        "CREATE VIEW more AS SELECT 1",
        "DROP TABLE vote",
        "PRAGMA user_version = 9",
    ],
)
def test_a_damaged_store_is_an_error_of_this_project(damage: str, tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0, raters=2, images=3))
    with closing(sqlite3.connect(folder / STORE)) as store, store:
        store.execute(damage)
    with pytest.raises(InvalidInput) as caught:
        read_votes(folder)
    assert caught.value.path is not None


def test_damaged_bytes_are_an_error_of_this_project(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study", simulated_opinions(0, raters=2, images=3))
    path, rng = folder / STORE, np.random.default_rng(0)
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        broken = bytearray(whole)
        for place in rng.integers(len(whole), size=8):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        try:
            read_votes(folder)
        except EbbError:
            refused += 1
    assert refused > 20
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EbbError):
        read_votes(folder)


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with pytest.raises(EbbError):
        read_votes(tmp_path)
