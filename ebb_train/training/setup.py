"""Set up a run: check devices and batches, lock the run folder, report errors from one process."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

from ebb.errors import EbbError, ExitCode, MissingDependency, UsageError
from ebb.stop import Terminated
from ebb_train import optional
from ebb_train.training.run_folder import RunFolder
from ebb_train.training.trainer import Diverged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb_train.settings import ComputeSettings, FitSettings, Schedule

_PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


class ProcessLost(EbbError):
    """Another process of the run has ended; if it failed, it has printed its own error."""

    exit_code = ExitCode.ITEMS_FAILED


_LAUNCHER_VARIABLES = (
    "LOCAL_WORLD_SIZE", "WORLD_SIZE", "RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "MASTER_PORT",
)  # fmt: skip
"""Whole numbers that ``torchrun`` and Lightning pass to the processes of a run."""


def as_launched(compute: ComputeSettings) -> ComputeSettings:
    """Return the settings with the number of processes that ``torchrun`` has started, if it was used.

    Raises:
        UsageError: its environment variables hold something else.
    """
    for name in _LAUNCHER_VARIABLES:
        if not os.environ.get(name, "0").isdecimal():
            raise _bad_variable(name)
    local, world = (int(os.environ.get(name, "0")) for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    if not local:
        return compute
    if world < local or world % local:
        raise _bad_variable("WORLD_SIZE")
    return replace(compute, devices=local, nodes=world // local)


def _bad_variable(name: str) -> UsageError:
    return UsageError(
        f"the environment variable {name} is {os.environ.get(name, 'not set')!r}",
        hint="torchrun sets it to a whole number; without torchrun, unset RANK, WORLD_SIZE and the like",
    )


def is_first_here() -> bool:
    """Whether this is the first process of the run on this machine; known before :func:`launch`."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def launch(settings: FitSettings, compute: ComputeSettings) -> Fabric:
    """Find the devices, and start the other processes if there are several.

    Raises:
        MissingDependency: Lightning Fabric or a GPU is missing.
        UsageError: the precision does not go with the device.
    """
    fabric_class = optional.fabric().Fabric
    has_gpu = torch.cuda.is_available()
    device = ("cuda" if has_gpu else "cpu") if compute.device == "auto" else compute.device
    if device == "cuda" and (not has_gpu or torch.cuda.device_count() < compute.devices):
        message = f"{compute.devices} GPUs are asked for, and PyTorch sees {torch.cuda.device_count()}"
        raise MissingDependency(message, hint="fewer --devices, or --device cpu")
    if device == "cpu" and settings.precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU", hint="fp32 or bf16")
    try:
        fabric: Fabric = fabric_class(
            accelerator=device,
            devices=compute.devices,
            num_nodes=compute.nodes,
            precision=_PRECISIONS[settings.precision],
        )
    except (ValueError, KeyError) as error:  # such as variables of a batch system
        raise UsageError(f"Lightning cannot read the environment of this job: {error}") from error
    fabric.launch()
    return fabric


def claim(fabric: Fabric, out: Path, identity: Mapping[str, Any]) -> RunFolder | None:
    """Lock the run folder in rank 0, which gets it; all ranks end if that fails.

    Raises:
        EbbError: as :class:`~ebb_train.training.run_folder.RunFolder`; the other ranks exit silently.
    """
    folder, trouble = None, None
    if fabric.is_global_zero:
        try:
            folder = RunFolder(out, identity)
        except EbbError as error:
            trouble = error
    if trouble is not None:
        fabric.broadcast(trouble.exit_code)
        raise trouble
    if (exit_code := fabric.broadcast(ExitCode.DONE)) != ExitCode.DONE:
        raise SystemExit(exit_code)
    return folder


@contextmanager
def one_voice(fabric: Fabric) -> Iterator[None]:
    """Let rank 0 alone report what ends all ranks: a signal, divergence, a lost process.

    Raises:
        Diverged: in rank 0.
        ProcessLost: in rank 0, if others have ended.
    """
    try:
        yield
    except (Diverged, KeyboardInterrupt, Terminated) as error:
        if fabric.is_global_zero:
            raise
        raise SystemExit(_exit_code(error)) from None
    except RuntimeError as error:
        if fabric.world_size == 1 or not _is_from_others(error):
            raise
        if not fabric.is_global_zero:
            raise SystemExit(ProcessLost.exit_code) from error
        hint = "see its error; the same command resumes from the last checkpoint"
        raise ProcessLost("another process of this run has ended", hint=hint) from error


def _exit_code(error: BaseException) -> ExitCode:
    if isinstance(error, Diverged):
        return error.exit_code
    return ExitCode.TERMINATED if isinstance(error, Terminated) else ExitCode.INTERRUPTED


def _is_from_others(error: RuntimeError) -> bool:
    """Whether a collective operation failed, not a computation; Gloo has no exception of its own."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def check_batches(schedule: Schedule, compute: ComputeSettings) -> None:
    """Refuse batches that cannot be divided equally among the devices.

    Raises:
        UsageError: one does not.
    """
    ranks = compute.devices * compute.nodes
    for row in schedule.rows:
        if row.batch % ranks:
            raise UsageError(f"{row.title}: a batch of {row.batch} does not divide among {ranks} devices")
