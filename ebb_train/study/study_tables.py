"""Tables of the results of a study, for its page and for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ebb.names import counted
from ebb_train.evaluation.result_tables import ResultTable, TextCell
from ebb_train.evaluation.summary import DASH
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.votes import SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb_train.study.analysis import StudyAnalysis, StudyResults, VotesMissing
    from ebb_train.study.pair_results import PairResults

_BY_IMAGE = "Intervals of means and differences: 95 %, by Student's t distribution over images."
_RANKS = (
    "A method's rank is 1 + the number of methods that are significantly better: 5 %, t test with the error "
    "over images and raters, corrected for the number of pairs by Holm's method. Methods that are not "
    "separated share a rank."
)
_CROSSED = (
    "The interval below a difference is over images. Images and raters: what votes of the same rater have in "
    "common is added to the error, so that it also holds for other raters. Bootstrap: images and raters are "
    "drawn with replacement."
)
_PAIR_RANKS = (
    "A method's rank is 1 + the number of methods that are significantly preferred: 5 %, normal test of the "
    "difference of Bradley-Terry scores with the larger of both standard errors, corrected by Holm's method."
)
_INDEPENDENT = (
    "Intervals of shares and Fisher errors treat votes as independent, which several votes of a rater or on "
    "an image are not. The bootstrap draws images and raters."
)


def result_tables(found: StudyAnalysis) -> list[ResultTable]:
    """All tables of results: of used raters, or of all raters if no one is used."""
    results = found.used or found.everyone
    if isinstance(results, OpinionResults):
        other = found.everyone if isinstance(found.everyone, OpinionResults) else results
        tables = [_scores(results, other), _differences(results), _controls(results), _agreement(results)]
    else:
        tables = [_pair_scores(results), _wins(results), _preferences(results)]
    return [table for table in (*tables, _missing(found.missing)) if table.rows]


def summary_table(found: StudyAnalysis) -> ResultTable:
    """The first table: scores and ranks."""
    return result_tables(found)[0]


def notes_of(results: StudyResults | None) -> tuple[str, ...]:
    """Why something could not be estimated."""
    return results.notes if results else ()


def rule_rows(found: StudyAnalysis) -> list[tuple[str, str, int]]:
    """Each rule, its meaning, and how many raters it excludes."""
    return [(str(rule), rule.meaning, count) for rule, count in found.rule_counts.items()]


def interval(low: float, high: float, digits: int = 2, sign: str = "") -> str:
    """``low … high``; empty if there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{low:{sign}z.{digits}f} … {high:{sign}z.{digits}f}"


def number(value: float | None, form: str = ".2f", reason: str = "") -> TextCell:
    """A number, or a dash."""
    if value is None or not math.isfinite(value):
        return TextCell(text=DASH, reason=reason)
    sign, rest = form[: form.startswith("+")], form.lstrip("+")
    return TextCell(text=format(value, f"{sign}z{rest}"))  # z: no -0.00


def p_text(value: float) -> TextCell:
    """A p-value."""
    return TextCell(text="< 0.001" if value < 0.001 else f"{value:.3f}")


def _scores(results: OpinionResults, everyone: OpinionResults) -> ResultTable:
    without = {score.name: score.mos for score in everyone.comparison.scores}
    other_ways = list(results.by_way)[1:]
    rows = []
    for index, score in enumerate(results.comparison.scores):
        mos = TextCell(text=str(number(score.mos)), interval=interval(score.low, score.high))
        cells = [TextCell(text=str(score.rank)), mos, number(without[score.name])]
        cells += [number(results.by_way[way][index]) for way in other_ways]
        cells += [TextCell(text=str(score.num_images)), TextCell(text=str(score.num_votes))]
        rows.append((score.name, cells))
    scale = f"0 is {SCALE[0]}, 4 {SCALE[4]}; lower is better"
    return ResultTable(
        title="Mean opinion scores",
        corner="method",
        heads=["rank", "MOS ↓", "all raters", *other_ways, "images", "votes"],
        rows=sorted(rows, key=lambda row: _or_last(str(row[1][1]))),
        notes=[
            f"{scale}. {_BY_IMAGE} {_RANKS}",
            "All raters: without exclusions. Bias removed: P.913, section 12.4.",
            "Weighted: bias and inconsistency of raters, P.910. BT.500: of the raters it keeps.",
        ],
    )


def _or_last(text: str) -> float:
    return math.inf if text == DASH else float(text)


def _differences(results: OpinionResults) -> ResultTable:
    found = results.comparison
    rows = [
        (
            f"{one.first} − {one.second}",
            [
                TextCell(
                    text=str(number(one.difference, "+.2f")), interval=interval(one.low, one.high, 2, "+")
                ),
                TextCell(text=interval(one.crossed_low, one.crossed_high, 2, "+") or DASH),
                TextCell(text=interval(one.bootstrap_low, one.bootstrap_high, 2, "+") or DASH),
                p_text(one.p_holm),
                p_text(one.p_wilcoxon),
                TextCell(text=str(one.num_images)),
                TextCell(text="yes" if one.is_significant else "no"),
            ],
        )
        for one in found.differences
    ]
    friedman = (
        f" Friedman's test over all methods: χ² {found.friedman:.2f}, p {p_text(found.p_friedman)}."
        if math.isfinite(found.friedman)
        else ""
    )
    return ResultTable(
        title="Differences",
        corner="first − second",
        heads=[
            "difference",
            "images and raters",
            "bootstrap",
            "p, Holm",
            "p, Wilcoxon",
            "images",
            "separated",
        ],
        rows=rows,
        notes=[
            f"Below 0: the first is better. {_CROSSED} Wilcoxon: signed-rank test, not corrected.{friedman}"
        ],
    )


