"""Opinions of people beside the metrics of a benchmark: do metrics order pictures as people do?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ebb.errors import UsageError
from ebb_train.evaluation.result_tables import ResultTable, TableCell, TextCell
from ebb_train.evaluation.summary import (
    DASH,
    TITLES,
    Cell,
    finite,
    group_of,
    lower_is_better,
    metric_of,
    title_of,
)
from ebb_train.metrics.aggregate import LEVEL, SEED, Estimate
from ebb_train.optional import scipy_module

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ebb_train.evaluation.scores import Row

DRAWS = 300
"""Number of draws of the bootstrap over images."""

LEAST_PICTURES = 4
"""Number of pictures below which no correlation is given."""

NAMES = ("Spearman", "Kendall", "Pearson")


class MethodOpinion(NamedTuple):
    """What people said about a method."""

    mos: float
    """Mean opinion score, lower is better."""
    low: float
    """Lower end of its 95 % interval over images; NaN if there is none."""
    high: float
    num_images: int
    num_votes: int
    rank: int


@dataclass(frozen=True, kw_only=True)
class StudyOpinions:
    """The scores of a study: of methods, and of their pictures."""

    name: str
    plan_sha256: str
    """Hash of the plan of the study's analysis."""
    methods: Mapping[str, MethodOpinion]
    pictures: Mapping[tuple[str, str], float]
    """(image, method) → mean opinion score."""


class ScoredModel(NamedTuple):
    """What is needed of an entry of a benchmark."""

    name: str
    rows: Sequence[Row]
    summary: Mapping[str, Cell]


class CorrelationWithPeople(NamedTuple):
    """A correlation with its 95 % interval: 1: a metric orders as people do, −1: in the opposite order."""

    value: float
    low: float
    """NaN if there is no interval."""
    high: float

    def __str__(self) -> str:
        return f"{self.value:z.2f}" if math.isfinite(self.value) else DASH

    @property
    def interval(self) -> str:
        """``low … high``; empty if there is none."""
        return f"{self.low:z.2f} … {self.high:z.2f}" if math.isfinite(self.low) else ""


@dataclass(frozen=True, kw_only=True)
class MetricAgreement:
    """How well one metric agrees with people."""

    column: str
    """``protocol.metric``."""
    of_pictures: tuple[CorrelationWithPeople, CorrelationWithPeople, CorrelationWithPeople]
    """Spearman, Kendall (tau-b) and Pearson over all pictures, with intervals by drawing images."""
    of_methods: float
    """Spearman over the means of the methods; NaN for fewer than three."""
    num_pictures: int


@dataclass(frozen=True, kw_only=True)
class PeopleComparison:
    """The opinions of a study beside the scores of a benchmark."""

    opinions: StudyOpinions
    models: tuple[str, ...]
    """Models that the study compares, in the order of the benchmark."""
    metrics: tuple[MetricAgreement, ...]
    num_images: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "study": self.opinions.name,
            "plan_sha256": self.opinions.plan_sha256,
            "images": self.num_images,
            "mos": {
                model: {name: finite(value) for name, value in self.opinions.methods[model]._asdict().items()}
                for model in self.models
            },
            "agreement": {
                one.column: {
                    "pictures": one.num_pictures,
                    "methods_spearman": finite(one.of_methods),
                    **{
                        name.lower(): [finite(number) for number in correlation]
                        for name, correlation in zip(NAMES, one.of_pictures, strict=True)
                    },
                }
                for one in self.metrics
            },
        }


def check_models(opinions: StudyOpinions, labels: Sequence[str]) -> None:
    """Make sure, before pictures are rendered, that the study compares one of the models.

    Raises:
        UsageError: it does not.
    """
    if not set(labels) & set(opinions.methods):
        raise UsageError(
            f"the study {opinions.name} has none of the models, but {', '.join(opinions.methods)}",
            hint="name the models as in the study",
        )


def compare_with_people(models: Sequence[ScoredModel], opinions: StudyOpinions) -> PeopleComparison:
    """Correlate each metric with the mean opinion scores of the same pictures.

    A picture belongs to an image of the study if the image is called after the pair_id, and to a method if
    the model has its name.

    Args:
        models: The models with their scores.
        opinions: The scores of the study.

    Raises:
        MissingDependency: SciPy is not installed.
    """
    known = [model for model in models if model.name in opinions.methods]
    columns = list(known[0].summary) if known else []
    images = {
        row.pair_id for model in known for row in model.rows if (row.pair_id, model.name) in opinions.pictures
    }
    return PeopleComparison(
        opinions=opinions,
        models=tuple(model.name for model in known),
        metrics=tuple(_agreement(column, known, opinions) for column in columns),
        num_images=len(images),
    )


