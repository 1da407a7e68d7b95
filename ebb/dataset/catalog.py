"""The catalogue ``captures.parquet``: one row for each camera file, and the pairs they form."""

from __future__ import annotations

import io
import re
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from ebb.errors import InvalidInput, Reason, Status
from ebb.files import check_regular
from ebb.formats.parquet import read_footer, read_pages, total
from ebb.hints import command
from ebb.names import natural_key
from ebb.pair_ids import scene_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

ROWS_AT_ONCE = 64
MAX_DICTIONARY_BYTES = 2 << 20
"""pyarrow stops at 1 MB."""
FREE_BYTES, MAX_RATIO = 64 << 20, 64
"""What a catalogue may unpack to: so many bytes, and more in proportion to its size."""
MIN_ROW_BYTES = 64
"""A row has at least a hash of a file."""

_NEW_COLUMNS = ("scene", "partner_f_number")

Role = Literal["wide", "shallow", "depth", ""]
Origin = Literal["camera", "import", "realign"]


@dataclass(frozen=True, kw_only=True)
class CatalogRow:
    """Metadata of a camera file, and its pair or the reason why it has none."""

    folder: str
    """The ingested folder."""
    name: str
    """Path within it, with forward slashes."""
    origin: Origin = "camera"
    """camera: to be developed and aligned. import: from an existing data set, to be stored as it is. realign:
    from an existing data set, to be aligned."""
    sha256: str = ""
    width: int = 0
    """Width of the developed, upright photo."""
    height: int = 0
    camera: str = ""
    lens: str = ""
    serial: str = ""
    focal_length_mm: float | None = None
    f_number: float | None = None
    exposure_time_s: float | None = None
    iso: float | None = None
    captured_at: datetime | None = None
    orientation: int = 1
    role: Role = ""
    scene: str = ""
    """One wide photo with all its shallow ones; see :mod:`ebb.pair_ids`."""
    pair_id: str = ""
    """Of a wide photo with several pairs, and of its depth file, that of the largest aperture."""
    partner: str = ""
    partner_f_number: float | None = None
    status: Status = Status.OK
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True)
class Pair:
    """Two captures of one scene, and the depth file of the wide one, if any; pairs of a series share both."""

    pair_id: str
    wide: CatalogRow
    shallow: CatalogRow
    depth: CatalogRow | None = None
    series: tuple[str, ...] = ()
    """SHA-256 of all shallow photos of a scene with several, in the order of the pairs."""

    @property
    def scene(self) -> str:
        """One wide photo with all its shallow ones."""
        return scene_of(self.pair_id)

    @property
    def is_imported(self) -> bool:
        """Whether the pair is from an existing data set and its photos stay as they are."""
        return self.wide.origin == "import"