def _controls(results: OpinionResults) -> ResultTable:
    return ResultTable(
        title="Hidden references and anchors",
        corner="picture",
        heads=["MOS ↓", "votes"],
        rows=[(name, [number(mos), TextCell(text=str(votes))]) for name, mos, votes in results.controls],
    )


def _agreement(results: OpinionResults) -> ResultTable:
    needs = "needs two stimuli on which all raters voted"
    rows = [(f"Krippendorff's α, {level}", [number(value, ".3f")]) for level, value in results.alpha.items()]
    rows += [
        ("ICC(2,1), one rater", [number(results.icc.single, ".3f", needs)]),
        ("ICC(2,k), mean of all raters", [number(results.icc.average, ".3f", needs)]),
        ("SOS parameter", [number(results.sos, ".3f")]),
        ("standard deviation of the votes on a picture", [number(results.pooled_sd)]),
    ]
    return ResultTable(
        title="Agreement of the raters",
        corner="measure",
        heads=["value"],
        rows=rows,
        notes=[
            "α and ICC: 1 is complete agreement. SOS: variance ≈ a · MOS · (4 − MOS).",
            f"ICC is computed on the pictures on which all raters voted: {results.icc.num_stimuli}.",
        ],
    )


def _pair_scores(results: PairResults) -> ResultTable:
    rows = []
    for index, method in enumerate(results.methods):
        cells = [TextCell(text=str(results.ranks[index]))]
        for scores in (results.bradley_terry, results.thurstone):
            if scores is None:
                cells.append(TextCell(text=DASH, reason="methods were never compared"))
            else:
                cells.append(
                    TextCell(text=f"{scores.scores[index]:+z.2f}", interval=f"± {scores.se[index]:.2f}")
                )
        rows.append((method, cells))
    return ResultTable(
        title="Scores from pairs",
        corner="method",
        heads=["rank", "Bradley-Terry ↑", "Thurstone V ↑"],
        rows=sorted(rows, key=lambda row: -_or_last(str(row[1][1]))),
        notes=[f"Higher is preferred; mean 0; ±: standard error by Fisher information. {_PAIR_RANKS}"],
    )


def _wins(results: PairResults) -> ResultTable:
    return ResultTable(
        title="Wins",
        corner="preferred to →",
        heads=list(results.methods),
        rows=[
            (method, [TextCell(text=DASH if row == column else f"{results.wins[row, column]:g}")
                      for column in range(len(results.methods))])
            for row, method in enumerate(results.methods)
        ],
        notes=["Row preferred to column; a tie is half a win for both."],
    )  # fmt: skip


def _preferences(results: PairResults) -> ResultTable:
    rows = []
    for one in results.preferences:
        share = one.share
        rows.append(
            (
                f"{one.first} over {one.second}",
                [
                    TextCell(text=f"{one.wins} : {one.losses}", interval=counted(one.ties, "tie")),
                    number(100 * share.share if share else None, ".1f", "no decided vote"),
                    TextCell(text=_percent(share.wilson_low, share.wilson_high) if share else DASH),
                    TextCell(text=_percent(share.exact_low, share.exact_high) if share else DASH),
                    TextCell(
                        text=f"{one.difference:+z.2f}",
                        interval=f"± {one.se:.2f}, bootstrap ± {one.se_bootstrap:.2f}",
                    ),
                    p_text(one.p_holm),
                    TextCell(text="yes" if one.is_significant else "no"),
                ],
            )
        )
    return ResultTable(
        title="Preferences",
        corner="pair",
        heads=["votes", "share, %", "Wilson, %", "exact, %", "Bradley-Terry", "p, Holm", "separated"],
        rows=rows,
        notes=[f"Shares are of the votes that are no ties. {_INDEPENDENT}"],
    )


def _percent(low: float, high: float) -> str:
    return f"{100 * low:.1f} … {100 * high:.1f}"


def _missing(missing: Sequence[VotesMissing]) -> ResultTable:
    reason = "no difference, or too few images, to plan with"
    rows = [
        (
            f"{one.first}, {one.second}",
            [
                number(one.difference, "+.3f"),
                TextCell(text=f"{one.votes_now:,}"),
                _count(one.votes_more, reason),
                *(
                    [_count(one.images_more, reason)]
                    if one.images_more is not None
                    else [TextCell(text=DASH)]
                ),
            ],
        )
        for one in missing
    ]
    notes = [
        "For the difference seen so far, a power of 80 % and a test at 5 % without correction.",
        "More images separate methods better than more votes on the same images.",
    ]
    return ResultTable(
        title="Votes that would separate tied methods",
        corner="methods",
        heads=["difference", "votes so far", "further votes", "on further images"],
        rows=rows,
        notes=notes,
    )


def _count(value: int | None, reason: str) -> TextCell:
    return TextCell(text=DASH, reason=reason) if value is None else TextCell(text=f"{value:,}")
