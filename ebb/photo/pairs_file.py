"""Manual pairing by a CSV file with the columns ``wide`` and ``shallow``; it replaces all pairing rules."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ebb.errors import Reason, Status, UsageError
from ebb.names import similar
from ebb.pair_ids import ShallowPhoto, pair_ids, scene_of
from ebb.photo.pairing import Role, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from ebb.photo.capture import Capture
    from ebb.settings import IngestSettings

_COLUMNS = ("wide", "shallow")
_DELIMITERS = (",", ";", "\t")


def read_pairs_csv(
    text: str, names: Collection[str], unusable: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Read pairs of file names and resolve them to captures.

    The first row names the columns, in any order; other columns are ignored. The delimiter is a comma, a
    semicolon or a tab. A byte order mark, blank lines, ``./`` and backslashes are accepted. Names are
    compared in Unicode normal form C, as macOS decomposes letters. One wide photo may have several shallow
    ones.

    Args:
        text: Contents of the CSV file.
        names: Paths of the captures relative to the ingested folder, with forward slashes.
        unusable: The other files of the folder, and why they are no captures.

    Returns:
        Pairs (wide, shallow) of members of ``names``, in the order of the file.

    Raises:
        UsageError: there are no rows, a column or value is missing, quotes are unbalanced, a name is unknown
            or ambiguous, a shallow photo is named twice, or a photo is both wide and shallow. The message
            contains the line number.
    """
    index, rest = _index(names), unusable or {}
    wides: dict[str, int] = {}
    shallows: dict[str, int] = {}
    pairs = []
    for line, wide, shallow in _rows(text.removeprefix("\ufeff")):
        pair = (_find(wide, index, line, rest), _find(shallow, index, line, rest))
        if pair[0] == pair[1]:
            raise UsageError(f"line {line}: {pair[0]!r} is both the wide and the shallow photo")
        for name, others in ((pair[0], shallows), (pair[1], wides | shallows)):
            if name in others:
                raise UsageError(f"line {line}: {name!r} is already used in line {others[name]}")
        wides.setdefault(pair[0], line)
        shallows[pair[1]] = line
        pairs.append(pair)
    if not pairs:
        raise UsageError("the pairs file has no rows", hint="write one row per pair: wide,shallow")
    return pairs


def _rows(text: str) -> Iterator[tuple[int, str, str]]:
    """Line number and cells (wide, shallow) of each row that is not blank."""
    if not text.strip():
        raise UsageError("the pairs file is empty", hint="the first line must be: wide,shallow")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    columns: list[int] = []
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if not columns:
                columns = _columns([cell.strip() for cell in row], reader.line_num)
                continue
            values = [row[column] if column < len(row) else "" for column in columns]
            for name, value in zip(_COLUMNS, values, strict=True):
                if not value.strip():
                    raise UsageError(f"line {reader.line_num}: no value in the column {name!r}")
            yield reader.line_num, values[0], values[1]
    except csv.Error as error:
        raise UsageError(f"line {reader.line_num}: not valid CSV: {error}") from error


def _delimiter(text: str) -> str:
    """Delimiter that yields both columns of the header; a comma if none does."""
    header = next(line for line in text.splitlines() if line.strip())
    for delimiter in _DELIMITERS:
        cells = [cell.strip().strip('"').casefold() for cell in header.split(delimiter)]
        if all(column in cells for column in _COLUMNS):
            return delimiter
    return ","


def _columns(header: Sequence[str], line: int) -> list[int]:
    names = [cell.casefold() for cell in header]
    for column in _COLUMNS:
        if names.count(column) != 1:
            problem = "no column" if column not in names else "more than one column"
            found = ", ".join(repr(cell) for cell in header)
            raise UsageError(f"line {line}: {problem} {column!r}", hint=f"the first row has {found}")
    return [names.index(column) for column in _COLUMNS]


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _index(names: Collection[str]) -> Mapping[str, list[str]]:
    """Index from full paths and bare file names to captures."""
    index: dict[str, list[str]] = defaultdict(list)
    for name in names:
        path = _normal(name)
        for key in dict.fromkeys((f"/{path}", PurePosixPath(path).name)):
            index[key].append(name)
    return dict(index)


