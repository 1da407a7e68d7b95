"""One model on one split, from the command line's side."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode, InvalidInput
from ebb.progress import SilentProgress
from ebb_train.cli import app
from ebb_train.evaluation.evaluate import PAGE, PREDICTIONS, REPORT, evaluate, train_of
from ebb_train.evaluation.settings import ScoreSettings
from ebb_train.metrics.protocols import find_protocol
from tests.helpers.datasets import photos, record, write_ebb, write_set

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = ScoreSettings(split="train", workers=1, cases=1)


pytestmark = pytest.mark.usefixtures("no_lpips_weights")


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set", [[record(number) for number in range(3)]])


def test_scores_of_identity_are_those_of_the_protocol(dataset: Path, tmp_path: Path) -> None:
    found = evaluate("identity", dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())
    expected = [find_protocol("ebb").score(*photos(number)[:2])["psnr"] for number in range(3)]
    assert [row.scores["ebb.psnr"] for row in found.rows] == expected
    assert found.num_failed == 0
    assert list(pd.read_parquet(tmp_path / "out" / "scores.parquet")["ebb.psnr"]) == expected
    page = (tmp_path / "out" / PAGE).read_text()
    assert all(row.pair_id in page for row in found.rows)
    num_flagged = sum(row.scores["artefacts.flagged"] for row in found.rows)
    assert (
        page.count("data:image/jpeg") >= 2 * 4 + 4 * num_flagged
    )  # four pictures of worst, best, and flagged


def test_a_second_run_gives_the_same_bytes_and_renders_nothing(dataset: Path, tmp_path: Path) -> None:
    def files() -> dict[str, tuple[bytes, int]]:
        paths = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
        return {path.name: (path.read_bytes(), path.stat().st_ino) for path in paths}

    evaluate("layered", dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())
    first = files()
    evaluate("layered", dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())
    second = files()
    assert {name: data for name, (data, _) in second.items()} == {
        name: data for name, (data, _) in first.items()
    }
    pictures = [name for name in first if name.endswith(".png")]
    assert len(pictures) == 3
    assert all(first[name] == second[name] for name in pictures)


def test_a_picture_named_after_the_wide_photo_of_a_series_is_refused(tmp_path: Path) -> None:
    pairs = [
        replace(record(number), source_wide="IMG_1.JPG", source_shallow=f"S_{number}.JPG")
        for number in (0, 1)
    ]
    dataset, pictures = write_set(tmp_path / "set", [pairs]), tmp_path / "pictures"
    pictures.mkdir()
    (pictures / "IMG_1.png").write_bytes(pairs[0].shallow)
    with pytest.raises(InvalidInput, match=r"IMG_1\.png is named after a photo of several pairs .*: "):
        evaluate("mine", dataset, tmp_path / "out", SETTINGS, predictions=pictures, progress=SilentProgress())


def test_pictures_made_elsewhere_have_the_same_scores(dataset: Path, tmp_path: Path) -> None:
    ours = evaluate("gaussian", dataset, tmp_path / "ours", SETTINGS, progress=SilentProgress())
    theirs = evaluate(
        "a paper", dataset, tmp_path / "theirs", SETTINGS,
        predictions=tmp_path / "ours" / PREDICTIONS, progress=SilentProgress(),
    )  # fmt: skip
    assert theirs.summary == ours.summary
    assert theirs.name == "a paper"
    assert not (tmp_path / "theirs" / PREDICTIONS).exists()


def test_the_report_names_protocols_and_reasons_but_no_path(dataset: Path, tmp_path: Path) -> None:
    settings = ScoreSettings(split="train", workers=1, protocol=("ebb", "dmshn2021"), cases=0)
    evaluate("identity", dataset, tmp_path / "out", settings, progress=SilentProgress())
    text = (tmp_path / "out" / REPORT).read_text()
    report = json.loads(text)
    assert set(report["protocols"]) == {"ebb", "dmshn2021", "regions", "artefacts"}
    assert report["summary"]["ebb.lpips"]["mean"] is None
    assert "weights of alexnet" in report["summary"]["ebb.lpips"]["reason"]
    assert report["summary"]["dmshn2021.psnr"]["images"] == 3
    assert str(tmp_path) not in text


def test_a_pair_without_depth_fails_alone_and_sets_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = write_set(tmp_path / "set", [[record(0), record(1, has_depth=False)]])
    arguments = ["evaluate", "gaussian", str(dataset), "--out", str(tmp_path / "out"), "--split", "train"]
    assert run_verb(app, [*arguments, "--workers", "1"]) is ExitCode.ITEMS_FAILED
    said = capsys.readouterr()
    assert "1 of 2 pairs scored" in said.out
    assert "gaussian needs depth" in said.err
    assert run_verb(app, [*arguments, "--workers", "1", "--json"]) is ExitCode.ITEMS_FAILED
    assert list(json.loads(capsys.readouterr().out)["failed"]) == [record(1).pair_id]


def test_no_pair_at_all_is_an_error(tmp_path: Path) -> None:
    dataset = write_set(tmp_path / "set", [[record(0, has_depth=False)]])
    with pytest.raises(InvalidInput, match="layered needs depth, and no pair has any"):
        evaluate("layered", dataset, tmp_path / "out", SETTINGS, progress=SilentProgress())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["identitty"], ExitCode.USAGE, "no model is called 'identitty'"),
        (["identity", "--protocol", "ssim"], ExitCode.USAGE, "no protocol is called 'ssim'"),
        (["identity", "--protocol", "ebb", "--protocol", "ebb"], ExitCode.USAGE, "each once"),
        (["identity", "--workers", "-1"], ExitCode.USAGE, "at least 0"),
        (["identity", "--split", "val"], ExitCode.INVALID_INPUT, "there are no val pairs"),
        (["mine", "--predictions", "nowhere"], ExitCode.INVALID_INPUT, "no such folder"),
    ],
)
def test_mistakes_are_one_line(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    arguments: list[str], code: ExitCode, message: str,
) -> None:  # fmt: skip
    model, *flags = arguments
    flags = flags if "--split" in flags else [*flags, "--split", "train"]
    assert run_verb(app, ["evaluate", model, str(dataset), "--out", str(tmp_path / "out"), *flags]) is code
    assert message in capsys.readouterr().err


def test_an_invalid_output_folder_is_reported_before_rendering(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").write_text("a file")
    write_ebb(tmp_path / "pictures", range(1), "train")
    flags = ["--split", "train", "--predictions", str(tmp_path / "pictures" / "train" / "original")]
    code = run_verb(app, ["evaluate", "mine", str(dataset), "--out", str(tmp_path / "out"), *flags])
    assert code == ExitCode.CANNOT_WRITE
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"ebb-train: {tmp_path / 'out'}: cannot write it: a file is where a folder should be"


def test_calibration_uses_the_train_split_only(tmp_path: Path) -> None:
    write_ebb(tmp_path, range(2), "val")
    assert train_of(tmp_path)() == []
    write_ebb(tmp_path, range(3), "train")
    pairs = train_of(tmp_path)
    assert [pair.pair_id for pair in pairs()] == ["train/0", "train/1", "train/2"]
    shutil.rmtree(tmp_path / "train")
    assert len(pairs()) == 3  # read once


def test_models_without_weights_need_no_pytorch() -> None:
    code = (
        "import sys, ebb_train.evaluation.evaluate, ebb_train.evaluation.benchmark;"
        "from ebb_train.baselines.registry import build_model; build_model('layered', list);"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_missing_weights_of_vgg_lpips_are_named(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "identity", str(dataset), "--out", str(tmp_path / "out"), "--split", "train"]
    assert run_verb(app, [*command, "--lpips", "vgg", "--workers", "1"]) == ExitCode.DONE
    assert "the weights of vgg16 have not been downloaded" in capsys.readouterr().out


def test_pictures_of_another_data_set_are_reported(dataset: Path, tmp_path: Path) -> None:
    write_ebb(tmp_path / "other", range(70, 72), "train")
    pictures = tmp_path / "other" / "train" / "original"
    with pytest.raises(
        InvalidInput, match=r"none of its pictures belongs to the train split \(name them after"
    ):
        evaluate("mine", dataset, tmp_path / "out", SETTINGS, predictions=pictures, progress=SilentProgress())
    assert not (tmp_path / "out").exists()
