"""Tables of results, for HTML templates and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ebb_train.evaluation.summary import Cell, group_of, left_out, title_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb_train.evaluation.published import Published


@dataclass(frozen=True, kw_only=True)
class TextCell:
    """A cell with text, or with a number without interval."""

    text: str
    interval: str = ""
    reason: str = ""
    """Reason for a dash."""

    def __str__(self) -> str:
        return self.text


TableCell: TypeAlias = Cell | TextCell


@dataclass(frozen=True, kw_only=True)
class ResultTable:
    """A table of results."""

    title: str
    corner: str
    """Heading of the first column."""
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[TableCell]]]
    notes: Sequence[str] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    """Definitions of the numbers."""

    @property
    def reasons(self) -> list[str]:
        """Reasons for dashes, each once."""
        return list(dict.fromkeys(cell.reason for _, cells in self.rows for cell in cells if cell.reason))


def metric_tables(
    summaries: Mapping[str, Mapping[str, Cell]], groups: Mapping[str, Mapping[str, str]], what: str
) -> list[ResultTable]:
    """One table per protocol (and one for the regions), with a row per model and a column per metric.

    Args:
        summaries: Model → column → cell; all with the same columns.
        groups: Protocol → its description.
        what: Meaning of the cells, for the titles.
    """
    columns = list(next(iter(summaries.values())))
    tables = []
    for group, definitions in groups.items():
        own = [name for name in columns if group_of(name) == group]
        tables.append(
            ResultTable(
                title=f"{what}, {group}",
                corner=group,
                heads=[title_of(name) for name in own],
                rows=[(model, [cells[name] for name in own]) for model, cells in summaries.items()],
                notes=[
                    f"{model}: {text}"
                    for model, cells in summaries.items()
                    for text in left_out({name: cells[name] for name in own})
                ],
                definitions=definitions,
            )
        )
    return tables


def published_table(table: Published) -> ResultTable:
    """A published table, marked as such."""
    return ResultTable(
        title=f"As published: {table.title}",
        corner=table.heads[0],
        heads=table.heads[1:],
        rows=[(row[0], [TextCell(text=text) for text in row[1:]]) for row in table.rows],
        notes=[f"Source: {source}" for source in table.sources],
    )


def markdown(grid: ResultTable) -> str:
    """The table in GitHub's Markdown, with its title and notes."""
    lines = [
        f"### {grid.title}",
        "",
        _line([grid.corner, *grid.heads]),
        _line(["---", *("---:" for _ in grid.heads)]),
        *(_line([name, *map(_with_interval, cells)]) for name, cells in grid.rows),
    ]
    notes = [*(f"— {reason}" for reason in grid.reasons), *grid.notes]
    return "\n".join([*lines, *(line for note in notes for line in ("", note))]) + "\n"


def _with_interval(cell: TableCell) -> str:
    return f"{cell} ({cell.interval})" if cell.interval else str(cell)


def _line(cells: Sequence[str]) -> str:
    clean = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(clean)} |"