def write_catalog(rows: Sequence[CatalogRow]) -> bytes:
    """Return a Parquet file of the rows, in their order."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=catalog_schema())
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return sink.getvalue()


def read_catalog(path: Path) -> list[CatalogRow]:
    """Read the catalogue.

    Raises:
        InvalidInput: the file is missing, damaged or has other columns.
    """
    import pyarrow as pa

    if not path.exists():
        hint = f"make it with: {command('ingest RAW_DIR', path.parent)}"
        raise InvalidInput("no catalogue here", path=path, hint=hint)
    try:
        return [_row(values) for values in _read_rows(path)]
    except (pa.ArrowException, OSError, ValueError, TypeError, InvalidInput) as error:
        raise InvalidInput(
            f"not a readable catalogue: {error}",
            path=path,
            hint="remove it and run ebb ingest again, for every folder of photos: no work is lost",
        ) from error


def _read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows a few at a time, so that a small file cannot expand to gigabytes.

    Raises:
        InvalidInput: its texts are far larger than the file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    check_regular(path)
    limit = FREE_BYTES + MAX_RATIO * path.stat().st_size
    with pq.ParquetFile(path, page_checksum_verification=True) as file, path.open("rb") as raw:
        footer = read_footer(raw)
        pages = [read_pages(raw, chunk) for chunk in footer.chunks(range(len(footer.numbers)))]
        if max((page.dictionary_bytes for page in pages), default=0) > MAX_DICTIONARY_BYTES:
            raise InvalidInput("it has a dictionary of more than 2 MB")
        if total(pages).data_bytes > limit or file.metadata.num_rows > limit // MIN_ROW_BYTES:
            raise InvalidInput("it unpacks to far more than its size")
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            limit -= batch.nbytes
            if limit < 0:
                raise InvalidInput("its texts are far larger than the file")
            yield from _completed(pa.Table.from_batches([batch])).cast(catalog_schema()).to_pylist()


def _completed(table: pa.Table) -> pa.Table:
    """Add the columns that catalogues did not have before there were series."""
    import pyarrow as pa

    schema = catalog_schema()
    if {*table.column_names, *_NEW_COLUMNS} != {*schema.names} or len(table.columns) == len(schema):
        return table
    scenes = [scene_of(pair_id or "") for pair_id in table.column("pair_id").to_pylist()]
    table = table.append_column("scene", pa.array(scenes, pa.string()))
    table = table.append_column("partner_f_number", pa.nulls(len(table), pa.float64()))
    return table.select(schema.names)


def catalog_schema() -> pa.Schema:
    """Columns of the catalogue."""
    import pyarrow as pa

    text = ("folder", "name", "origin", "sha256", "camera", "lens", "serial")
    real = ("focal_length_mm", "f_number", "exposure_time_s", "iso", "partner_f_number")
    types: dict[str, Any] = dict.fromkeys(text, pa.string()) | dict.fromkeys(real, pa.float64())
    types |= dict.fromkeys(("width", "height", "orientation"), pa.int32())
    types |= {"captured_at": pa.timestamp("us")}
    order = list(CatalogRow.__dataclass_fields__)
    return pa.schema([(name, types.get(name, pa.string())) for name in order])


def pairs_of(rows: Iterable[CatalogRow]) -> list[Pair]:
    """Pairs of the catalogue, in order of capture time, name and aperture: the order of every later stage."""
    wide: dict[str, CatalogRow] = {}
    shallow: dict[str, CatalogRow] = {}
    depth: dict[str, CatalogRow] = {}
    parts = {"wide": wide, "shallow": shallow, "depth": depth}
    for row in rows:
        if row.pair_id and row.role and row.status is Status.OK:
            key = row.pair_id if row.role == "shallow" else scene_of(row.pair_id)
            parts[row.role][key] = row
    pairs = [
        Pair(key, wide[scene], row, depth.get(scene))
        for key, row in shallow.items()
        if (scene := scene_of(key)) in wide
    ]
    scenes = scenes_of(sorted(pairs, key=_shooting_order)).values()
    return [pair for scene in scenes for pair in (_as_series(scene) if len(scene) > 1 else scene)]


def _as_series(scene: Sequence[Pair]) -> list[Pair]:
    series = tuple(pair.shallow.sha256 for pair in scene)
    return [replace(pair, series=series) for pair in scene]


def scenes_of(pairs: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Pairs of each scene, in their order."""
    scenes: dict[str, list[Pair]] = {}
    for pair in pairs:
        scenes.setdefault(pair.scene, []).append(pair)
    return scenes


def _shooting_order(pair: Pair) -> tuple[Any, ...]:
    when = pair.wide.captured_at or datetime.min  # noqa: DTZ901 - camera clocks have no zone
    return when, natural_key(pair.wide.name), pair.pair_id


_REQUIRED = tuple(item.name for item in fields(CatalogRow) if "None" not in str(item.type))


def _row(values: dict[str, Any]) -> CatalogRow:
    """Make a row of its stored values.

    Raises:
        ValueError: a value is missing or is none of the words that its column may hold.
    """
    missing = [name for name in _REQUIRED if values[name] is None]
    if missing:
        raise ValueError(f"{missing[0]} is missing in a row")
    for name, words in (("role", get_args(Role)), ("origin", get_args(Origin))):
        if values[name] not in words:
            raise ValueError(f"{name} is {values[name]!r}")
    reason = Reason(values["reason"]) if values["reason"] else None
    if not re.fullmatch("[0-9a-z]*(-[0-9a-z]+)*", values["pair_id"]):  # it becomes the name of a folder
        raise ValueError(f"{values['pair_id']!r} is not a pair_id")
    return CatalogRow(**{**values, "status": Status(values["status"]), "reason": reason})
