"""The page of a study: scores with intervals and ranks, raters, votes, and the plan of the analysis."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ebb.codec import to_plain
from ebb.names import counted
from ebb.pages.cells import number_cell
from ebb.pages.page import render_page
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.study_charts import IntervalRow, draw_bars, draw_intervals
from ebb_train.study.study_tables import notes_of, result_tables, rule_rows
from ebb_train.study.votes import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb_train.study.analysis import StudyAnalysis
    from ebb_train.study.exclusion import RaterCheck
    from ebb_train.study.pair_results import PairResults
    from ebb_train.study.study_charts import BarChart, IntervalChart

MAX_BARS = 12
"""Largest number of bars of a plot; more numbers of votes are put together."""

_BY_IMAGE = "95 % intervals over images"
_CROSSED = "95 % intervals over images and raters"
_BY_SE = "95 % intervals by the larger standard error"

_RATER_HEADS = (
    *("rater", "used", "votes", "bias", "inconsistency", "correlation", "median time, s", "variance"),
    *("repeats", "gold missed", "traps missed"),
)
_ABOUT_RATERS = (
    "Bias: mean of a rater's votes above the common scores. Inconsistency: standard deviation around them. "
    "Correlation: with the means of the other raters. Repeats: mean difference between answers to the same "
    "question."
)


def study_page(found: StudyAnalysis, files: Sequence[tuple[str, str]] = ()) -> str:
    """Write the page.

    Args:
        found: The results.
        files: Files to link to: text, address.
    """
    results = found.used or found.everyone
    return render_page(
        "ebb_train.study",
        "study.html.jinja",
        title=f"Study: {found.name}",
        about=f"{counted(found.num_used_votes, 'vote')} of {counted(found.num_used, 'rater')}; "
        f"analysis plan {found.plan.sha256[:16]}",
        files=files,
        warnings=warnings_of(found),
        counts=counts_of(found),
        intervals=interval_charts(found),
        notes=[*notes_of(results), *([] if found.missing else ["All methods are separated."])],
        tables=result_tables(found),
        bars=bar_charts(found),
        about_raters=_ABOUT_RATERS,
        rules=rule_rows(found),
        rater_heads=_RATER_HEADS,
        raters=[_rater_row(check, found) for check in found.checks],
        plan={"sha256": found.plan.sha256, **_plain_plan(found)},
    )


def warnings_of(found: StudyAnalysis) -> list[str]:
    """What a reader must know before the numbers."""
    warnings = []
    if found.is_plan_changed:
        warnings.append(
            "The plan of the analysis was changed after the study began: its hash was "
            f"{found.stored_plan_hash[:16]} and is {found.plan.sha256[:16]}."
        )
    if found.used is None:
        warnings.append("The rules exclude all raters: the numbers below are those of all raters.")
    return warnings


def counts_of(found: StudyAnalysis) -> dict[str, str]:
    """Sessions and votes."""
    excluded = {rule: count for rule, count in found.rule_counts.items() if count}
    reasons = ", ".join(f"{rule} {count}" for rule, count in excluded.items())
    return {
        "sessions": f"{found.num_started} started, {found.num_finished} finished, {found.num_used} used",
        "votes": f"{found.num_votes:,}, of which {found.num_used_votes:,} enter the results "
        "(without traps, repeats and raters who are not used)",
        "not used": reasons or "nobody",
        "analysis plan": found.plan.sha256,
    }


def interval_charts(found: StudyAnalysis) -> list[IntervalChart]:
    """Scores and differences with their intervals."""
    results = found.used or found.everyone
    if not isinstance(results, OpinionResults):
        title = "Differences of Bradley-Terry scores, above 0 the first is preferred"
        chart = draw_intervals(title, _pair_rows(results), _BY_SE)
        return [chart] if chart else []
    other = found.everyone.comparison.scores if isinstance(found.everyone, OpinionResults) else ()
    without = {score.name: score.mos for score in other}
    scores = sorted(results.comparison.scores, key=lambda score: score.mos)
    rows = [
        IntervalRow(f"{score.rank}  {score.name}", score.mos, score.low, score.high, without[score.name])
        for score in scores
    ]
    differences = [
        IntervalRow(f"{one.first} − {one.second}", one.difference, one.crossed_low, one.crossed_high)
        for one in results.comparison.differences
    ]
    charts = [
        draw_intervals(
            "Rank and mean opinion score, lower is better", rows, f"{_BY_IMAGE}; circles: without exclusions"
        ),
        draw_intervals("Differences, below 0 the first is better", differences, _CROSSED),
    ]
    return [chart for chart in charts if chart]


def bar_charts(found: StudyAnalysis) -> list[BarChart]:
    """Votes per picture, and answers to real pictures."""
    what = "pictures" if found.answer is Answer.OPINION else "pairs of pictures"
    chart = draw_bars(f"Number of {what} by number of votes", _grouped(found.votes_per_picture))
    return [chart] if chart else []


def _grouped(counts: dict[int, int] | Any) -> dict[str, int]:  # noqa: ANN401 - a mapping
    """Numbers of votes, put together in equal ranges if there are many."""
    if not counts:
        return {}
    low, high = min(counts), max(counts)
    width = -(-(high - low + 1) // MAX_BARS)
    groups: Counter[int] = Counter()
    for number, count in counts.items():
        groups[(number - low) // width] += count
    starts = {index: low + index * width for index in range(max(groups) + 1)}
    names = {i: str(start) if width == 1 else f"{start}–{start + width - 1}" for i, start in starts.items()}
    return {names[index]: groups[index] for index in starts}


def _pair_rows(results: PairResults) -> list[IntervalRow]:
    rows = []
    for one in results.preferences:
        half_width = 1.96 * max(one.se, one.se_bootstrap if one.se_bootstrap > 0 else 0.0)
        low, high = one.difference - half_width, one.difference + half_width
        rows.append(IntervalRow(f"{one.first} − {one.second}", one.difference, low, high))
    return rows


def _rater_row(check: RaterCheck, found: StudyAnalysis) -> dict[str, Any]:
    results = found.everyone
    opinion = results if isinstance(results, OpinionResults) else None
    values = [
        float(check.num_votes),
        opinion.bias.get(check.rater) if opinion else None,
        opinion.inconsistency.get(check.rater) if opinion else None,
        check.correlation,
        check.median_seconds,
        check.variance,
        check.repeat_difference,
        float(check.gold_misses),
        float(check.trap_misses),
    ]
    forms = (".0f", ".2f", ".2f", ".2f", ".1f", ".2f", ".2f", ".0f", ".0f")
    return {
        "failed": not check.is_used,
        "address": "",
        "texts": [check.rater, "yes" if check.is_used else ", ".join(check.rules)],
        "numbers": [number_cell(value, form) for value, form in zip(values, forms, strict=True)],
    }


def _plain_plan(found: StudyAnalysis) -> dict[str, str]:
    plain = to_plain(found.plan)
    return {name: str(value) for name, value in plain.items()} if isinstance(plain, dict) else {}
