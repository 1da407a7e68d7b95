"""Arguments shared by verbs of ``ebb``: dataclasses whose fields are flags, with their titles in the help."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Annotated, Literal

from ebb.command import Output, flags
from ebb.hints import DEFAULT_DATASET
from ebb.measurements import Limits
from ebb.settings import (
    AlignSettings,
    DepthSettings,
    IngestSettings,
    PairRunSettings,
    RegistrationSettings,
    RunSettings,
    ShardSettings,
    SimulateSettings,
    WorkerSettings,
)


@dataclass(frozen=True, kw_only=True)
class DatasetOnly:
    """The data set of a verb without settings."""

    dataset: Path = DEFAULT_DATASET
    """The dataset folder."""


@dataclass(frozen=True, kw_only=True)
class ConfigOnly:
    """The settings file of a verb without a dataset folder."""

    config: Path | None = None
    """TOML file with settings."""


@dataclass(frozen=True, kw_only=True)
class Common(DatasetOnly):
    """The data set of a verb and the file with its settings."""

    config: Path | None = None
    """TOML file with settings; they take precedence over ebb.toml in the dataset folder, which keeps the
    settings of the last run. --FLAG=false turns off a flag that is kept there."""


@dataclass(frozen=True, kw_only=True)
class ProfiledLimits(Limits):
    """Limits that a profile may set."""

    profile: Literal["clean", "paper"] | None = None
    """Set all limits that are not set otherwise. clean (default): pairs for measuring methods. paper: pairs
    as in EBB!, with correct registration and any exposure, blur and motion in the scene."""


@dataclass(frozen=True, kw_only=True)
class RealignSettings(RegistrationSettings):
    """Registration of pairs that have the size that a data set stores already."""

    height: int = 0
    """Height of the stored photos in pixels; smaller common crops are rejected. 0: that of the crop."""


def align_settings(registration: RegistrationSettings, limits: ProfiledLimits) -> AlignSettings:
    """Settings of the align stage, of two groups of flags."""
    values = vars(registration) | vars(limits)
    del values["profile"]  # has set the limits
    return AlignSettings(**values)


Pairing = Annotated[IngestSettings, flags("Pairing")]
Registration = Annotated[RegistrationSettings, flags("Alignment")]
Realign = Annotated[RealignSettings, flags("Alignment")]
Gates = Annotated[ProfiledLimits, flags("Limits of rejection")]
Depth = Annotated[DepthSettings, flags("Depth")]
Shards = Annotated[ShardSettings, flags("Shards")]
Scenes = Annotated[SimulateSettings, flags("Scenes")]
Workers = Annotated[WorkerSettings, flags("Workers")]
PairRun = Annotated[PairRunSettings, flags("Workers")]
Run = Annotated[RunSettings, flags("Workers")]
Dataset = Annotated[Common, flags("Data set")]
Printed = Annotated[Output, flags("Output")]
Folder = Annotated[DatasetOnly, flags("Data set")]
ConfigFile = Annotated[ConfigOnly, flags("Data set")]
