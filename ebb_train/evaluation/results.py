"""Results of ``ebb-train evaluate`` and ``benchmark``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ebb.errors import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import Size
    from ebb_train.baselines.model import Cost
    from ebb_train.evaluation.opinions import PeopleComparison
    from ebb_train.evaluation.published import Published
    from ebb_train.evaluation.scores import Row
    from ebb_train.evaluation.summary import Cell
    from ebb_train.evaluation.timing import Timing


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The scores of one model on one split."""

    name: str
    model: dict[str, Any]
    """Everything that its pictures depend on."""
    split: str
    groups: dict[str, dict[str, str]]
    """Protocol, or ``regions`` → its description."""
    data: str
    """Fingerprint of the pairs."""
    rows: list[Row]
    summary: dict[str, Cell]
    """``protocol.metric`` → mean, or a dash with its reason."""

    @property
    def num_failed(self) -> int:
        """Pairs without scores."""
        return sum(row.status is not Status.OK for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without NaN, paths and values that differ between runs."""
        return {
            "model": self.model,
            "name": self.name,
            "split": self.split,
            "data": self.data,
            "pairs": len(self.rows),
            "failed": failures(self.rows),
            "protocols": self.groups,
            "summary": {name: cell.plain() for name, cell in self.summary.items()},
        }


@dataclass(frozen=True, kw_only=True)
class BenchmarkEntry:
    """One model of a benchmark."""

    name: str
    model: dict[str, Any]
    """Everything that its pictures depend on."""
    cost: Cost
    rows: list[Row]
    summary: dict[str, Cell]
    difference: dict[str, Cell]
    """Paired differences from the first model; empty for the first model."""
    timing: Timing | None = None
    untimed: str = ""
    """Reason if the timing failed."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the timing."""
        return {
            "name": self.name,
            "model": self.model,
            "parameters": self.cost.parameters,
            "multiply_adds": self.cost.multiply_adds,
            "failed": failures(self.rows),
            "summary": {name: cell.plain() for name, cell in self.summary.items()},
            "difference": {name: cell.plain() for name, cell in self.difference.items()},
        }


class LeftOut(NamedTuple):
    """A model of a benchmark that could not render any pair."""

    name: str
    reason: str
    is_failure: bool
    """False if the data set has no depth, which the model needs."""

    def __str__(self) -> str:
        return f"left out: {self.name}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Several models on one split."""

    split: str
    data: str
    """Fingerprint of the pairs."""
    num_pairs: int
    photo: Size
    """Size of the photos of the first pair, for which multiply-adds and timings are given."""
    groups: dict[str, dict[str, str]]
    """Protocol, or ``regions`` → its description."""
    entries: list[BenchmarkEntry]
    published: Sequence[Published] = ()
    left_out: Sequence[LeftOut] = ()
    people: PeopleComparison | None = None
    """Opinions of people on the same pictures, if a study was named."""

    @property
    def num_failed(self) -> int:
        """Pictures without scores, models that could not be timed, and models that failed on every pair."""
        pictures = sum(row.status is not Status.OK for entry in self.entries for row in entry.rows)
        untimed = sum(bool(entry.untimed) for entry in self.entries)
        return pictures + untimed + sum(model.is_failure for model in self.left_out)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the timings."""
        return {
            "split": self.split,
            "data": self.data,
            "pairs": self.num_pairs,
            "photo": list(self.photo),
            "protocols": self.groups,
            "base": self.entries[0].name,
            "models": [entry.as_dict() for entry in self.entries],
            "left_out": {model.name: model.reason for model in self.left_out},
            "as_published": [asdict(table) for table in self.published],
            **({"people": self.people.as_dict()} if self.people else {}),
        }


def failures(rows: Sequence[Row]) -> dict[str, str]:
    """Pairs without scores → reason."""
    return {row.pair_id: f"{row.reason}: {row.detail}" for row in rows if row.reason}
