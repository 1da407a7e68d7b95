"""Stages of the networks beside PyNET, and schedules in TOML files."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ebb.documents import read_toml
from ebb.errors import UsageError
from ebb.settings import from_values
from ebb_train.settings import SCHEDULES, LevelPlan, LevelSchedule, LossWeights, Plan, Schedule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PlanType = TypeVar("PlanType", bound=Plan)
ScheduleType = TypeVar("ScheduleType", bound=Schedule)

SCALES = (1, 2, 4)
"""Factors by which a stage may reduce photos."""
SHORT = 10
"""How many times fewer iterations the schedule ``short`` has."""
SMOKE_ITERATIONS, SMOKE_BATCH, SMOKE_CROP = 200, 2, 128
"""Of each stage of the schedule ``smoke``."""

_COMMON = tuple(field.name for field in dataclasses.fields(Plan))
_PART = r"[A-Za-z_]\w*(\.\w+)*"


@dataclass(frozen=True, kw_only=True)
class StagePlan(Plan):
    """Training parameters of one stage of a network.

    A stage trains the whole network, or a part of it that makes a picture of its own: a member of an
    ensemble, the first of two networks in series.
    """

    number: int = 1
    """Place in the schedule, from 1."""
    count: int = 1
    """Number of stages of the schedule."""
    name: str = ""
    """What the stage does, for its readers."""
    scale: int = 1
    """Photos are reduced by this factor first: 1, 2 or 4."""
    part: str = ""
    """Name of the module that is trained alone, such as members.0; empty: the whole network."""
    copy: str = ""
    """Initial weights of parts, as second=first: a copy of those of another part."""

    @property
    def key(self) -> str:
        """``stage-1``, ``stage-2``, …."""
        return f"stage-{self.number}"

    @property
    def is_last(self) -> bool:
        """Whether it is the last one of the schedule."""
        return self.number == self.count

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale not in SCALES:
            raise UsageError(f"{self.title}: scale {self.scale}", hint="1, 2 or 4")
        if not re.fullmatch(rf"({_PART})?", self.part) or not re.fullmatch(rf"({_PART}={_PART})?", self.copy):
            message = f"{self.title}: part {self.part!r}, copy {self.copy!r}"
            raise UsageError(message, hint='part = "members.0", copy = "second=first"')


@dataclass(frozen=True)
class StageSchedule(Schedule):
    """Training parameters of all stages of a network; they are numbered here."""

    rows: tuple[StagePlan, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise UsageError("a schedule without stages")
        numbered = tuple(
            replace(row, number=number, count=len(self.rows)) for number, row in enumerate(self.rows, start=1)
        )
        object.__setattr__(self, "rows", numbered)

    def presets(self) -> dict[str, StageSchedule]:
        """This schedule, as ``paper``; a tenth of its iterations; and one of some minutes on a CPU."""
        short = [replace(row, iterations=max(1, row.iterations // SHORT)) for row in self.rows]
        smoke = [
            replace(
                row,
                iterations=SMOKE_ITERATIONS,
                batch=SMOKE_BATCH,
                crop=SMOKE_CROP,
                loss=replace(row.loss, vgg=0.0) if _has_others(row.loss) else row.loss,
            )
            for row in self.rows
        ]
        return {"paper": self, "short": StageSchedule(tuple(short)), "smoke": StageSchedule(tuple(smoke))}


def _has_others(loss: LossWeights) -> bool:
    """Whether a loss has a term beside VGG's."""
    return any(value for name, value in vars(loss).items() if name != "vgg")


def read_schedule(name: str) -> LevelSchedule:
    """Find a schedule of PyNET by name, or read it from a TOML file with one ``[[level]]`` table per level.

    The keys of a table are ``level``, ``iterations``, ``batch``, and optionally ``learning_rate``, ``crop``,
    ``adam``, ``epsilon`` and ``loss = { l1 = 10.0, ssim = 10.0, vgg = 0.1 }``.

    Raises:
        UsageError: the name or file does not exist, or the file is not a valid schedule.
    """
    return _find(name, SCHEDULES, LevelPlan, LevelSchedule, "level")


def read_stages(name: str, default: StageSchedule) -> StageSchedule:
    """Find a schedule of another network by name, or read it from a TOML file with ``[[stage]]`` tables.

    The keys of a table are ``iterations``, ``batch``, and optionally those of :class:`StagePlan`; the tables
    are in the order of the stages.

    Args:
        name: paper, short, smoke, or a TOML file.
        default: The schedule of the network: ``paper``.

    Raises:
        UsageError: as :func:`read_schedule`.
    """
    return _find(name, default.presets(), StagePlan, StageSchedule, "stage")


_WHOSE_TABLES = "[[level]] is for PyNET, [[stage]] for the other networks"


def _find(
    name: str,
    presets: Mapping[str, ScheduleType],
    plan: type[PlanType],
    schedule: type[ScheduleType],
    table: str,
) -> ScheduleType:
    if name in presets:
        return presets[name]
    path = Path(name)
    if path.suffix != ".toml":
        raise UsageError(f"no schedule {name!r}", hint=f"one of: {', '.join(presets)}, or a .toml file")
    values = read_toml(path, "the schedule")
    if set(values) != {table} or not isinstance(values[table], list):
        raise UsageError(f"a schedule must contain only [[{table}]] tables", path=path, hint=_WHOSE_TABLES)
    try:
        return schedule(_plans(values[table], plan, table))
    except UsageError as error:
        raise UsageError(error.message, path=path, hint=error.hint) from error


def _plans(tables: Sequence[object], plan: type[PlanType], table: str) -> tuple[PlanType, ...]:
    return tuple(_plan(values, plan, table) for values in tables)


def _plan(row: object, plan: type[PlanType], table: str) -> PlanType:
    fields = [field for field in dataclasses.fields(plan) if field.name not in ("number", "count")]
    fields.sort(key=lambda field: field.name in _COMMON)
    known = [field.name for field in fields]
    if not isinstance(row, dict):
        raise UsageError(f"{row!r} is not a [[{table}]] table")
    required = {field.name for field in fields if field.default is dataclasses.MISSING}
    if odd := sorted((set(row) - set(known)) | (required - set(row))):
        raise UsageError(
            f"{'missing' if odd[0] in required else 'unknown'} key {odd[0]!r} in [[{table}]]",
            hint=f"known: {', '.join(known)}",
        )
    plain = {name: value for name, value in row.items() if name != "loss"}
    return from_values(plan, plain | {"loss": _loss(row.get("loss", {}))})


def _loss(values: object) -> LossWeights:
    known = [field.name for field in dataclasses.fields(LossWeights)]
    if not isinstance(values, dict) or not set(values) <= set(known):
        raise UsageError(f"loss = {values!r}", hint=f"known: {', '.join(known)}")
    return from_values(LossWeights, values)
