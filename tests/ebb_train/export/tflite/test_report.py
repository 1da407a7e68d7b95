"""Reports as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.export.parity import compare
from ebb_train.export.tflite.lint import Fault
from ebb_train.export.tflite.probe import Probe
from ebb_train.export.tflite.report import Anatomy, FileReport, examine_file


@pytest.fixture
def anatomy(file: Path) -> Anatomy:
    return examine_file(file)


def test_anatomy_of_a_clean_file(anatomy: Anatomy, file: Path) -> None:
    facts = json.loads(json.dumps(anatomy.as_dict()))
    assert facts["bytes"] == file.stat().st_size
    assert facts["gpu_faults"] == []
    assert facts["inputs"] == [{"name": "photo", "type": "FLOAT32", "shape": [1, 64, 96, 4]}]
    assert facts["estimates"]["peak_bytes"] > facts["estimates"]["lean_peak_bytes"] > 0
    assert facts["note"]["network"] == "pynet"
    assert sum(facts["ops"].values()) == facts["gpu_longest_run"]
    text = anatomy.as_text()
    assert "GPU delegate: supports all operations" in text
    assert "out  picture 1 x 128 x 192 x 3 FLOAT32" in text


def test_faults_are_listed(anatomy: Anatomy) -> None:
    faults = [Fault(op="RFFT2D", index=number, rule="unknown") for number in range(12)]
    text = replace(anatomy, faults=faults, longest_run=7).as_text()
    assert "12 faults; longest supported run: 7 of" in text
    assert "9 RFFT2D: unknown" in text
    assert "10 RFFT2D" not in text
    assert "and 2 more" in text


def test_files(anatomy: Anatomy) -> None:
    parity = [compare("noise", np.zeros(3, np.float32), np.full(3, 0.1, np.float32))]
    speed = [Probe(engine="lean", threads=2, pictures=[], seconds=[0.5, 1.5, 1.0], peak_bytes=10**8)]
    report = FileReport(
        path=Path("m.tflite"), sha256="ab", anatomy=anatomy, parity=parity, limit="60 dB PSNR", speed=speed
    )
    facts = json.loads(json.dumps(report.as_dict()))
    assert facts["passed"] is True
    assert facts["parity"][0]["psnr"] == pytest.approx(20)
    assert facts["speed"] == [
        {
            "engine": "lean",
            "threads": 2,
            "median_s": 1.0,
            "iqr_s": 0.5,
            "runs": 3,
            "peak_bytes": 10**8,
        }
    ]
    text = report.as_text()
    assert text.startswith("m.tflite\n")
    assert "lean, 2 threads" in text
    refused = replace(report, sha256=None)
    assert not refused.passed
    assert "NOT WRITTEN, too far from PyTorch (limit: 60 dB PSNR" in refused.as_text()


def test_broken_file(tmp_path: Path) -> None:
    (tmp_path / "x.tflite").write_bytes(b"0123TFL3" + b"\xff" * 40)
    with pytest.raises(InvalidInput, match="x.tflite: a damaged TFLite file"):
        examine_file(tmp_path / "x.tflite")
