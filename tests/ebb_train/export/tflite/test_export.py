"""Export of a checkpoint to TFLite files by the command."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode, InvalidInput
from ebb_train import cli
from ebb_train.export.parity import ParityLimit
from ebb_train.export.tflite import export as tflite_export
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.note import read_note
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from ebb_train.export.settings import PhotoSize, Precision


def export(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[ExitCode, dict[str, Any]]:
    code = run_verb(cli.app, ["export-tflite", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_export_end_to_end(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.tflite"
    code, facts = export(capsys, weights, out, "--size", "128x192", "--runs", 1, "--threads", 2)
    assert code == ExitCode.DONE
    report = facts["files"][0]
    data = out.read_bytes()
    assert report["sha256"] == hashlib.sha256(data).hexdigest()
    assert report["gpu_faults"] == []
    assert [(one["input"], one["psnr"] >= 60) for one in report["parity"]] == [
        ("synthetic scene", True),
        ("noise", True),
        ("0 everywhere", True),
        ("0.5 everywhere", True),
        ("1 everywhere", True),
    ]
    largest = max(report["parity"], key=lambda one: one["max"])
    stated = f"Largest difference: {largest['max']:.1e} ({largest['input']})."
    assert stated in (tmp_path / "small.md").read_text()
    assert [(one["engine"], one["threads"]) for one in report["speed"]] == [
        ("plain", 1),
        ("plain", 2),
        ("lean", 1),
    ]
    about = read_note(read_graph(data))
    assert about is not None
    assert about["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert about["precision"] == "fp16"


def test_sizes_levels_clip_and_photos(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path / "set", [[record(number) for number in range(3)]])
    flags = ["--size", "128x128", "--size", "128x192", "--level", "6", "--clip", "--precision", "fp32"]
    flags += ["--calibration", str(tmp_path / "set"), "--runs", "0"]
    code, facts = export(capsys, weights, tmp_path / "m.tflite", *flags)
    assert code == ExitCode.DONE
    names = [Path(report["file"]).name for report in facts["files"]]
    assert names == ["m-128x128.tflite", "m-128x192.tflite"]
    assert [report["outputs"][0]["shape"] for report in facts["files"]] == [[1, 4, 4, 3], [1, 4, 6, 3]]
    assert [one["input"][:5] for one in facts["files"][0]["parity"]] == [
        "pair ", "pair ", "noise", "0 eve", "0.5 e", "1 eve",
    ]  # fmt: skip
    assert all(report["speed"] == [] for report in facts["files"])
    assert sorted(path.name for path in tmp_path.glob("*.tflite")) == names


def test_a_file_beyond_its_limit_is_not_left_behind(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: dict[Precision, ParityLimit] = {"fp16": ParityLimit(psnr=1000)}
    monkeypatch.setattr(tflite_export, "LIMITS", limits)
    out = tmp_path / "m.tflite"
    code, facts = export(capsys, weights, out, "--size", "64x64", "--level", "7")
    assert code == ExitCode.ITEMS_FAILED
    assert facts["files"][0]["passed"] is False
    assert facts["files"][0]["speed"] == []
    assert list(tmp_path.iterdir()) == []


def test_int8_is_calibrated_on_one_photo_at_a_time(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_set(tmp_path / "set", [[record(number, 64, 64) for number in range(3)]])
    flags = ["--size", "64x64", "--level", "7", "--precision", "int8", "--runs", "0"]
    command = ["export-tflite", str(weights), str(tmp_path / "m.tflite"), *flags]
    run_verb(cli.app, [*command, "--calibration", str(tmp_path / "set")])
    said = [line for line in capfd.readouterr().err.splitlines() if "calibrating on" in line]
    assert said == [
        f"64x64: calibrating on pair {record(number).pair_id}, {number + 1} of at most 8"
        for number in range(3)
    ]


def test_a_run_folder_is_a_checkpoint(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(weights, tmp_path / "level-1.safetensors")
    code, facts = export(
        capsys, tmp_path, tmp_path / "m.tflite", "--size", "64x64", "--level", 7, "--runs", 0
    )
    assert code == ExitCode.DONE
    assert facts["files"][0]["note"]["weights"]["file"] == "level-1.safetensors"


def test_an_invalid_output_is_reported_before_the_conversion(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tflite_export, "read_trained", None)  # work would begin with it
    (tmp_path / "m-128x64.tflite").mkdir()
    code, facts = export(capsys, weights, tmp_path / "m.tflite", "--size", "64x64", "--size", "128x64")
    assert code == ExitCode.CANNOT_WRITE
    assert facts["path"] == str(tmp_path / "m-128x64.tflite")


def test_missing_depth_is_reported_before_the_conversion(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tflite_export, "to_tflite", None)
    write_set(tmp_path / "set", [[record(0, 64, 64, has_depth=False)]])
    flags = ["--size", "64x64", "--calibration", tmp_path / "set"]
    code, facts = export(capsys, weights, tmp_path / "m.tflite", *flags)
    assert (code, facts["hint"]) == (ExitCode.INVALID_INPUT, "make a map with: ebb depth")


def test_the_checkpoint_is_not_overwritten(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = weights.read_bytes()
    code, facts = export(capsys, weights, weights, "--size", "64x64")
    assert (code, facts["hint"]) == (ExitCode.USAGE, "such as small.tflite")
    assert weights.read_bytes() == before


def test_a_file_that_cannot_be_timed_is_not_left_without_its_card(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(self: object, file: Path, size: PhotoSize) -> None:
        raise InvalidInput("killed", path=file)

    monkeypatch.setattr(tflite_export._Export, "_speed", lack)
    code, facts = export(capsys, weights, tmp_path / "m.tflite", "--size", "64x64", "--level", "7")
    assert (code, facts["path"]) == (ExitCode.INVALID_INPUT, str(tmp_path / "m.tflite"))
    assert "--runs 0" in facts["hint"]
    assert list(tmp_path.iterdir()) == []


def test_an_error_names_the_damaged_photo(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(self: object, file: Path, size: PhotoSize) -> None:
        raise InvalidInput("not a PNG", path=tmp_path / "set")

    monkeypatch.setattr(tflite_export._Export, "_parity", damaged)
    code, facts = export(capsys, weights, tmp_path / "m.tflite", "--size", "64x64", "--level", "7")
    assert (code, facts["path"], facts["hint"]) == (ExitCode.INVALID_INPUT, str(tmp_path / "set"), "")


@pytest.mark.parametrize(("free", "is_said"), [(10**9, True), (10**12, False), (None, False)])
def test_too_little_memory_is_reported_before_the_conversion(
    free: int | None,
    is_said: bool,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tflite_export, "free_bytes", lambda: free)
    flags = ["--size", "64x64", "--level", "7", "--runs", "0"]
    assert run_verb(cli.app, ["export-tflite", str(weights), str(tmp_path / "m.tflite"), *flags]) == 0
    said = capsys.readouterr().err.splitlines()
    assert ("converting takes about 1.1 GB of memory, 1.0 GB are free" in said[0]) is is_said
    assert said[-1] == "64x64: comparing with PyTorch"


def test_bad_size(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_verb(
        cli.app, ["export-tflite", str(weights), str(tmp_path / "m.tflite"), "--size", "1000x1536"]
    )
    assert code == ExitCode.USAGE
    assert "nearest: 1024x1536, 960x1536" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("tensorflow", "tflite"), ("ai_edge_litert.compiled_model", "tflite"), ("torch", "train")],
)
def test_without_the_extra(
    missing: str,
    extra: str,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    assert run_verb(cli.app, ["export-tflite", str(weights), str(tmp_path / "m.tflite")]) == ExitCode.MISSING
    assert f"pip install 'ebb-bokeh[{extra}]'" in capsys.readouterr().err


def test_inspect(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(cli.app, ["inspect", str(file)]) == ExitCode.DONE
    assert "supports all operations" in capsys.readouterr().out
    assert run_verb(cli.app, ["inspect", str(file), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["gpu_faults"] == []
    (tmp_path / "half.tflite").write_bytes(file.read_bytes()[: file.stat().st_size // 20])
    assert run_verb(cli.app, ["inspect", str(tmp_path / "half.tflite")]) == ExitCode.INVALID_INPUT
    assert "a damaged TFLite file" in capsys.readouterr().err
