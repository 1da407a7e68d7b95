"""The page of an evaluation: means, worst and best pairs, all pairs."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from ebb.errors import Status
from ebb.names import counted
from ebb.pages.cells import number_cell
from ebb.pages.data_uri import data_uri
from ebb.pages.page import address, file_links, render_page
from ebb_train.evaluation.artefact_cases import flagged_rows, suspected_case
from ebb_train.evaluation.difference_maps import as_rgb8, difference_map
from ebb_train.evaluation.predictions import read_picture
from ebb_train.evaluation.result_tables import metric_tables
from ebb_train.evaluation.summary import about_intervals, group_of, lower_is_better, title_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from ebb_train.data.sources import Source
    from ebb_train.evaluation.results import Evaluation
    from ebb_train.evaluation.scores import Row


FILES = ("scores.csv", "scores.parquet", "report.json")
"""Files beside the page that it links to."""


def evaluate_page(
    found: Evaluation,
    source: Source,
    num_cases: int,
    folder: Path,
    others: Sequence[tuple[str, str]] = (),
) -> str:
    """Write the page.

    Args:
        found: The results.
        source: The pairs, for the pictures.
        num_cases: Number of worst pairs, and largest number of best pairs.
        folder: Folder of the page.
        others: Other pages to link to: text, address.
    """
    column = next(iter(found.summary))
    ranked = rank(found.rows, column)
    worst = ranked[:num_cases]
    best = ranked[::-1][: min(num_cases, len(ranked) - len(worst))]
    shown = {row.index for row in (*worst, *best)}
    suspected = flagged_rows(found.rows)[: max(num_cases, 0) * 3]
    num_pairs, num_scored = counted(len(found.rows), "pair"), len(found.rows) - found.num_failed
    return render_page(
        "ebb_train.evaluation",
        "evaluate.html.jinja",
        title=f"{found.name}: {found.split} split",
        about=f"{num_pairs}, {found.num_failed} without scores; data {found.data[:16]}",
        files=[*others, *file_links(folder, FILES)],
        scored=counted(num_scored, "pair"),
        intervals=about_intervals(num_scored),
        tables=metric_tables({found.name: found.summary}, found.groups, "Mean"),
        worst=[_case(row, source, column, folder) for row in worst],
        best=[_case(row, source, column, folder) for row in best],
        ranked_by=title(column),
        suspected=[suspected_case(row, source, folder) for row in suspected],
        pair_tables=[_pair_table(found, group, shown, folder) for group in found.groups],
        model=plain_texts(found.model),
    )


def _pair_table(found: Evaluation, group: str, shown: Collection[int], folder: Path) -> dict[str, Any]:
    """The scores of every pair under one protocol, or by region."""
    columns = [name for name in found.summary if group_of(name) == group]
    rows = [
        pair_row(row, columns, f"#pair-{row.pair_id}" if row.index in shown else picture_address(row, folder))
        for row in found.rows
    ]
    return {"title": group, "heads": ["pair", "status", *map(title_of, columns)], "rows": rows}


def picture_address(row: Row, folder: Path) -> str:
    """Address of the picture of a pair, relative to the folder of a page; empty if there is none."""
    return address(row.picture, folder) if row.picture else ""


def rank(rows: Sequence[Row], column: str) -> list[Row]:
    """Pairs with a score in a column, the worst first; ties in the order of the rows."""
    sign = -1 if lower_is_better(column) else 1
    scored = [row for row in rows if not math.isnan(row.scores.get(column, math.nan))]
    return sorted(scored, key=lambda row: sign * row.scores[column])


def title(column: str) -> str:
    """Heading of a column: ``PSNR ↑ (ebb)`` for ``ebb.psnr``."""
    return f"{title_of(column)} ({group_of(column)})"


def pair_row(row: Row, columns: Sequence[str], target: str = "") -> dict[str, Any]:
    """Row of a table of pairs.

    Args:
        row: The scores of the pair.
        columns: Columns of the table.
        target: Address that the id of the pair links to.
    """
    said = str(row.status) if row.status is Status.OK else f"{row.reason}: {row.detail}"
    return {
        "failed": row.status is not Status.OK,
        "address": target,
        "texts": [row.pair_id, said],
        "numbers": [number_cell(row.scores.get(name), ".4f") for name in columns],
    }


def plain_texts(values: dict[str, Any]) -> dict[str, str]:
    """Values as text, for a list on a page."""
    return {
        name: value if isinstance(value, str) else json.dumps(value, sort_keys=True)
        for name, value in values.items()
    }


def _case(row: Row, source: Source, column: str, folder: Path) -> dict[str, Any]:
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
        "links": [("output", picture_address(row, folder))],
    }
