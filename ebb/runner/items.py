"""What goes into a runner and what comes out: one outcome an item, whatever happened to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.errors import Reason, Status

Job = TypeVar("Job")
T = TypeVar("T")
Job_contra = TypeVar("Job_contra", contravariant=True)
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Result(Generic[T_co]):
    """What a function made of one item, and the files it wrote for it."""

    value: T_co
    outputs: Mapping[str, str] = field(default_factory=dict)
    """File name → SHA-256."""


class Work(Protocol[Job_contra, T_co]):
    """A stage's function for one item: picklable, raises :class:`~ebb.errors.ItemError` to say no."""

    def __call__(self, job: Job_contra, /) -> Result[T_co]:
        """Do one item."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[Job, T]):
    """How one item ended."""

    job: Job
    status: Status
    reason: Reason | None = None
    detail: str = ""
    value: T | None = None
    """What the item gave; ``None`` where it failed."""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """What the rule that rejected the item looked at."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
