"""Training and evaluation as a library: the same as the functions behind the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import ebb
import ebb_train
from ebb.progress import SilentProgress
from ebb_train.evaluation.benchmark import benchmark
from ebb_train.evaluation.evaluate import evaluate
from tests.helpers.datasets import record, write_set

SETTINGS = ebb_train.ScoreSettings(split="train", workers=1, skip_regions=True, skip_artefacts=True, cases=0)
UNTIMED = ebb_train.TimingSettings(repeats=0)

pytestmark = pytest.mark.usefixtures("no_lpips_weights")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [[record(number) for number in range(2)]])


def test_scores_are_those_of_the_command_line(dataset: Path, tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    found = ebb_train.evaluate(
        "identity", str(dataset), tmp_path / "a", settings=SETTINGS, progress=lambda *what: heard.append(what)
    )
    evaluate("identity", dataset, tmp_path / "b", SETTINGS, progress=SilentProgress())
    reports = [json.loads((tmp_path / name / "report.json").read_text()) for name in "ab"]
    assert reports[0] == reports[1]
    assert len(found.rows) == 2
    assert heard[-1][1:] == (2, 2)


def test_pictures_made_elsewhere(dataset: Path, tmp_path: Path) -> None:
    first = ebb_train.evaluate("identity", dataset, tmp_path / "a", settings=SETTINGS)
    pictures = tmp_path / "a" / "predictions"
    again = ebb_train.evaluate("mine", dataset, tmp_path / "b", settings=SETTINGS, predictions=str(pictures))
    assert again.name == "mine"
    assert again.summary == first.summary


def test_a_benchmark_is_that_of_the_command_line(dataset: Path, tmp_path: Path) -> None:
    names = ["identity", "gain"]
    found = ebb_train.benchmark(names, dataset, str(tmp_path / "a"), settings=SETTINGS, timing=UNTIMED)
    benchmark(names, dataset, tmp_path / "b", SETTINGS, UNTIMED, SilentProgress())
    assert [entry.name for entry in found.entries] == names
    for name in ("benchmark.json", "benchmark.md"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_invalid_arguments_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(ebb.UsageError, match="no model is called 'phone'"):
        ebb_train.evaluate("phone", dataset, tmp_path / "out", settings=SETTINGS)
    with pytest.raises(ebb.InvalidInput, match="no such folder"):
        ebb_train.evaluate("identity", tmp_path / "nothing", tmp_path / "out")
