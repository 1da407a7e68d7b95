"""Input and output of a runner: one outcome an item, also for one that fails."""

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
    """The value a function returns for one item, and the files it wrote."""

    value: T_co
    outputs: Mapping[str, str] = field(default_factory=dict)
    """File name → SHA-256."""


class Work(Protocol[Job_contra, T_co]):
    """A stage's function for one item: picklable; raises :class:`~ebb.errors.ItemError` to refuse it."""

    def __call__(self, job: Job_contra, /) -> Result[T_co]:
        """Process one item."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[Job, T]):
    """How one item ended."""

    job: Job
    status: Status
    reason: Reason | None = None
    detail: str = ""
    value: T | None = None
    """The result of the item; ``None`` where it failed."""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Measurements that the rule compared when it rejected the item."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
