"""Tables of a study for other programs: typed columns with their meanings, as CSV, Parquet and JSON."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np

from ebb_train.evaluation.tables import csv_text
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.pair_results import PairResults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb_train.study.analysis import StudyAnalysis
    from ebb_train.study.votes import StudyVotes

ColumnType: TypeAlias = Literal["text", "integer", "number", "boolean"]


class ColumnOf(NamedTuple):
    """A column of a table for other programs."""

    name: str
    kind: ColumnType
    meaning: str


@dataclass(frozen=True, kw_only=True)
class ExportTable:
    """A table for other programs."""

    name: str
    about: str
    columns: tuple[ColumnOf, ...]
    rows: list[dict[str, Any]]
    """Column → plain value; None if missing."""


_VOTES = (
    ColumnOf("rater", "text", "session of the rater"),
    ColumnOf("position", "integer", "number of the question in the session"),
    ColumnOf("image", "text", "image"),
    ColumnOf("method", "text", "method, or name of the reference, anchor or trap"),
    ColumnOf("other", "text", "second method, if two pictures were compared"),
    ColumnOf("kind", "text", "real, reference, anchor or trap"),
    ColumnOf("value", "integer", "opinion: 0 (best) to 4; pair: 0 first better, 1 neither, 2 second better"),
    ColumnOf("expected", "integer", "answer that a trap asks for"),
    ColumnOf("is_repeat", "boolean", "the rater had answered the same question before"),
    ColumnOf("is_swapped", "boolean", "the first method of a pair was on the right"),
    ColumnOf("was_loaded", "boolean", "all pictures were decoded before the answer"),
    ColumnOf("seconds", "number", "time from the decoded pictures to the answer, in seconds"),
    ColumnOf("zoomed", "boolean", "the rater zoomed"),
    ColumnOf("is_used", "boolean", "the vote enters the results"),
)
_RATERS = (
    ColumnOf("rater", "text", "session of the rater"),
    ColumnOf("started", "text", "time of the start"),
    ColumnOf("is_finished", "boolean", "the session was finished"),
    ColumnOf("is_used", "boolean", "no rule excludes the rater"),
    ColumnOf("rules", "text", "rules that exclude the rater, separated by spaces"),
    ColumnOf("num_votes", "integer", "number of votes, traps and repeats included"),
    ColumnOf("trap_misses", "integer", "traps not answered as asked"),
    ColumnOf("gold_misses", "integer", "hidden references and anchors that were misjudged"),
    ColumnOf("repeat_difference", "number", "mean absolute difference between answers to the same question"),
    ColumnOf("median_seconds", "number", "median time for an answer, in seconds"),
    ColumnOf("variance", "number", "variance of the answers"),
    ColumnOf("correlation", "number", "correlation with the means of the other raters"),
    ColumnOf("bias", "number", "mean of the votes above the common scores, all raters (P.910)"),
    ColumnOf("inconsistency", "number", "standard deviation around the common scores plus bias"),
)
_STIMULI = (
    ColumnOf("image", "text", "image"),
    ColumnOf("method", "text", "method, or name of the reference or anchor"),
    ColumnOf("kind", "text", "real, reference or anchor"),
    ColumnOf("mos", "number", "mean opinion score of the used raters, lower is better"),
    ColumnOf("half_width", "number", "half-width of its 95 % t interval over raters"),
    ColumnOf("sd", "number", "standard deviation of the votes"),
    ColumnOf("num_votes", "integer", "number of votes"),
    ColumnOf("quality", "number", "score without the biases of its raters (P.910)"),
    ColumnOf("quality_se", "number", "standard error of the quality"),
)
_METHODS = (
    ColumnOf("method", "text", "method"),
    ColumnOf("rank", "integer", "1 + number of methods that are significantly better"),
    ColumnOf("mos", "number", "mean opinion score over images, used raters, lower is better"),
    ColumnOf("low", "number", "lower end of its 95 % t interval over images"),
    ColumnOf("high", "number", "upper end of the interval"),
    ColumnOf("num_images", "integer", "number of images"),
    ColumnOf("num_votes", "integer", "number of votes"),
    ColumnOf("mos_all_raters", "number", "mean opinion score without exclusions"),
    ColumnOf("mos_bias_removed", "number", "mean of votes without the raters' biases (P.913, 12.4)"),
    ColumnOf("mos_weighted", "number", "mean of the quality of P.910"),
    ColumnOf("mos_bt500", "number", "mean opinion score of the raters that BT.500 keeps"),
)
_DIFFERENCES = (
    ColumnOf("first", "text", "first method"),
    ColumnOf("second", "text", "second method"),
    ColumnOf("difference", "number", "mean over images of first − second; below 0: the first is better"),
    ColumnOf("low", "number", "lower end of its 95 % t interval over images"),
    ColumnOf("high", "number", "upper end of the interval"),
    ColumnOf("crossed_low", "number", "lower end of its 95 % t interval over images and raters"),
    ColumnOf("crossed_high", "number", "upper end of that interval"),
    ColumnOf("bootstrap_low", "number", "lower end of the 95 % bootstrap interval over images and raters"),
    ColumnOf("bootstrap_high", "number", "upper end of the bootstrap interval"),
    ColumnOf("t", "number", "statistic of the paired t test over images"),
    ColumnOf("p_value", "number", "p of the paired t test"),
    ColumnOf("p_crossed", "number", "p of the test with the error over images and raters"),
    ColumnOf("p_holm", "number", "p_crossed after Holm's correction"),
    ColumnOf("p_wilcoxon", "number", "p of Wilcoxon's signed-rank test, not corrected"),
    ColumnOf("sd", "number", "standard deviation of the difference over images"),
    ColumnOf("num_images", "integer", "images with votes for both methods"),
    ColumnOf("is_significant", "boolean", "p after correction is below 0.05"),
)
_PREFERENCES = (
    ColumnOf("first", "text", "first method"),
    ColumnOf("second", "text", "second method"),
    ColumnOf("wins", "integer", "votes for the first"),
    ColumnOf("losses", "integer", "votes for the second"),
    ColumnOf("ties", "integer", "votes for neither"),
    ColumnOf("share", "number", "share of the first among votes that are no ties"),
    ColumnOf("wilson_low", "number", "lower end of Wilson's 95 % interval, as if votes were independent"),
    ColumnOf("wilson_high", "number", "upper end of Wilson's interval"),
    ColumnOf("exact_low", "number", "lower end of the interval of Clopper and Pearson"),
    ColumnOf("exact_high", "number", "upper end of the interval of Clopper and Pearson"),
    ColumnOf("p_share", "number", "exact binomial test of a share of one half"),
    ColumnOf(
        "difference", "number", "difference of the Bradley-Terry scores; above 0: the first is preferred"
    ),
    ColumnOf("se", "number", "its standard error by Fisher information"),
    ColumnOf("se_bootstrap", "number", "its standard error by drawing images and raters"),
    ColumnOf("p_value", "number", "normal test with the larger standard error"),
    ColumnOf("p_holm", "number", "p after Holm's correction"),
    ColumnOf("is_significant", "boolean", "p after correction is below 0.05"),
)
_PAIR_SCORES = (
    ColumnOf("method", "text", "method"),
    ColumnOf("rank", "integer", "1 + number of methods that are significantly preferred"),
    ColumnOf("bradley_terry", "number", "score of the model of Bradley and Terry, higher is preferred"),
    ColumnOf("bradley_terry_se", "number", "its standard error by Fisher information"),
    ColumnOf("thurstone", "number", "score of Thurstone's case V, higher is preferred"),
    ColumnOf("thurstone_se", "number", "its standard error by Fisher information"),
)


def export_tables(study: StudyVotes, found: StudyAnalysis) -> list[ExportTable]:
    """Votes and raters of a study, then the results of the used raters (of all, if none is used)."""
    results = found.used or found.everyone
    tables = [_votes(study, found), _raters(study, found)]
    if isinstance(results, PairResults):
        return [*tables, _pair_scores(results), _preferences(results)]
    stimuli = [_plain_row(score, _STIMULI) for score in results.stimuli]
    differences = [_plain_row(one, _DIFFERENCES) for one in results.comparison.differences]
    return [
        *tables,
        ExportTable(name="stimuli", about="scores of pictures", columns=_STIMULI, rows=stimuli),
        _methods(results, found),
        ExportTable(name="differences", about="pairs of methods", columns=_DIFFERENCES, rows=differences),
    ]


def data_dictionary(tables: Sequence[ExportTable]) -> ExportTable:
    """A table with a row per column of all tables."""
    columns = (
        ColumnOf("table", "text", "name of the table"),
        ColumnOf("column", "text", "name of the column"),
        ColumnOf("type", "text", "text, integer, number or boolean"),
        ColumnOf("meaning", "text", "what it holds; empty cells are missing values"),
    )
    rows = [
        {"table": table.name, "column": column.name, "type": column.kind, "meaning": column.meaning}
        for table in tables
        for column in table.columns
    ]
    return ExportTable(name="data_dictionary", about="columns of all tables", columns=columns, rows=rows)


def csv_of(table: ExportTable) -> str:
    """The table as comma-separated values; a header alone if it has no rows."""
    if table.rows:
        return csv_text(table.rows)
    return ",".join(column.name for column in table.columns) + "\n"


def parquet_of(table: ExportTable) -> bytes:
    """The table as Parquet, with the meanings of its columns; equal tables give equal bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"text": pa.string(), "integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    fields = [
        pa.field(column.name, types[column.kind], metadata={"meaning": column.meaning})
        for column in table.columns
    ]
    sink = io.BytesIO()
    rows = pa.Table.from_pylist(table.rows, schema=pa.schema(fields, metadata={"about": table.about}))
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def plain_results(found: StudyAnalysis) -> dict[str, Any]:
    """All results as plain values for JSON: None for NaN, numbers of matrices as lists."""
    plain: dict[str, Any] = plain_value(found)
    plan = {"sha256": found.plan.sha256, "is_changed": found.is_plan_changed}
    return {"name": found.name, "lower_is_better": True, "plan_check": plan} | plain


