"""Timing on a phone, with a simulated adb."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode, InvalidInput, UsageError
from ebb_train import cli
from ebb_train.export.device import adb
from ebb_train.export.settings import DeviceSettings

GPU = """\
INFO: STARTING!
INFO: Use gpu: [1]
INFO: Created TensorFlow Lite delegate for GPU.
Replacing 1023 out of 1023 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 1 partitions.
INFO: Explicitly applied GPU delegate.
INFO: Initialized session in 2355.447ms.
INFO: count=10 first=4101000 curr=4099000 min=4090000 max=4110000 avg=4.1e+06 std=5119
INFO: Inference timings in us: Init: 2355447, Warmup (avg): 4101000, Inference (avg): 4.1e+06
INFO: Memory footprint delta from the start of the tool (MB): init=97.5 overall=512.25
INFO: Overall peak memory footprint (MB) via periodic monitoring: 530.125
"""
CPU = """\
VERBOSE: Replacing 1020 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 2 partitions.
INFO: Inference timings in us: Init: 3337, Warmup (avg): 58984.7, Inference (avg): 5626580.8
INFO: Memory footprint delta from the start of the tool (MB): init=2.4 overall=2400.5
"""

FAKE = """\
#!/bin/sh
echo "$*" >> {log}
case "$*" in
  *ro.product.model*) echo "Pixel 9" ;;
  *ro.soc.model*) echo "{chipset}" ;;
  *ro.board.platform*) echo "zumapro" ;;
  *use_gpu=true*) cat {folder}/gpu.txt; exit {gpu_code} ;;
  *use_xnnpack=true*) cat {folder}/cpu.txt ;;
  *push*) {push} ;;
esac
"""


class Phone:
    """A folder with an ``adb`` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, folder / "log.txt"
        self.model, self.tool = folder / "my model.tflite", folder / "tool"
        self.model.write_bytes(b"0123TFL3")
        self.tool.write_bytes(b"t")

    def plug_in(
        self, gpu: str = GPU, *, chipset: str = "Tensor G4", gpu_code: int = 0, push: str = ":"
    ) -> None:
        (self.folder / "gpu.txt").write_text(gpu)
        (self.folder / "cpu.txt").write_text(CPU)
        text = FAKE.format(log=self.log, folder=self.folder, chipset=chipset, gpu_code=gpu_code, push=push)
        (self.folder / "adb").write_text(text)
        (self.folder / "adb").chmod(0o755)

    def settings(self, serial: str = "") -> DeviceSettings:
        return DeviceSettings(benchmark_model=self.tool, serial=serial)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Phone:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return Phone(tmp_path)


def test_rows_of_a_phone(phone: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    phone.plug_in()
    command = ["benchmark-device", str(phone.model), "--adb", "--benchmark-model", str(phone.tool)]
    assert run_verb(cli.app, [*command, "--serial", "R5", "--runs", "3", "--json"]) == ExitCode.DONE
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert rows[0] == {
        "device": "Pixel 9",
        "chipset": "Tensor G4",
        "unit": "gpu",
        "seconds": 4.1,
        "peak_mb": 530.125,
        "delegated": "1023/1023 in 1",
        "reason": "",
    }
    assert (rows[1]["seconds"], rows[1]["peak_mb"], rows[1]["delegated"]) == (
        5.6265808,
        2400.5,
        "1020/? in 2",
    )
    log = phone.log.read_text().splitlines()
    assert all(line.startswith("-s R5 ") for line in log)
    assert sum("push" in line for line in log) == 2
    assert sum("--num_runs=3" in line for line in log) == 2
    assert run_verb(cli.app, command) == ExitCode.DONE
    assert "Pixel 9  Tensor G4  gpu  4.100    530      1023/1023 in 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("ERROR: Failed to allocate: CL_OUT_OF_RESOURCES", 1, "out of memory"),
        ("Killed", 137, "out of memory"),
        ("ERROR: Benchmarking failed.", 1, "exit code 1: ERROR: Benchmarking failed."),
        ("", 0, "exit code 0: no message"),
    ],
)
def test_a_gpu_that_fails(
    text: str, code: int, reason: str, phone: Phone, capsys: pytest.CaptureFixture[str]
) -> None:
    phone.plug_in(text, gpu_code=code, chipset="")
    gpu, cpu = adb.benchmark_device(phone.model, phone.settings())
    assert (gpu.seconds, gpu.reason, gpu.delegated, gpu.chipset) == (None, reason, "none", "zumapro")
    assert cpu.seconds is not None
    _, shown, exit_code = adb.report([gpu, cpu])
    assert reason in shown
    assert exit_code == ExitCode.ITEMS_FAILED


def test_no_phone(phone: Phone) -> None:
    phone.plug_in(push="echo 'adb: no devices/emulators found'; exit 1")
    with pytest.raises(InvalidInput, match=r"no devices/emulators found \(is the phone connected"):
        adb.benchmark_device(phone.model, phone.settings())


def test_no_file(phone: Phone) -> None:
    phone.plug_in()
    phone.tool.unlink()
    with pytest.raises(InvalidInput, match="tool: no such file"):
        adb.benchmark_device(phone.model, phone.settings())
    assert not phone.log.exists()


def test_no_answer(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    phone.plug_in()
    (phone.folder / "adb").write_text("#!/bin/sh\nexec sleep 30\n")
    monkeypatch.setattr(adb, "TIMEOUT_S", 0.2)
    with pytest.raises(InvalidInput, match=r"no answer in 0 s"):
        adb.benchmark_device(phone.model, phone.settings())


def test_without_adb_the_commands_are_printed(phone: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["benchmark-device", str(phone.model), "--benchmark-model", str(phone.tool)]
    assert run_verb(cli.app, command) == ExitCode.DONE
    *script, after = capsys.readouterr().out.splitlines()
    assert after.startswith("# next: "), "a comment: the output is a script"
    lines = [shlex.split(line) for line in script]
    assert lines == adb.commands(phone.model, phone.settings())
    assert ["adb", "push", str(phone.model), f"{adb.FOLDER}/model.tflite"] in lines
    assert "--use_gpu=true" in lines[-2][-1]
    assert "--num_threads=4" in lines[-1][-1]
    assert run_verb(cli.app, [*command, "--adb", "--json"]) == ExitCode.MISSING
    assert json.loads(capsys.readouterr().out)["error"] == "adb is not installed"


def test_a_missing_file_gives_no_commands(phone: Phone, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_verb(cli.app, ["benchmark-device", str(phone.folder)]) == ExitCode.INVALID_INPUT
    phone.model.unlink()
    assert run_verb(cli.app, ["benchmark-device", str(phone.model)]) == ExitCode.INVALID_INPUT
    assert run_verb(cli.app, ["benchmark-device", str(phone.tool)]) == ExitCode.INVALID_INPUT
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"ebb-train: {phone.folder}: a folder, not a file",
        f"ebb-train: {phone.model}: no such file",
        f"ebb-train: {phone.tool}: not a TFLite file (ebb-train export-tflite writes one)",
    ]


def test_refused_settings() -> None:
    with pytest.raises(UsageError, match="at least 1"):
        DeviceSettings(runs=0)
