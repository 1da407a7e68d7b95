"""Plain-text tables: aligned columns, wrapped if the terminal is narrow."""

from __future__ import annotations

import shutil
import sys
import textwrap
from itertools import zip_longest
from typing import TYPE_CHECKING

from ebb.names import one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GAP = "  "
NARROWEST = 10
"""Smallest width of a wrapped column of prose; below it, whole rows are wrapped."""


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Format a table with aligned columns; numbers are right-aligned.

    Args:
        headers: Header of each column.
        rows: Cells, printed as their ``str`` in one line.
        width: Characters in a line; None: the width of the terminal, or no limit without a terminal.
    """
    width = width or terminal_width()
    cells = [[printable(one_line(str(cell))) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    if width is not None and _total(widths) > width:
        widths = _narrowed(widths, cells, width)
        if _total(widths) > width:
            return "\n".join(_flow(line, width) for line in [headers, *cells])
    right = [bool(rows) and all(isinstance(row[i], int | float) for row in rows) for i in range(len(headers))]
    lines = [headers, ["-" * width for width in widths], *cells]
    return "\n".join(text for line in lines for text in _aligned(line, widths, right))


def terminal_width() -> int | None:
    """Characters in a line of the terminal; None if standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _narrowed(widths: Sequence[int], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """Reduce the widest column of prose until the table fits or no column can be narrower."""
    narrowed = list(widths)
    prose = [i for i in range(len(widths)) if any(" " in row[i] for row in cells)]
    while _total(narrowed) > width and prose:
        widest = max(prose, key=lambda i: narrowed[i])
        if narrowed[widest] <= NARROWEST:
            break
        narrowed[widest] -= 1
    return narrowed


def _aligned(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> Iterator[str]:
    """Yield the lines of one row."""
    wrapped = [
        textwrap.wrap(cell, width, break_on_hyphens=False) or [""]
        for cell, width in zip(line, widths, strict=True)
    ]
    for parts in zip_longest(*wrapped, fillvalue=""):
        yield GAP.join(
            part.rjust(width) if to_right else part.ljust(width)
            for part, width, to_right in zip(parts, widths, right, strict=True)
        ).rstrip()


def _flow(line: Sequence[str], width: int) -> str:
    """Format a row as running text with a hanging indent."""
    text = GAP.join(cell for cell in line if cell)
    return textwrap.fill(text, width, subsequent_indent=2 * GAP, break_on_hyphens=False)