def _find(name: str, index: Mapping[str, list[str]], line: int, unusable: Mapping[str, str]) -> str:
    """Capture named by a cell."""
    found = _matches(name, index)
    if len(found) == 1:
        return found[0]
    if found:
        hint = f"write the path: {', '.join(sorted(found)[:5])}"
        raise UsageError(f"line {line}: {name.strip()!r} fits {len(found)} files", hint=hint)
    if others := _matches(name, _index(unusable)):
        hint = "remove the line, or replace the file"
        raise UsageError(f"line {line}: {others[0]!r} is no usable photo: {unusable[others[0]]}", hint=hint)
    near = similar(
        _normal(name.strip()).replace("\\", "/"), {path for known in index.values() for path in known}
    )
    hint = f"close: {', '.join(near)}" if near else "names are relative to the ingested folder"
    raise UsageError(f"line {line}: no capture {name.strip()!r}", hint=hint)


def _matches(name: str, index: Mapping[str, list[str]]) -> list[str]:
    """Files that a cell names; a full path takes precedence over a bare file name."""
    plain = _normal(name.strip()).replace("\\", "/")
    spellings = (_normal(name), _normal(name.strip()), plain)  # file names may contain spaces and backslashes
    paths = [f"/{PurePosixPath(spelling)}" for spelling in spellings]
    bare = [spelling for spelling in spellings if "/" not in spelling]
    return next((index[key] for key in (*paths, *bare) if key in index), [])


def pair_by_list(
    captures: Sequence[Capture], pairs: Sequence[tuple[str, str]], settings: IngestSettings
) -> list[Verdict]:
    """Pair only the listed captures, regardless of f-numbers and times.

    Args:
        captures: The readable camera files.
        pairs: Names (wide, shallow), from :func:`read_pairs_csv`.
        settings: Contains the name of the list, for messages.

    Returns:
        One verdict per capture, in the given order.

    Raises:
        UsageError: a name does not match exactly one capture, or two listed files have equal bytes.
    """
    listed = {name for pair in pairs for name in pair}
    chosen = [capture for capture in captures if capture.name in listed]
    _check_bytes(chosen)
    by_name = {capture.name: capture for capture in chosen}
    counts = Counter(capture.name for capture in chosen)
    for name in sorted(listed):
        if counts[name] != 1:
            raise UsageError(f"the pairs file names {name!r}, and {counts[name]} captures have that name")
    source = settings.pairs.name if settings.pairs is not None else "the pairs file"
    of_wide: dict[str, list[Capture]] = defaultdict(list)
    for wide, shallow in pairs:
        of_wide[wide].append(by_name[shallow])
    verdicts: dict[str, Verdict] = {}
    for name, partners in of_wide.items():
        verdicts |= _verdicts(by_name[name], partners, f"as {source} says")
    aside = f"not named in {source}"
    return [
        verdicts.get(capture.name)
        or Verdict(capture, Status.REJECTED, Reason.NOT_IN_PAIRS_FILE, detail=aside)
        for capture in captures
    ]


def _verdicts(wide: Capture, shallow: Sequence[Capture], why: str) -> dict[str, Verdict]:
    """Verdicts of a wide photo and its shallow photos, by name."""
    names = pair_ids(wide.sha256, [ShallowPhoto(one.sha256, one.exif.f_number) for one in shallow])
    found = {}
    sides: list[tuple[Capture, Role, str, Capture]] = []
    for one, name in zip(shallow, names, strict=True):
        sides.append((one, "shallow", name, wide))
        if name == scene_of(name):
            sides.append((wide, "wide", name, one))
    for capture, role, name, other in sides:
        many = f" and {len(shallow) - 1} more" if role == "wide" and len(shallow) > 1 else ""
        detail = f"partner {other.name}{many}, {why}"
        found[capture.name] = Verdict(capture, Status.OK, None, role, name, other.name, detail)
    return found


def _check_bytes(captures: Sequence[Capture]) -> None:
    """Refuse listed files with equal bytes, which would lead to ambiguous pair identifiers."""
    seen: dict[str, Capture] = {}
    for capture in captures:
        other = seen.setdefault(capture.sha256.lower(), capture)
        if other is capture:
            continue
        names = f"{other.name!r} and {capture.name!r}"
        raise UsageError(f"the pairs file names {names}, which have the same bytes", hint="name one of them")
