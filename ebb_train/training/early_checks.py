"""Checks of a training run that do without PyTorch, whose import takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb_train import optional
from ebb_train.data.sources import open_source
from ebb_train.networks.registry import PYNET, check_name
from ebb_train.stages import read_schedule

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.settings import FitSettings


def check_inputs(dataset: Path, settings: FitSettings, model: str = PYNET) -> None:
    """Report a wrong name or path, then a missing package, before anything heavy is imported.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder.
        settings: Those of the run; its schedule may be a file.
        model: Name of the network. The schedules of others than PyNET are described by PyTorch's modules, and
            are checked later.

    Raises:
        UsageError: there is no such network or schedule.
        InvalidInput: the data set is broken or has no train pairs.
        MissingDependency: PyTorch Lightning Fabric is not installed.
    """
    check_name(model)
    if model == PYNET:
        read_schedule(settings.schedule)
    open_source(dataset)
    optional.fabric()
