"""Several models side by side."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ebb.command import run_verb
from ebb.errors import EbbError, ExitCode, Reason, Status, UsageError
from ebb.progress import SilentProgress
from ebb_train.cli import app
from ebb_train.evaluation.benchmark import MODELS, REPORT, TEXT, TIMINGS, benchmark, label_models, machine
from ebb_train.evaluation.evaluate import PAGE, evaluate
from ebb_train.evaluation.opinions import MethodOpinion, StudyOpinions
from ebb_train.evaluation.predictions import DepthMissing
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.models.network import PyNet, save_pynet
from ebb_train.models.pynet import PyNetConfig
from tests.helpers.datasets import record, write_set
from tests.helpers.doubles import RecordedProgress

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ScoreSettings(split="train", workers=1, cases=1)
UNTIMED = TimingSettings(repeats=0)


pytestmark = pytest.mark.usefixtures("no_lpips_weights")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [[record(number) for number in range(3)]])


def test_rows_are_those_of_evaluate(dataset: Path, tmp_path: Path) -> None:
    names = ["identity", "layered"]
    found = benchmark(names, dataset, tmp_path / "out", SETTINGS, UNTIMED, SilentProgress())
    for name, entry in zip(names, found.entries, strict=True):
        alone = evaluate(name, dataset, tmp_path / name, SETTINGS, progress=SilentProgress())
        assert entry.summary == alone.summary
        assert entry.model == alone.model
    first, second = found.entries
    assert first.difference == {}
    gain, means = (
        second.difference["ebb.psnr"].value,
        [entry.summary["ebb.psnr"].value for entry in found.entries],
    )
    assert gain is not None
    assert None not in means
    assert gain.mean == pytest.approx(means[1].mean - means[0].mean)  # type: ignore[union-attr]


def test_json_is_the_same_on_a_rerun_and_holds_no_timings(dataset: Path, tmp_path: Path) -> None:
    names, timed = ["identity", "gain"], TimingSettings(repeats=1)
    for place in "ab":
        benchmark(names, dataset, tmp_path / place, SETTINGS, timed, SilentProgress())
    first = (tmp_path / "a" / REPORT).read_bytes()
    benchmark(names, dataset, tmp_path / "a", SETTINGS, timed, SilentProgress())
    assert (tmp_path / "a" / REPORT).read_bytes() == (tmp_path / "b" / REPORT).read_bytes() == first
    assert b"latency" not in first
    timings = json.loads((tmp_path / "a" / TIMINGS).read_text())
    assert set(timings["models"]) == set(names)
    assert timings["machine"] == machine()


def test_published_numbers_are_in_separate_tables(dataset: Path, tmp_path: Path) -> None:
    benchmark(["identity"], dataset, tmp_path / "out", SETTINGS, UNTIMED, SilentProgress())
    report = json.loads((tmp_path / "out" / REPORT).read_text())
    assert report["as_published"][0]["rows"][0][0] == "PyNET"
    assert all("23.28" not in json.dumps(model) for model in report["models"])
    text = (tmp_path / "out" / TEXT).read_text()
    ours, _, theirs = text.partition("### As published")
    assert "23.28" in theirs
    assert "23.28" not in ours
    assert "As published: EBB! test set" in (tmp_path / "out" / PAGE).read_text()


def test_networks_with_and_without_depth(dataset: Path, tmp_path: Path) -> None:
    paths = []
    for folder, channels in (("deep", 4), ("flat", 3)):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "level-1.safetensors")
        save_pynet(paths[-1], PyNet(PyNetConfig(width=0.03, in_channels=channels)), source="a test")
    names = ["identity", *map(str, paths)]
    found = benchmark(names, dataset, tmp_path / "out", SETTINGS, UNTIMED, SilentProgress())
    assert [entry.name for entry in found.entries] == ["identity", "deep-level-1", "flat-level-1"]
    assert found.entries[1].cost.parameters > found.entries[2].cost.parameters > 0
    assert (tmp_path / "out" / MODELS / "flat-level-1" / "scores.csv").exists()
    page = (tmp_path / "out" / PAGE).read_text()
    assert page.count("data:image/jpeg") == 2 + 3
    links = [link for link in re.findall(r'<a href="([^"]*)"', page) if not link.startswith("#")]
    assert {f"models/{name}/index.html" for name in ("identity", "flat-level-1")} <= set(links)
    assert any(link.startswith("models/deep-level-1/predictions/") for link in links)
    assert [link for link in links if not (tmp_path / "out" / link).exists()] == []
    of_model = (tmp_path / "out" / MODELS / "identity" / PAGE).read_text()
    assert '<a href="../../index.html">all models</a>' in of_model


@pytest.mark.parametrize(
    "names", [[], ["gain", "identity", "gain"], ["a/x.safetensors", "b/../a/x.safetensors"]]
)
def test_models_have_distinct_names(names: list[str]) -> None:
    with pytest.raises(UsageError):
        label_models(names)


def test_a_model_that_cannot_be_timed_keeps_its_scores(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise EbbError("identity: timing it ended with exit code -9", hint="it may lack memory")

    monkeypatch.setattr("ebb_train.evaluation.benchmark.time_model", fail)
    out, progress = tmp_path / "out", RecordedProgress()
    found = benchmark(["identity"], dataset, out, SETTINGS, TimingSettings(repeats=1), progress)
    assert found.num_failed == 1
    assert progress.items[-1] == ("identity", Status.ERROR, Reason.WORKER_CRASH)
    assert "ended with exit code -9 (it may lack memory)" in (out / TEXT).read_text()
    assert found.entries[0].summary["ebb.psnr"].value is not None
    assert not (out / TIMINGS).exists()


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A data set without depth."""
    return write_set(tmp_path / "flat", [[record(number, has_depth=False) for number in range(2)]])


