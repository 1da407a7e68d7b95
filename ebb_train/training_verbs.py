"""The verb ``ebb-train fit``: its flags, and which network they mean."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated

from ebb.command import Output, flags
from ebb.errors import ExitCode, UsageError
from ebb.weights_verbs import Printed  # noqa: TC001 - cyclopts reads the annotations
from ebb_train import next_steps
from ebb_train.models.pynet import PAPER, PyNetConfig
from ebb_train.networks.registry import PYNET, check_name
from ebb_train.networks.spec import NetworkConfig
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings

if TYPE_CHECKING:
    from ebb_train.networks.files import Config


def fit(
    dataset: Path,
    /,
    *,
    out: Path,
    model: str = PYNET,
    config: Annotated[PyNetConfig, flags("Network")] = PAPER,
    settings: Annotated[FitSettings, flags("Training")] = FitSettings(),
    compute: Annotated[ComputeSettings, flags("Compute")] = ComputeSettings(),
    monitor: Annotated[MonitorSettings, flags("Log")] = MonitorSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Train a network on a data set, PyNET level by level from 7 to 1; the same command resumes a run.

    Example: ebb-train fit dataset --out runs/smoke --schedule smoke --width 0.125

    Example: ebb-train fit dataset --out runs/dmshn --model dmshn --schedule short

    Args:
        dataset: A dataset folder of ebb, its folder of shards, or an EBB! folder.
        out: Run folder: checkpoints, log, pictures, report.html, and the weights of each finished stage.
        model: pynet, bokehlicious-small, dbsi-style, dbsi-style-thin, dddf, dmshn, stacked-dmshn,
            xiong-style, xiong-style-thin, yang-style, yang-style-thin or zheng-style. Of the flags below,
            --width is for all of them, the other ones of the network are for pynet.
    """
    chosen = network_of(model, config)
    from ebb_train.training.early_checks import check_inputs

    check_inputs(dataset, settings, model)
    from ebb_train.training.training import fit as run_training

    console = output.console()
    report = run_training(
        dataset, out, chosen, settings, compute, monitor, progress=console.progress(), note=console.note
    )
    if report.rank == 0:
        is_complete = not isinstance(chosen, PyNetConfig) or chosen.level == 1
        after = next_steps.after_fit(out, dataset, is_complete=is_complete)
        console.result(report.as_dict(), report.text(), look_at=[report.page], next_step=after)
    return ExitCode.DONE


def network_of(model: str, config: PyNetConfig) -> Config:
    """The network that the flags mean.

    Args:
        model: Its name.
        config: The flags of PyNET; of other networks only the width counts.

    Raises:
        UsageError: there is no such network, or a flag is PyNET's alone.
    """
    check_name(model)
    if model == PYNET:
        return config
    usual = replace(PAPER, width=config.width)
    odd = [
        field.name for field in fields(config) if getattr(config, field.name) != getattr(usual, field.name)
    ]
    if odd:
        flag = f"--{odd[0].replace('_', '-')}"
        raise UsageError(
            f"{flag} is for PyNET, and the network is {model}", hint="leave it away, or --model pynet"
        )
    return NetworkConfig(model=model, width=config.width)
