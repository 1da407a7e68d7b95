"""Runs in a separate process: measurements, pictures, and errors."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ebb.errors import InvalidInput, OutputError
from ebb_train.export.tflite import probe as probe_module
from ebb_train.export.tflite.probe import Probe, main, probe, work
from ebb_train.export.tflite.runtime import open_runner
from ebb_train.memory import peak_bytes

if TYPE_CHECKING:
    from pathlib import Path


def test_pictures_and_figures(file: Path) -> None:
    photos = [np.random.default_rng(seed).random((1, 64, 96, 4), np.float32) for seed in range(2)]
    found = probe(file, "lean", photos=photos, runs=3)
    assert len(found.seconds) == 3
    assert found.median_s > 0
    assert found.iqr_s >= 0
    assert 10e6 < found.peak_bytes < 1e9
    runner, _ = open_runner(file, "lean", 1)
    for photo, picture in zip(photos, found.pictures, strict=True):
        np.testing.assert_array_equal(picture, runner(photo))


def test_median_and_quartiles() -> None:
    figures = {"engine": "lean", "threads": 1, "pictures": [], "peak_bytes": 0}
    found = Probe(**figures, seconds=[5.0, 1.0, 2.0, 4.0, 3.0])
    assert (found.median_s, found.iqr_s) == (3, 2)
    assert Probe(**figures, seconds=[1.0]).iqr_s == 0


def test_a_job_in_this_process(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    job = {
        "path": str(file),
        "engine": "plain",
        "threads": 1,
        "folder": str(tmp_path),
        "photos": 1,
        "runs": 0,
    }
    np.save(tmp_path / "in0.npy", np.zeros((1, 64, 96, 4), np.float32))
    assert work(job)["seconds"] == []
    assert np.load(tmp_path / "out0.npy").shape == (1, 128, 192, 3)
    main([json.dumps(job | {"photos": 0, "runs": 1})])
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["seconds"]) == 1
    assert answer["peak_bytes"] == pytest.approx(peak_bytes(), rel=0.05)


def test_a_file_that_is_not_tflite(tmp_path: Path) -> None:
    path = tmp_path / "x.tflite"
    path.write_bytes(b"0123TFL3" + bytes(64))
    with pytest.raises(InvalidInput, match=r"x.tflite: LiteRT cannot run it: .*TFLite"):
        probe(path, "plain")


def test_an_operation_litert_does_not_have(file: Path, tmp_path: Path) -> None:
    data = bytearray(file.read_bytes())
    from ebb_train import optional

    schema = optional.litert("schema_py_generated")
    model = schema.Model.GetRootAs(data, 0)
    for number in range(model.OperatorCodesLength()):
        table = model.OperatorCodes(number)._tab
        place = table.Pos + table.Offset(10)  # the builtin code
        if data[place] == schema.BuiltinOperator.TANH:
            data[place] = schema.BuiltinOperator.STABLEHLO_WHILE % 128
    path = tmp_path / "x.tflite"
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"LiteRT (cannot run it|crashed on it)"):
        probe(path, "lean", runs=1)


def child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    run = subprocess.run
    monkeypatch.setattr(
        probe_module.subprocess, "run", lambda command, **how: run([sys.executable, "-c", code], **how)
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"crashed on it \(exit code -11\): no message"),
        ("import os; os.kill(os.getpid(), 9)", r"\(exit code -9\): killed, perhaps .* lack of memory"),
        ("import sys; sys.exit('driver lost')", "driver lost"),
        ("pass", "crashed on it"),
    ],
)
def test_crashes(code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child(monkeypatch, code)
    with pytest.raises(InvalidInput, match=message):
        probe(tmp_path / "x.tflite", "lean")


def test_a_run_that_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def expire(command: list[str], **how: Any) -> None:
        raise subprocess.TimeoutExpired(command, how["timeout"])

    monkeypatch.setattr(probe_module.subprocess, "run", expire)
    with pytest.raises(InvalidInput, match="more than 1800 s"):
        probe(tmp_path / "x.tflite", "lean")


def test_no_space_for_the_inputs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, values: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(probe_module.np, "save", fail)
    with pytest.raises(OutputError, match=r"in0\.npy: no space to write it"):
        probe(file, "lean", photos=[np.zeros((1, 64, 96, 4), np.float32)])