def test_models_that_need_depth_are_left_out_without_it(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models that need depth must not end a run on a data set without depth."""
    out = tmp_path / "out"
    command = ["benchmark", str(flat), "--out", str(out), "--split", "train", "--workers", "1"]
    assert run_verb(app, [*command, "--repeats", "0"]) is ExitCode.DONE
    printed = capsys.readouterr()
    report = json.loads((out / REPORT).read_text())
    assert [model["name"] for model in report["models"]] == ["identity", "gain"]
    for name in ("gaussian", "layered"):
        reason = f"{name} needs depth, and no pair has any"
        reason += " (make depth maps with: ebb depth, then ebb shard)"
        assert report["left_out"][name] == reason
        said = f"left out: {name}: {reason}"
        assert said in printed.out
        assert said in (out / TEXT).read_text()
        assert said in (out / PAGE).read_text()
        assert not (out / MODELS / name).exists()
    assert printed.err.count("needs depth") == 0


def test_no_model_that_can_render_is_an_error(flat: Path, tmp_path: Path) -> None:
    with pytest.raises(DepthMissing, match="layered needs depth, and no pair has any"):
        benchmark(["gaussian", "layered"], flat, tmp_path / "a", SETTINGS, UNTIMED, SilentProgress())
    with pytest.raises(DepthMissing, match="layered needs depth, and no pair has any"):
        evaluate("layered", flat, tmp_path / "b", SETTINGS, progress=SilentProgress())


def test_a_model_that_fails_on_every_pair_is_left_out(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError("not enough memory")

    monkeypatch.setattr("ebb_train.baselines.gain.Gain.render", fail)
    found = benchmark(["identity", "gain"], dataset, tmp_path, SETTINGS, UNTIMED, SilentProgress())
    assert [entry.name for entry in found.entries] == ["identity"]
    assert found.num_failed == 1
    assert "no pair could be rendered, the first: not enough memory" in found.left_out[0].reason


def test_names_of_models(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert label_models([str(tmp_path / "run"), "x/run.safetensors"]) == [f"{tmp_path.name}-run", "x-run"]
    assert label_models([str(tmp_path / "run")]) == ["run"]
    with pytest.raises(UsageError, match="two models are called gain"):
        label_models(["gain", "gain"])
    assert label_models(["gain", "a/gain.safetensors", "b/gain.safetensors"]) == ["gain", "a-gain", "b-gain"]
    names = ["gain", "a/gain.safetensors", "a/x.safetensors", "b/x.safetensors", "b/y.safetensors"]
    assert label_models(names) == ["gain", "a-gain", "a-x", "b-x", "y"]
    masked = ["portrait", "portrait:grabcut", "portrait:nets/person.onnx", "pixel-style:grabcut"]
    assert label_models(masked) == ["portrait", "portrait-grabcut", "portrait-person", "pixel-style-grabcut"]


@pytest.mark.parametrize(
    ("models", "flags"),
    [("identity,identitty", []), ("identity,none.safetensors", []), ("identity", ["--protocol", "ssim"])],
)
def test_invalid_arguments_are_reported_before_rendering(
    models: str, flags: list[str], dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["benchmark", str(dataset), "--models", models, "--out", str(out), "--split", "train", *flags]
    assert run_verb(app, command) in (ExitCode.USAGE, ExitCode.INVALID_INPUT)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not out.exists()


def test_the_command(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "benchmark",
        str(dataset),
        "--out",
        str(tmp_path / "out"),
        "--split",
        "train",
        "--workers",
        "1",
    ]
    flags = ["--models", "identity, gaussian", "--repeats", "0", "--skip-regions", "--skip-artefacts"]
    assert run_verb(app, [*arguments, *flags]) is ExitCode.DONE
    said = capsys.readouterr().out
    assert "Paired difference from identity, ebb" in said
    assert "not timed: --repeats 0" in said
    assert not (tmp_path / "out" / TIMINGS).exists()
    assert run_verb(app, [*arguments, "--models", "identity,nothing"]) is ExitCode.USAGE


def test_opinions_of_people_stand_beside_the_metrics(dataset: Path, tmp_path: Path) -> None:
    ids = [record(number).pair_id for number in range(3)]
    opinions = StudyOpinions(
        name="ours",
        plan_sha256="cd" * 32,
        methods={
            "identity": MethodOpinion(3.0, 2.5, 3.5, 3, 15, 2),
            "layered": MethodOpinion(1.0, 0.5, 1.5, 3, 15, 1),
        },
        pictures={
            (pair_id, name): mos + 0.1 * index
            for name, mos in (("identity", 3.0), ("layered", 1.0))
            for index, pair_id in enumerate(ids)
        },
    )
    settings = replace(SETTINGS, skip_regions=True)
    names, out = ["identity", "layered", "gain"], tmp_path / "out"
    found = benchmark(names, dataset, out, settings, UNTIMED, SilentProgress(), opinions)
    assert found.people is not None
    assert found.people.models == ("identity", "layered")
    psnr = found.people.metrics[0]
    assert psnr.num_pictures == 6
    assert psnr.of_pictures[0].value > 0.7, "layered is nearer to the target, and people prefer it"
    plain = json.loads((tmp_path / "out" / REPORT).read_text())
    assert plain["people"]["study"] == "ours"
    page = (tmp_path / "out" / PAGE).read_text()
    text = (tmp_path / "out" / TEXT).read_text()
    for where in (page, text):
        assert "Agreement with people, ebb" in where
    assert "people" not in json.loads(json.dumps(replace(found, people=None).as_dict()))
    with pytest.raises(UsageError, match="has none of the models"):
        benchmark(["gain"], dataset, tmp_path / "other", SETTINGS, UNTIMED, SilentProgress(), opinions)
    assert not (tmp_path / "other").exists()
