"""Checks of a training run that do without PyTorch, whose import takes seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb_train import optional
from ebb_train.data.sources import open_source
from ebb_train.settings import read_schedule

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.settings import FitSettings


def check_inputs(dataset: Path, settings: FitSettings) -> None:
    """Report a wrong path, then a missing package, before anything heavy is imported.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder.
        settings: Those of the run; its schedule may be a file.

    Raises:
        UsageError: there is no such schedule.
        InvalidInput: the data set is broken or has no train pairs.
        MissingDependency: PyTorch Lightning Fabric is not installed.
    """
    read_schedule(settings.schedule)
    open_source(dataset)
    optional.fabric()
