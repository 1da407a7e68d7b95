"""Speed of a file on a phone: Google's ``benchmark_model`` over adb, on the GPU and the CPU.

Rows contain the columns of the paper's table 2 and others: device, chipset, seconds, memory, and how the
delegate partitions the graph.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ebb.errors import ExitCode, InvalidInput, MissingDependency
from ebb.tables import table
from ebb_train.export.tflite.graph import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb_train.export.settings import DeviceSettings

Processor: TypeAlias = Literal["gpu", "cpu"]

FOLDER = "/data/local/tmp/ebb"
"""Folder on a phone from which files can be run."""

TIMEOUT_S = 900.0

_PROPERTIES = {"device": "ro.product.model", "chipset": "ro.soc.model", "board": "ro.board.platform"}

_SECONDS = re.compile(r"Inference \(avg\): ([\d.e+]+)")
_PEAK = re.compile(r"Overall peak memory footprint \(MB\) via periodic monitoring: ([\d.]+)")
_OVERALL = re.compile(r"Memory footprint delta from the start of the tool \(MB\): .*overall=([\d.]+)")
_PARTITIONS = re.compile(
    r"Replacing (\d+) (?:out of (\d+) )?node\(s\) with delegate \((\w+)\) node, yielding (\d+) partitions"
)
_DELEGATES = {"gpu": "TfLiteGpuDelegateV2", "cpu": "TfLiteXNNPackDelegate"}


@dataclass(frozen=True, kw_only=True)
class DeviceRow:
    """One row of the table."""

    device: str
    chipset: str
    unit: Processor
    seconds: float | None
    """Mean of the runs; None if it did not run."""
    peak_mb: float | None
    """Peak memory of the process in MB."""
    delegated: str
    """Operations run by the delegate, of all operations, and number of parts: ``1023/1023 in 1``."""
    reason: str = ""
    """Reason if it did not run."""


def commands(file: Path, settings: DeviceSettings) -> list[list[str]]:
    """The commands in order: two pushes, then one benchmark each for the GPU and the CPU."""
    adb = ["adb", *(["-s", settings.serial] if settings.serial else [])]
    tool, model = f"{FOLDER}/benchmark_model", f"{FOLDER}/model.tflite"
    return [
        [*adb, "shell", f"mkdir -p {FOLDER}"],
        [*adb, "push", str(settings.benchmark_model), tool],
        [*adb, "push", str(file), model],
        [*adb, "shell", f"chmod 755 {tool}"],
        *([*adb, "shell", _benchmark(tool, model, unit, settings)] for unit in _DELEGATES),
    ]


def _benchmark(tool: str, model: str, unit: str, settings: DeviceSettings) -> str:
    common = [tool, f"--graph={model}", f"--num_runs={settings.runs}", "--report_peak_memory_footprint=true"]
    own = (
        ["--use_gpu=true", "--gpu_precision_loss_allowed=true", "--enable_op_profiling=true"]
        if unit == "gpu"
        else [f"--num_threads={settings.threads}", "--use_xnnpack=true"]
    )
    return " ".join([*common, *own])


def as_script(file: Path, settings: DeviceSettings) -> str:
    """The commands as a script.

    Raises:
        InvalidInput: there is no such file, or it is not a TFLite file.
    """
    _require_model(file)
    return "\n".join(shlex.join(command) for command in commands(file, settings))


def adb_is_here() -> bool:
    """Whether ``adb`` is installed."""
    return shutil.which("adb") is not None


def require_adb() -> None:
    """Check that ``adb`` is installed.

    Raises:
        MissingDependency: it is not.
    """
    if not adb_is_here():
        hint = "apt install adb, or omit --adb to print the commands and run them yourself"
        raise MissingDependency("adb is not installed", hint=hint)


def benchmark_device(file: Path, settings: DeviceSettings) -> list[DeviceRow]:
    """Run a file on a phone.

    Returns:
        A row for the GPU and one for the CPU.

    Raises:
        InvalidInput: no phone answers, or the files cannot be transferred.
    """
    *prepare, gpu, cpu = commands(file, settings)
    adb = gpu[: gpu.index("shell")]
    _require_model(file)
    _require_file(settings.benchmark_model)
    facts = {name: _checked([*adb, "shell", f"getprop {key}"]) for name, key in _PROPERTIES.items()}
    for command in prepare:
        _checked(command)
    chipset = facts["chipset"] or facts["board"]
    return [
        _row(facts["device"], chipset, "gpu", *_run(gpu)),
        _row(facts["device"], chipset, "cpu", *_run(cpu)),
    ]


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput("a folder, not a file" if path.is_dir() else "no such file", path=path)


def _require_model(path: Path) -> None:
    _require_file(path)
    with path.open("rb") as file:
        start = file.read(8)
    if start[4:] != IDENTIFIER:
        raise InvalidInput("not a TFLite file", path=path, hint="ebb-train export-tflite writes one")


def _checked(command: Sequence[str]) -> str:
    code, text = _run(command)
    if code:
        hint = "is the phone connected and unlocked, with USB debugging on? See: adb devices"
        raise InvalidInput(f"{shlex.join(command)}: {_last_line(text)}", hint=hint)
    return text.strip()


def _run(command: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no answer in {TIMEOUT_S:.0f} s"
    return done.returncode, done.stdout


def _row(device: str, chipset: str, unit: Processor, code: int, text: str) -> DeviceRow:
    """Parse the output of ``benchmark_model``."""
    seconds, peak = _SECONDS.search(text), _PEAK.search(text) or _OVERALL.search(text)
    ran = code == 0 and seconds is not None
    return DeviceRow(
        device=device,
        chipset=chipset,
        unit=unit,
        seconds=float(seconds[1]) / 1e6 if seconds is not None and ran else None,
        peak_mb=float(peak[1]) if peak is not None else None,
        delegated=_delegated(text, _DELEGATES[unit]),
        reason="" if ran else _failure(code, text),
    )


def _delegated(text: str, delegate: str) -> str:
    for taken, of, name, parts in _PARTITIONS.findall(text):
        if name == delegate:
            return f"{taken}/{of or '?'} in {parts}"
    return "none"


def _failure(code: int, text: str) -> str:
    if code == 137 or "out of memory" in text.lower() or "CL_OUT_OF_RESOURCES" in text:
        return "out of memory"
    return f"exit code {code}: {_last_line(text)}"


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


def report(rows: Sequence[DeviceRow]) -> tuple[dict[str, Any], str, ExitCode]:
    """The rows as plain values and as text, and the exit code."""
    cells = [
        (
            row.device,
            row.chipset,
            row.unit,
            f"{row.seconds:.3f}" if row.seconds is not None else row.reason,
            f"{row.peak_mb:.0f}" if row.peak_mb is not None else "-",
            row.delegated,
        )
        for row in rows
    ]
    text = table(("device", "chipset", "on", "seconds", "peak MB", "delegated"), cells)
    done = all(row.seconds is not None for row in rows)
    code = ExitCode.DONE if done else ExitCode.ITEMS_FAILED
    return {"rows": [asdict(row) for row in rows]}, text, code
