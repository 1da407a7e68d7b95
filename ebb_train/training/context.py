"""The context of a training run: everything it computes with, checked before the first step."""

from __future__ import annotations

from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebb.settings import as_dict
from ebb_train.data.dataset import full_height
from ebb_train.data.sources import open_source
from ebb_train.losses import find_vgg
from ebb_train.models.pynet import PyNetConfig
from ebb_train.settings import MonitorSettings
from ebb_train.training.network_stages import NetworkStages
from ebb_train.training.pynet_levels import PyNetLevels
from ebb_train.training.setup import check_batches, claim, launch, one_voice
from ebb_train.training.validation import find_validator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lightning_fabric import Fabric

    from ebb_train.data.sources import Source
    from ebb_train.models.vgg import Vgg19
    from ebb_train.networks.files import Config
    from ebb_train.settings import ComputeSettings, FitSettings, Plan, Schedule
    from ebb_train.training.architecture import Architecture
    from ebb_train.training.run_folder import RunFolder
    from ebb_train.training.validation import Validator

DEFAULT_MONITOR = MonitorSettings()


@dataclass(frozen=True, kw_only=True)
class TrainingContext:
    """Data, settings and devices shared by all stages of a run."""

    out: Path
    """The run folder."""
    source: Source
    """The training pairs."""
    architecture: Architecture
    """What is trained."""
    schedule: Schedule
    """With all crops."""
    settings: FitSettings
    compute: ComputeSettings
    fabric: Fabric
    """Launched."""
    vgg: Vgg19 | None
    """If a stage has the VGG term."""
    validator: Validator
    identity: dict[str, Any]
    """See :func:`run_identity`."""
    folder: RunFolder | None
    """Held by rank 0, which writes; None in all others."""


@contextmanager
def open_context(
    dataset: Path,
    out: Path,
    config: Config,
    settings: FitSettings,
    compute: ComputeSettings,
    monitor: MonitorSettings = DEFAULT_MONITOR,
    note: Callable[[str], None] = lambda _: None,
) -> Iterator[TrainingContext]:
    """Check the settings and the data set, start all processes, and lock the run folder.

    Args:
        dataset: A dataset folder, its folder of shards, or an EBB! folder; its train pairs are used.
        out: The run folder.
        config: The network; of PyNET also the last level to train.
        settings: Settings that determine the result.
        compute: Settings that do not.
        monitor: Settings of logging and validation.
        note: Called with one line of text for the user.

    Raises:
        EbbError: as :func:`ebb_train.training.training.fit`.
    """
    source = open_source(dataset)
    # what is missing is reported before a run folder is made
    architecture = find_architecture(config).for_data(source)
    schedule = architecture.schedule(settings).with_vgg(settings.vgg_weight)
    schedule = schedule.with_crop(settings.crop, full_height(source))
    architecture.check_sizes(schedule)
    check_batches(schedule, compute)
    validator = find_validator(dataset, monitor, note)
    needs_vgg = any(row.loss.vgg for row in schedule.rows)
    vgg = find_vgg(compute.vgg_weights, settings.vgg_input) if needs_vgg else None
    fabric = launch(settings, compute)
    settings = architecture.settled(settings)
    identity = run_identity(architecture.config, schedule, settings, source)
    folder = claim(fabric, out, identity)
    with closing(folder) if folder else nullcontext(), one_voice(fabric):
        yield TrainingContext(
            out=out,
            source=source,
            architecture=architecture,
            schedule=schedule,
            settings=settings,
            compute=compute,
            fabric=fabric,
            vgg=vgg,
            validator=validator,
            identity=identity,
            folder=folder,
        )


def run_identity(config: Config, schedule: Schedule, settings: FitSettings, source: Source) -> dict[str, Any]:
    """Settings and data of a run as plain values, without paths and devices; it resumes only with these."""
    values = as_dict(settings)
    for name in ("schedule", "vgg_weight", "crop"):  # they are in the rows
        values.pop(name, None)
    return {
        "network": config.as_dict(),
        "schedule": {row.key.removeprefix("level-"): _plain(row) for row in schedule.rows},
        "settings": values,
        "dataset": {"sha256": source.fingerprint(), "pairs": len(source)},
    }


_FIRST_TERMS = ("l1", "ssim", "vgg")
"""Terms of the loss that every ``run.json`` has."""


def _plain(plan: Plan) -> dict[str, Any]:
    """A row of the schedule as plain values, as in runs of before there were decay and further terms.

    A decay and terms that there are not are left out.
    """
    values = as_dict(plan)
    if plan.decay == "none":
        del values["decay"]
    loss = {name: weight for name, weight in values["loss"].items() if weight or name in _FIRST_TERMS}
    return values | {"loss": loss}


def find_architecture(config: Config) -> Architecture:
    """What training has to know of a network."""
    return PyNetLevels(config) if isinstance(config, PyNetConfig) else NetworkStages(config)
