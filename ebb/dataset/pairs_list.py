"""Pairs of a data set of any layout, from a CSV file."""

from __future__ import annotations

import csv
import difflib
import io
from typing import TYPE_CHECKING

from ebb.dataset.found_pairs import SPLIT_NAMES, FoundPair, Listing, Shot
from ebb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ebb.dataset.splits import Split

LAYOUT = "pairs"
"""Name of the layout of a listing from a CSV file."""

REQUIRED = ("wide", "shallow")
OPTIONAL = ("depth", "split", "f_number_wide", "f_number_shallow")


def read_pairs_list(text: str, names: Collection[str]) -> Listing:
    """Read the pairs of a data set.

    Args:
        text: CSV with a comma, semicolon or tab as delimiter. The first row names the columns, in any order:
            ``wide`` and ``shallow``, and if known ``depth``, ``split`` (train, val or test),
            ``f_number_wide``, ``f_number_shallow``; other columns are ignored. One row is one pair.
        names: Paths of the files, relative to the folder of the data set, with forward slashes; the cells of
            wide, shallow and depth are among them.

    Returns:
        The pairs in the order of the file; files that are in none are ``ignored``.

    Raises:
        UsageError: there are no rows, a column is missing, a file is not there, a value is not valid, or two
            pairs without a split have the same wide photo. The message has the number of the line.
    """
    known = set(names)
    pairs = [_pair(row, line, known) for line, row in _rows(text.removeprefix("\ufeff"))]
    if not pairs:
        raise UsageError("the pairs file has no rows", hint="write one row per pair: wide,shallow")
    used = {name for pair in pairs for name in pair.names.values()}
    return Listing(LAYOUT, tuple(pairs), ignored=tuple(sorted(known - used)))


def _rows(text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line number and cells by column of each row that is not blank."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if columns:
                yield reader.line_num, dict(zip(columns, cells, strict=False))
            else:
                columns = _columns(cells)
    except csv.Error as error:
        raise UsageError(f"line {reader.line_num}: not valid CSV: {error}") from error


def _columns(cells: Sequence[str]) -> list[str]:
    columns = [cell.casefold() for cell in cells]
    for name in (*REQUIRED, *OPTIONAL):
        if columns.count(name) > 1 or (name in REQUIRED and name not in columns):
            problem = "more than one column" if name in columns else "no column"
            raise UsageError(
                f"{problem} {name!r}",
                hint=f"the first row names the columns: {', '.join(REQUIRED + OPTIONAL)}",
            )
    return columns


def _pair(row: Mapping[str, str], line: int, names: Collection[str]) -> FoundPair:
    files = {role: row.get(role, "").replace("\\", "/").removeprefix("./") for role in (*REQUIRED, "depth")}
    for role, name in files.items():
        if name not in names and (name or role in REQUIRED):
            raise _missing(line, role, name, names)
    if files["wide"] == files["shallow"]:
        raise UsageError(f"line {line}: {files['wide']!r} is both the wide and the shallow photo")
    return FoundPair(
        _split(row.get("split", ""), line),
        Shot(files["wide"], _f_number(row.get("f_number_wide", ""), line)),
        Shot(files["shallow"], _f_number(row.get("f_number_shallow", ""), line)),
        files["depth"] or None,
    )


def _missing(line: int, role: str, name: str, names: Collection[str]) -> UsageError:
    if not name:
        return UsageError(f"line {line}: no value in the column {role!r}")
    near = difflib.get_close_matches(name, sorted(names), n=3)
    hint = f"close: {', '.join(near)}" if near else "names are relative to the folder of the data set"
    return UsageError(f"line {line}: no file {name!r}", hint=hint)


def _split(text: str, line: int) -> Split | None:
    if text and text.casefold() not in SPLIT_NAMES:
        raise UsageError(f"line {line}: no split is called {text!r}", hint="train, val or test")
    return SPLIT_NAMES[text.casefold()] if text else None


def _f_number(text: str, line: int) -> float | None:
    digits = text.casefold().removeprefix("f/").removeprefix("f")
    if not digits:
        return None
    try:
        f_number = float(digits)
    except ValueError:
        f_number = 0.0
    if not 0 < f_number < 1000:
        raise UsageError(f"line {line}: {text!r} is no f-number", hint="write 1.8 or f/1.8")
    return f_number
