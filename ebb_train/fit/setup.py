"""What a run needs before its first step: devices that are there, batches that divide, a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

from ebb.errors import EbbError, MissingDependency, UsageError
from ebb_train import optional
from ebb_train.fit.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb_train.settings import ComputeSettings, FitSettings, Schedule

_PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def launch(settings: FitSettings, compute: ComputeSettings) -> Fabric:
    """Find the devices; with several of them this is where the other processes start.

    Raises:
        MissingDependency: Lightning Fabric or a GPU is missing.
        UsageError: the precision does not go with the device.
    """
    fabric_class = optional.fabric().Fabric
    has_gpu = torch.cuda.is_available()
    device = ("cuda" if has_gpu else "cpu") if compute.device == "auto" else compute.device
    if device == "cuda" and (not has_gpu or torch.cuda.device_count() < compute.devices):
        raise MissingDependency(f"{torch.cuda.device_count()} GPUs are there", hint="--device cpu")
    if device == "cpu" and settings.precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU", hint="fp32 or bf16")
    fabric: Fabric = fabric_class(
        accelerator=device,
        devices=compute.devices,
        num_nodes=compute.nodes,
        precision=_PRECISIONS[settings.precision],
    )
    fabric.launch()
    return fabric


def claim(fabric: Fabric, out: Path, identity: Mapping[str, Any]) -> RunFolder | None:
    """Take the run folder; one rank does it and gets it, and all hear of it when that fails.

    Raises:
        EbbError: as :class:`~ebb_train.fit.run_folder.RunFolder`.
    """
    folder, trouble = None, None
    if fabric.is_global_zero:
        try:
            folder = RunFolder(out, identity)
        except EbbError as error:
            trouble = error
    trouble = fabric.broadcast(trouble)
    if trouble is not None:
        raise trouble
    return folder


def check_batches(schedule: Schedule, ranks: int) -> None:
    """Refuse batches that do not divide among the devices.

    Raises:
        UsageError: one does not.
    """
    for row in schedule.rows:
        if row.batch % ranks:
            raise UsageError(
                f"level {row.level}: a batch of {row.batch} does not divide among {ranks} devices"
            )
