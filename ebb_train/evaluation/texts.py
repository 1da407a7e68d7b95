"""Results of the verbs as plain text, and of a benchmark as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.names import counted
from ebb.tables import table
from ebb_train.evaluation.benchmark_page import benchmark_tables
from ebb_train.evaluation.result_tables import ResultTable, markdown
from ebb_train.evaluation.summary import about_intervals, group_of, left_out, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb_train.evaluation.results import Benchmark, Evaluation


def evaluation_text(found: Evaluation) -> str:
    """Means with intervals, one line per metric, and the reasons for missing values."""
    lines = [
        [group_of(name), title_of(name), str(cell), cell.interval] for name, cell in found.summary.items()
    ]
    parts = [table(["protocol", "metric", "mean", "95 % interval"], lines)]
    reasons = dict.fromkeys(cell.reason for cell in found.summary.values() if cell.reason)
    parts += [f"— {reason}" for reason in reasons]
    parts += left_out(found.summary)
    parts.append(f"{len(found.rows) - found.num_failed} of {len(found.rows)} pairs scored")
    return "\n".join(parts)


def benchmark_text(found: Benchmark) -> str:
    """One table per protocol, without intervals, which are in the files."""
    parts = []
    for grid in benchmark_tables(found):
        lines = [[name, *map(str, cells)] for name, cells in grid.rows]
        reasons = [f"— {reason}" for reason in grid.reasons]
        parts.append("\n".join([grid.title, table([grid.corner, *grid.heads], lines), *reasons]))
    parts += ["\n".join(map(str, found.left_out))] if found.left_out else []
    return "\n\n".join(parts)


def benchmark_markdown(found: Benchmark, tables: Sequence[ResultTable]) -> str:
    """The tables with intervals, as Markdown."""
    pairs, intervals = counted(found.num_pairs, "pair"), about_intervals(found.num_pairs)
    about = f"{pairs}, split {found.split}, data {found.data[:16]}; {intervals}"
    left_out = [f"{model}\n" for model in found.left_out]
    return "\n".join([about, "", *left_out, *(markdown(grid) for grid in tables)])
