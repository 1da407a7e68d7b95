"""Jobs for the worker processes of the runner's tests; importable in a fresh interpreter."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PosixPath
from typing import NoReturn

from ebb.errors import Broken, OutputError, Reason, Rejected, Status
from ebb.runner.items import Result
from ebb.state import Stage


@dataclass(frozen=True)
class Job:
    """One thing to do."""

    pair_id: str
    what: str = "work"
    key: str = "key"
    folder: Path = Path()


@dataclass(frozen=True)
class Done:
    """What was done, and where."""

    name: str
    pid: int
    blas: str | None
    batch: int = 1


DOUBLE = Stage("align", Done)


def work(job: Job) -> Result[Done]:
    """Do what the job says; in a batch, ``finish`` says it is for :func:`finish` to do."""
    match job.what.removeprefix("finish "):
        case "abort":
            os.abort()
        case "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(7)
        case "hang":
            while True:  # busy, as a decoder that hangs
                pass
        case "wait":
            signal.pause()
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "reject":
            raise Rejected(Reason.LOW_OVERLAP, "0.4", measurements={"overlap": 0.4})
        case "broken":
            raise Broken(Reason.UNREADABLE, "no photo", path="a.jpg")
        case "bug":
            raise KeyError("nobody expects this")
        case "memory":
            raise MemoryError
        case "allocate":
            bytearray(1 << 45)
        case "full disk":
            raise OutputError("no space", path="a.png")
    done = Done(job.pair_id, os.getpid(), os.environ.get("OPENBLAS_NUM_THREADS"))
    return Result(value=done, outputs={"doubles.py": "00"})


def together(jobs: Sequence[Job]) -> list[int]:
    """Do all jobs, unless they wait for :func:`finish`; each part is the size of the batch."""
    for job in jobs:
        if job.what == "short":
            return []
        if not job.what.startswith("finish"):
            work(job)
    return [len(jobs)] * len(jobs)


def finish(job: Job, part: int) -> Result[Done]:
    """Do one job of a batch."""
    result = work(job)
    return replace(result, value=replace(result.value, batch=part))


@dataclass
class RecordedProgress:
    """Progress that records its calls."""

    stages: list[str] = field(default_factory=list)
    items: list[tuple[str, Status, Reason | None]] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        self.stages.append(f"{stage} {total}")

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        self.items.append((name, status, reason))

    def tell(self, text: str) -> None:
        self.stages.append(text)

    def finish(self) -> None:
        self.stages.append("done")


class Crashing(PosixPath):
    """A photo whose decoder ends its process."""

    def read_bytes(self) -> bytes:
        os.abort()

    def open(self, *_args: object, **_options: object) -> NoReturn:
        os.abort()


def count_threads(job: Job) -> Result[int]:
    """Threads that a network would get."""
    import torch

    return Result(value=torch.get_num_threads())
