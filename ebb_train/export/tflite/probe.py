"""Run a TFLite file in a separate process.

A separate process is necessary to measure the peak memory of the file, to survive crashes caused by a file or
driver, and to capture LiteRT's log. This module is also the program that runs there.
"""

from __future__ import annotations

import json
import re
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.documents import parse_json
from ebb.errors import EbbError, InvalidInput, MissingDependency
from ebb.files import cannot_write
from ebb.temporary import temporary_folder
from ebb_train.export.tflite.runtime import open_runner
from ebb_train.memory import peak_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb_train.export.tflite.runtime import Engine

TIMEOUT_S = 1800.0

DRIVER_HINT = "install a Vulkan driver; docs/export.md explains how to install a software driver"

_NO_GPU = "Failed to initialize WebGPU environment"
_DEVICE = re.compile(r"Selected adapter: (.*?), arch=")
_PARTITION = re.compile(
    r"\d+ operations will run on the GPU, and the remaining \d+ operations will run on the CPU"
)
"""Patterns of lines about GPUs in LiteRT's log."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Result of a run."""

    engine: Engine
    threads: int
    pictures: list[NDArray[np.float32]]
    """One picture per photo."""
    seconds: list[float]
    """Time of each run after a warm-up run."""
    peak_bytes: int
    """Peak resident memory, including Python and LiteRT."""
    device: str = ""
    """Name of the GPU according to its driver."""

    @property
    def median_s(self) -> float:
        """Median of the timed runs."""
        return statistics.median(self.seconds)

    @property
    def iqr_s(self) -> float:
        """Third minus first quartile; 0 for a single run."""
        if len(self.seconds) < 2:
            return 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return high - low


def probe(
    path: Path,
    engine: Engine,
    *,
    threads: int = 1,
    photos: Sequence[NDArray[np.float32]] = (),
    runs: int = 0,
) -> Probe:
    """Load a file, run it on photos, and then measure runs on noise.

    Args:
        path: The file.
        engine: Interpreter or accelerator.
        threads: Number of threads.
        photos: Inputs of the shape of the file.
        runs: Number of timed runs.

    Raises:
        InvalidInput: LiteRT refuses the file, crashes on it, or does not finish.
        MissingDependency: LiteRT is not installed, or there is no driver for a GPU.
        OutputError: the folder for temporary files is full.
    """
    with temporary_folder("probe") as folder:
        for number, photo in enumerate(photos):
            _save(folder / f"in{number}.npy", np.ascontiguousarray(photo, np.float32))
        job = {
            "path": str(path.absolute()),
            "engine": engine,
            "threads": threads,
            "folder": str(folder),
            "photos": len(photos),
            "runs": runs,
        }
        found = _run_child(job, path)
        pictures = [np.load(folder / f"out{number}.npy") for number in range(len(photos))]
    return Probe(engine=engine, threads=threads, pictures=pictures, **found)


def _save(path: Path, values: NDArray[np.float32]) -> None:
    try:
        np.save(path, values)
    except OSError as error:
        raise cannot_write(path, error) from error


def _run_child(job: dict[str, Any], path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, json.dumps(job)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise InvalidInput(f"LiteRT ran it for more than {TIMEOUT_S:.0f} s", path=path) from error
    last_line = (child.stdout.splitlines() or ["null"])[-1]
    answer = parse_json(last_line, path) if child.returncode == 0 else None
    if answer is None:
        reason = (child.stderr.strip().splitlines() or ["no message"])[-1]
        if child.returncode == -signal.SIGKILL:
            reason = "killed, perhaps by the system for lack of memory"
        raise InvalidInput(f"LiteRT crashed on it (exit code {child.returncode}): {reason}", path=path)
    if "error" in answer:
        raise _refusal(answer["error"], child.stderr, path)
    if device := _DEVICE.search(child.stderr):
        answer["device"] = device[1]
    return dict(answer)


def _refusal(message: str, log: str, path: Path) -> EbbError:
    """Explain an error that only names a location in LiteRT's source."""
    if _NO_GPU in log:
        return MissingDependency("LiteRT finds no driver for a GPU", hint=DRIVER_HINT)
    said = [message.strip().splitlines()[-1].removeprefix("└ "), *_PARTITION.findall(log)[:1]]
    return InvalidInput(f"LiteRT cannot run it: {'; '.join(said)}", path=path)


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Run a job in this process."""
    runner, shape = open_runner(Path(job["path"]), job["engine"], job["threads"])
    folder = Path(job["folder"])
    for number in range(job["photos"]):
        np.save(folder / f"out{number}.npy", runner(np.load(folder / f"in{number}.npy")))
    photo = np.random.default_rng(0).random(shape, np.float32)
    seconds = []
    for _ in range(job["runs"] + 1 if job["runs"] else 0):
        start = time.perf_counter()
        runner(photo)
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[1:], "peak_bytes": peak_bytes()}


def main(arguments: Sequence[str]) -> None:
    """Print the result of a job as one line of JSON."""
    try:
        answer = work(parse_json(arguments[0]))
    except EbbError as error:
        answer = {"error": error.message}
    except (RuntimeError, ValueError) as error:
        answer = {"error": str(error)}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
