"""The context of a training run: everything it computes with, checked before the first step."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ebb.settings import as_dict
from ebb_train.data.dataset import full_height
from ebb_train.data.reduced import depth_of
from ebb_train.data.sources import open_source
from ebb_train.losses import find_vgg
from ebb_train.settings import MonitorSettings, read_schedule
from ebb_train.training.setup import check_batches, claim, launch, one_voice
from ebb_train.training.validation import find_validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb_train.data.sources import Source
    from ebb_train.models.pynet import PyNetConfig
    from ebb_train.models.vgg import Vgg19
    from ebb_train.settings import ComputeSettings, FitSettings, LevelPlan, Schedule
    from ebb_train.training.run_folder import RunFolder
    from ebb_train.training.validation import Validator

DEFAULT_MONITOR = MonitorSettings()


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Data, settings and devices shared by all levels of a run."""

    out: Path
    """The run folder."""
    source: Source
    """The training pairs."""
    config: PyNetConfig
    """Of the last level."""
    schedule: Schedule
    """Down to the last level, with all crops."""
    settings: FitSettings
    compute: ComputeSettings
    fabric: Fabric
    """Launched."""
    vgg: Vgg19 | None
    """If a level has the VGG term."""
    validator: Validator
    identity: dict[str, Any]
    """See :func:`run_identity`."""
    folder: RunFolder | None
    """Held by rank 0, which writes; None in all others."""


@contextmanager
def open_context(
    dataset: Path,
    out: Path,
    config: PyNetConfig,
    settings: FitSettings,
    compute: ComputeSettings,
    monitor: MonitorSettings = DEFAULT_MONITOR,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[TrainingContext]:
    """Check the settings and the data set, start all processes, and lock the run folder.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder; its train pairs are used.
        out: The run folder.
        config: The network, and the last level to train.
        settings: Settings that determine the result.
        compute: Settings that do not.
        monitor: Settings of logging and validation.
        note: Called with one line of text for the user.

    Raises:
        EbbError: as :func:`ebb_train.training.training.fit`.
    """
    schedule = read_schedule(settings.schedule).down_to(config.level).with_vgg(settings.vgg_weight)
    source = open_source(dataset)
    if config.in_channels == 4:
        depth_of(source.read(0), source.folder)  # missing depth is reported before a run folder is made
    schedule = schedule.with_crop(settings.crop, full_height(source))
    check_batches(schedule, compute)
    validator = find_validator(dataset, monitor, note)
    needs_vgg = any(row.loss.vgg for row in schedule.rows)
    vgg = find_vgg(compute.vgg_weights, settings.vgg_input) if needs_vgg else None
    fabric = launch(settings, compute)
    settings = replace(settings, weight_init=settings.weight_init_of(config.width))
    identity = run_identity(config, schedule, settings, source)
    folder = claim(fabric, out, identity)
    with closing(folder) if folder else nullcontext(), one_voice(fabric):
        yield TrainingContext(
            out=out,
            source=source,
            config=config,
            schedule=schedule,
            settings=settings,
            compute=compute,
            fabric=fabric,
            vgg=vgg,
            validator=validator,
            identity=identity,
            folder=folder,
        )


def run_identity(
    config: PyNetConfig, schedule: Schedule, settings: FitSettings, source: Source
) -> dict[str, Any]:
    """Settings and data of a run as plain values, without paths and devices; it resumes only with these."""
    values = as_dict(settings)
    for name in ("schedule", "vgg_weight", "crop"):  # they are in the rows
        values.pop(name, None)
    return {
        "network": config.as_dict(),
        "schedule": {str(row.level): _row_values(row) for row in schedule.rows},
        "settings": values,
        "dataset": {"sha256": source.fingerprint(), "pairs": len(source)},
    }


def _row_values(row: LevelPlan) -> dict[str, Any]:
    """The row; without its decay if there is none, as in runs of before there was one."""
    values = as_dict(row)
    return values if row.decay != "none" else {name: values[name] for name in values if name != "decay"}
