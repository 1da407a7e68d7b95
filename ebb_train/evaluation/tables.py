"""Results for other programs: JSON, and one row per pair as Parquet and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

from ebb.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb_train.evaluation.scores import Row

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a text that spreadsheets evaluate as a formula."""


def score_columns(rows: Sequence[Row]) -> list[str]:
    """Names of the scores that at least one pair has, in order of first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row.scores))


def table_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Plain values: the status of each pair, and a column per score; None if missing."""
    columns = score_columns(rows)
    return [
        {
            "pair_id": row.pair_id,
            "status": str(row.status),
            "reason": str(row.reason or ""),
            "detail": row.detail,
            "picture": row.picture.name if row.picture else "",
        }
        | {name: row.scores.get(name) for name in columns}
        for row in rows
    ]


def write_tables(rows: Sequence[Row], folder: Path) -> tuple[Path, Path]:
    """Write ``scores.parquet`` and ``scores.csv``; equal rows give equal bytes.

    Raises:
        OutputError: one of them cannot be written.
    """
    plain = table_rows(rows)
    parquet, text = folder / "scores.parquet", folder / "scores.csv"
    write_atomic(parquet, parquet_bytes(plain, score_columns(rows)))
    write_atomic(text, csv_text(plain).encode())
    return parquet, text


def write_json(path: Path, metadata: dict[str, Any]) -> None:
    """Write metadata as JSON; equal metadata give equal bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    text = json.dumps(metadata, indent=2, ensure_ascii=False, allow_nan=False)
    write_atomic(path, f"{text}\n".encode())


def parquet_bytes(rows: Sequence[dict[str, Any]], numbers: Sequence[str]) -> bytes:
    """Parquet with page checksums; the columns ``numbers`` contain doubles, the others text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(rows[0]) if rows else list(numbers)
    schema = pa.schema([(name, pa.float64() if name in numbers else pa.string()) for name in names])
    sink = io.BytesIO()
    table = pa.Table.from_pylist(list(rows), schema=schema)
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def csv_text(rows: Sequence[dict[str, Any]]) -> str:
    """Comma-separated values with a header; numbers at full precision, empty cells for missing ones."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([as_text(name) for name in rows[0]] if rows else [])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def as_text(text: str) -> str:
    """A text that spreadsheets do not evaluate: an apostrophe precedes what looks like a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return as_text(value) if isinstance(value, str) else repr(value)
