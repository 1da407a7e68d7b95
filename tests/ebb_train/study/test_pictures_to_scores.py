"""The whole way: pictures of models, a study of them, votes, a report, a benchmark with people."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.progress import SilentProgress
from ebb_train.evaluation.benchmark import MODELS, REPORT, benchmark
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.study.new_study import make_study
from ebb_train.study.schema import STORE, open_store_to_read
from ebb_train.study.sessions import BeginRequest, VoteRequest
from ebb_train.study.settings import PictureSettings, StudySettings
from ebb_train.study.store import StudyStore
from ebb_train.study.study_report import PAGE, export_study, read_opinions, write_report
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from pathlib import Path

METHODS = {"gaussian": 0.9, "identity": 2.4}
"""True quality: the raters see that one of the pictures is not blurred."""

NUM_RATERS, RANDOM = 8, 5
SETTINGS = ScoreSettings(split="train", workers=1, cases=1, skip_regions=True)


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


def take_part(
    store: StudyStore, clock: Clock, study: Path, rng: np.random.Generator, *, is_random: bool
) -> None:
    """One rater: a bias, noise, and 2 to 5 seconds for an answer; the random one does not look."""
    begun = store.begin(BeginRequest(consent=True), "test").result()
    session = store.find(begun.token)
    assert session is not None
    store.finish_training(session).result()
    with closing(open_store_to_read(study)) as db:
        asked = db.execute(
            "SELECT a.kind, a.method, a.expected FROM question q JOIN stimulus a ON a.id = q.stimulus_a "
            "WHERE q.session = ? ORDER BY q.position",
            (session,),
        ).fetchall()
    bias = rng.normal(0, 0.2)
    for position, (kind, method, expected) in enumerate(asked):
        truth = {"reference": -0.5, "anchor": 4.5, "trap": expected}.get(kind, METHODS.get(method))
        noisy = truth if kind == "trap" else truth + bias + rng.normal(0, 0.4)
        value = rng.integers(5) if is_random else np.clip(np.round(noisy), 0, 4)
        seconds = float(rng.uniform(2, 5))
        clock.now += seconds
        vote = VoteRequest(
            position=position, value=int(value), shown_ms=1000 * seconds, loaded_ms=1000 * (seconds - 0.4)
        )
        store.vote(session, vote).result()


@pytest.mark.usefixtures("no_lpips_weights")
def test_pictures_become_scores_beside_the_metrics(tmp_path: Path) -> None:
    dataset, out = write_set(tmp_path / "set", [[record(number) for number in range(8)]]), tmp_path / "out"
    timing, silent = TimingSettings(repeats=0), SilentProgress()
    benchmark(list(METHODS), dataset, out, SETTINGS, timing, silent)
    study = tmp_path / "study"
    make_study(
        study,
        dataset,
        [f"{name}={out / MODELS / name}" for name in METHODS],
        StudySettings(questions=18, traps=2, repeats=2, references=2, anchors=2),
        PictureSettings(split="train"),
        silent,
    )
    rng, clock = np.random.default_rng(0), Clock()
    store = StudyStore(study, clock)
    for rater in range(NUM_RATERS):
        take_part(store, clock, study, rng, is_random=rater == RANDOM)
    store.close()

    found = write_report(study).analysis
    assert (found.num_started, found.num_finished, found.num_used) == (NUM_RATERS, NUM_RATERS, NUM_RATERS - 1)
    assert [check.is_used for check in found.checks].index(False) == RANDOM
    assert not found.is_plan_changed
    assert all(2 <= check.median_seconds + 0.4 <= 5 for check in found.checks)
    assert (study / "report" / PAGE).exists()
    with closing(open_store_to_read(study)) as db:
        excluded = {session for (session,) in db.execute("SELECT session FROM exclusion")}
    assert excluded == {found.checks[RANDOM].rater}, STORE
    export_study(study)

    opinions = read_opinions(study)
    assert {name: method.rank for name, method in opinions.methods.items()} == {"gaussian": 1, "identity": 2}
    people = benchmark(list(METHODS), dataset, out, SETTINGS, timing, silent, opinions).people
    assert people is not None
    assert people.num_images == 8
    psnr = people.metrics[0]
    assert psnr.num_pictures == 16
    assert psnr.of_pictures[0].value > 0.5
    assert json.loads((out / REPORT).read_text())["people"]["mos"]["gaussian"]["rank"] == 1