def plain_value(value: object) -> Any:  # noqa: ANN401 - plain values of any kind
    """A value as in JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain_value(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, np.ndarray):
        return plain_value(value.tolist())
    if hasattr(value, "_asdict"):
        return plain_value(value._asdict())
    if isinstance(value, dict):
        return {str(name): plain_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _votes(study: StudyVotes, found: StudyAnalysis) -> ExportTable:
    used = {check.rater for check in found.checks if check.is_used}
    rows = [_plain_row(vote, _VOTES, is_used=vote.rater in used and vote.is_first) for vote in study.votes]
    return ExportTable(name="votes", about="one row per vote", columns=_VOTES, rows=rows)


def _raters(study: StudyVotes, found: StudyAnalysis) -> ExportTable:
    everyone = found.everyone if isinstance(found.everyone, OpinionResults) else None
    rows = [
        _plain_row(
            check,
            _RATERS,
            started=session.started,
            is_finished=session.is_finished,
            rules=" ".join(check.rules),
            bias=everyone.bias.get(check.rater) if everyone else None,
            inconsistency=everyone.inconsistency.get(check.rater) if everyone else None,
        )
        for check, session in zip(found.checks, study.sessions, strict=True)
    ]
    return ExportTable(name="raters", about="one row per session", columns=_RATERS, rows=rows)


def _methods(results: OpinionResults, found: StudyAnalysis) -> ExportTable:
    everyone = found.everyone.comparison.scores if isinstance(found.everyone, OpinionResults) else ()
    without = {score.name: score.mos for score in everyone}
    ways = {name: dict(zip(found.methods, means, strict=True)) for name, means in results.by_way.items()}
    rows = [
        _plain_row(
            score,
            _METHODS,
            method=score.name,
            mos_all_raters=without.get(score.name),
            **{
                column: ways.get(way, {}).get(score.name)
                for column, way in (
                    ("mos_bias_removed", "bias removed"),
                    ("mos_weighted", "weighted"),
                    ("mos_bt500", "BT.500"),
                )
            },
        )
        for score in results.comparison.scores
    ]
    return ExportTable(name="methods", about="scores of methods", columns=_METHODS, rows=rows)


def _preferences(results: PairResults) -> ExportTable:
    rows = []
    for one in results.preferences:
        share = one.share._asdict() if one.share else {}
        values = {
            name: share.get(name)
            for name in ("share", "wilson_low", "wilson_high", "exact_low", "exact_high")
        }
        rows.append(_plain_row(one, _PREFERENCES, **values, p_share=share.get("p_value")))
    return ExportTable(name="preferences", about="pairs of methods", columns=_PREFERENCES, rows=rows)


def _pair_scores(results: PairResults) -> ExportTable:
    rows = []
    for index, method in enumerate(results.methods):
        row: dict[str, Any] = {"method": method, "rank": results.ranks[index]}
        for name, scores in (("bradley_terry", results.bradley_terry), ("thurstone", results.thurstone)):
            row |= {
                name: float(scores.scores[index]) if scores else None,
                f"{name}_se": float(scores.se[index]) if scores else None,
            }
        rows.append(row)
    return ExportTable(name="methods", about="scores of methods", columns=_PAIR_SCORES, rows=rows)


def _plain_row(value: object, columns: Sequence[ColumnOf], **others: object) -> dict[str, Any]:
    """The columns of a row: from ``others``, or attributes of a value."""
    return {
        column.name: plain_value(
            others[column.name] if column.name in others else getattr(value, column.name)
        )
        for column in columns
    }