def people_tables(found: PeopleComparison) -> list[ResultTable]:
    """The mean opinion scores of the models, and a table of correlations per protocol."""
    rows: list[tuple[str, list[TableCell]]] = []
    for model in found.models:
        own = found.opinions.methods[model]
        mos = Cell(value=Estimate(mean=own.mos, low=own.low, high=own.high, images=own.num_images))
        rows.append((model, [TextCell(text=str(own.rank)), mos, TextCell(text=str(own.num_votes))]))
    about = f"study {found.opinions.name}, analysis plan {found.opinions.plan_sha256[:16]}"
    scores = ResultTable(
        title="People",
        corner="model",
        heads=["rank", "MOS ↓", "votes"],
        rows=rows,
        notes=[f"Opinions from 0 (almost identical to the target) to 4; {about}."],
    )
    groups = dict.fromkeys(group_of(one.column) for one in found.metrics)
    return [scores, *(_agreement_table(found, group) for group in groups)]


def correlations(
    badness: NDArray[np.float64], mos: NDArray[np.float64], images: Sequence[str], *, seed: int = SEED
) -> tuple[CorrelationWithPeople, CorrelationWithPeople, CorrelationWithPeople]:
    """Spearman's, Kendall's and Pearson's correlation, with percentile intervals by drawing images.

    Pictures of an image are drawn together, because they are not independent.

    Args:
        badness: (P,) a metric, turned so that lower is better.
        mos: (P,) mean opinion scores, lower is better.
        images: Image of each picture.
        seed: Seed of the draws.

    Raises:
        MissingDependency: SciPy is not installed.
    """
    values = _three(badness, mos)
    names, number = np.unique(np.array(images), return_inverse=True)
    members = [np.flatnonzero(number == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS if len(names) > 2 else 0):
        rows = np.concatenate([members[index] for index in rng.integers(len(names), size=len(names))])
        drawn.append(_three(badness[rows], mos[rows]))
    first, second, third = (
        _with_interval(value, np.array([draw[index] for draw in drawn])) for index, value in enumerate(values)
    )
    return first, second, third


def turned(column: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A metric, turned so that lower is better: its negative, or its distance from the ideal value."""
    if "→ 1" in TITLES[metric_of(column)]:
        return np.abs(values - 1)
    return values if lower_is_better(column) else -values


def _agreement(column: str, models: Sequence[ScoredModel], opinions: StudyOpinions) -> MetricAgreement:
    found = [
        (row.scores.get(column, math.nan), opinions.pictures[row.pair_id, model.name], row.pair_id)
        for model in models
        for row in model.rows
        if (row.pair_id, model.name) in opinions.pictures
    ]
    kept = [item for item in found if math.isfinite(item[0]) and math.isfinite(item[1])]
    badness = turned(column, np.array([item[0] for item in kept], np.float64))
    mos = np.array([item[1] for item in kept], np.float64)
    return MetricAgreement(
        column=column,
        of_pictures=correlations(badness, mos, [item[2] for item in kept]),
        of_methods=_of_methods(column, models, opinions),
        num_pictures=len(kept),
    )


def _of_methods(column: str, models: Sequence[ScoredModel], opinions: StudyOpinions) -> float:
    cells = [(model.summary[column].value, opinions.methods[model.name].mos) for model in models]
    means = [(cell.mean, mos) for cell, mos in cells if cell is not None and math.isfinite(mos)]
    if len(means) < 3:
        return math.nan
    metric, mos = np.array(means).T
    return _three(turned(column, metric), mos, least=3)[0]


def _three(
    first: NDArray[np.float64], second: NDArray[np.float64], least: int = LEAST_PICTURES
) -> tuple[float, float, float]:
    """Spearman, Kendall and Pearson; NaN for too few values or without variation."""
    if len(first) < least or np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan, math.nan, math.nan
    stats = scipy_module("stats")
    return (
        float(np.corrcoef(stats.rankdata(first), stats.rankdata(second))[0, 1]),
        float(stats.kendalltau(first, second, method="asymptotic").statistic),
        float(np.corrcoef(first, second)[0, 1]),
    )


def _with_interval(value: float, drawn: NDArray[np.float64]) -> CorrelationWithPeople:
    usable = drawn[np.isfinite(drawn)]
    if not len(usable) or not math.isfinite(value):
        return CorrelationWithPeople(value, math.nan, math.nan)
    low, high = np.quantile(usable, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return CorrelationWithPeople(value, float(low), float(high))


def _agreement_table(found: PeopleComparison, group: str) -> ResultTable:
    own = [one for one in found.metrics if group_of(one.column) == group]
    few = f"fewer than {LEAST_PICTURES} pictures with both, or all equal"
    rows = [
        (
            title_of(one.column),
            [
                *(
                    TextCell(
                        text=str(value), interval=value.interval, reason="" if str(value) != DASH else few
                    )
                    for value in one.of_pictures
                ),
                TextCell(text=f"{one.of_methods:z.2f}" if math.isfinite(one.of_methods) else DASH),
                TextCell(text=str(one.num_pictures)),
            ],
        )
        for one in own
    ]
    return ResultTable(
        title=f"Agreement with people, {group}",
        corner="metric",
        heads=[*NAMES, "methods", "pictures"],
        rows=rows,
        notes=[
            "1: the metric orders pictures as people do, −1: in the opposite order.",
            f"Intervals: 95 %, by drawing {found.num_images} images. Methods: Spearman's, of their means.",
        ],
    )
