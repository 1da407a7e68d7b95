"""The page of one evaluation: means, worst and best cases, every pair."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ebb.errors import Status
from ebb.pages.cells import number_cell
from ebb.pages.data_uri import data_uri
from ebb.pages.page import render_page
from ebb_train.evaluation.difference_maps import as_rgb8, difference_map
from ebb_train.evaluation.predictions import read_picture
from ebb_train.evaluation.result_tables import metric_tables
from ebb_train.evaluation.summary import group_of, lower_is_better, title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb_train.data.sources import Source
    from ebb_train.evaluation.results import Evaluation
    from ebb_train.evaluation.scores import Row


def evaluate_page(found: Evaluation, source: Source, num_cases: int) -> str:
    """Write the page.

    Args:
        found: The results.
        source: The pairs, for the pictures.
        num_cases: How many of the worst, and of the best.
    """
    column = next(iter(found.summary))
    ranked = rank(found.rows, column)
    worst = ranked[:num_cases]
    best = ranked[::-1][: min(num_cases, len(ranked) - len(worst))]
    columns = list(found.summary)
    return render_page(
        "ebb_train.evaluation",
        "evaluate.html.jinja",
        title=f"{found.name}: {found.split} split",
        about=f"{len(found.rows)} pairs, {found.num_failed} without scores; data {found.data[:16]}",
        scored=len(found.rows) - found.num_failed,
        tables=metric_tables({found.name: found.summary}, found.groups, "Mean"),
        worst=[_case(row, source, column) for row in worst],
        best=[_case(row, source, column) for row in best],
        ranked_by=title(column),
        heads=["pair", "status", *(title(name) for name in columns)],
        num_text=2,
        pairs=[pair_row(row, columns) for row in found.rows],
        model=plain_texts(found.model),
    )


def rank(rows: Sequence[Row], column: str) -> list[Row]:
    """Pairs that have a number in a column, the worst first; ties in the order of the rows."""
    sign = -1 if lower_is_better(column) else 1
    scored = [row for row in rows if not math.isnan(row.scores.get(column, math.nan))]
    return sorted(scored, key=lambda row: sign * row.scores[column])


def title(column: str) -> str:
    """Head of a column: ``PSNR ↑ (ebb)`` of ``ebb.psnr``."""
    return f"{title_of(column)} ({group_of(column)})"


def pair_row(row: Row, columns: Sequence[str]) -> dict[str, Any]:
    """One line of the table of pairs."""
    said = str(row.status) if row.status is Status.OK else f"{row.reason}: {row.detail}"
    return {
        "failed": row.status is not Status.OK,
        "texts": [row.pair_id, said],
        "numbers": [number_cell(row.scores.get(name), ".4f") for name in columns],
    }


def plain_texts(values: dict[str, Any]) -> dict[str, str]:
    """Facts as texts for a list on a page."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in values.items()
    }


def _case(row: Row, source: Source, column: str) -> dict[str, Any]:
    photos = source.read(row.index)
    if row.picture is None:
        raise ValueError(f"pair {row.pair_id} has a score and no picture")
    output = as_rgb8(read_picture(row.picture))
    pictures = {"input": photos.wide, "output": output, "target": photos.shallow}
    if output.shape == photos.shallow.shape:
        pictures["difference × 4"] = difference_map(output, photos.shallow)
    return {
        "pair_id": row.pair_id,
        "caption": f"{title(column)} {row.scores[column]:.2f}",
        "pictures": {name: data_uri(picture) for name, picture in pictures.items()},
    }
