"""Metadata and measurements of pairs as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.dataset.columns import ARRAY, IMAGE
from ebb.dataset.record import COLUMNS, schema
from ebb.dataset.shards import ShardReader, parse_shard_name
from ebb.names import portable_name
from ebb.report.status import read_contents, status_of
from ebb.workspace import is_dataset, read_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from ebb.dataset.catalog import Pair
    from ebb.dataset.collection import ShardCollection
    from ebb.report.status import PairStatus
    from ebb.results import StoredAlignment
    from ebb.state import StageRow

SHARD_COLUMNS = tuple(column.name for column in COLUMNS if column.kind not in (IMAGE, ARRAY))
"""Columns of a shard that hold no pixels."""

STATE_COLUMNS = ("status", "stage", "reason", "detail")
"""Columns that only the state of a dataset folder provides."""


def pairs_table(stored: ShardCollection, root: Path, *, with_others: bool) -> pd.DataFrame:
    """Table of pairs: those of the shards in their order, then those that are in no shard.

    Args:
        stored: The shards.
        root: A dataset folder, or a folder that contains only shards.
        with_others: Whether to append the pairs of the catalogue that are in none of these shards.

    Raises:
        InvalidInput: a shard, the catalogue or the state is damaged.
    """
    import pandas as pd
    import pyarrow as pa

    known = _known(root) if is_dataset(root) else {}
    rows = [known.get(row["pair_id"], {}) | row for row in _stored(stored)]
    if with_others:
        in_shards = {row["pair_id"] for row in rows}
        rows += [row for pair_id, row in known.items() if pair_id not in in_shards]
    fields = _fields(known.values(), schema(), has_state=is_dataset(root))
    table = pa.Table.from_pylist([_typed(row, fields) for row in rows], schema=fields)
    integers = {pa.int32(): pd.Int32Dtype()}  # nullable: missing values would turn them into floats
    return table.to_pandas(types_mapper=integers.get)  # type: ignore[no-any-return]


def _stored(stored: ShardCollection) -> Iterable[dict[str, Any]]:
    for name in stored.shards:
        with ShardReader(stored.folder / name) as reader:
            for row in reader.table(SHARD_COLUMNS).to_pylist():
                yield row | {"split": parse_shard_name(name).split}


def _known(root: Path) -> dict[str, dict[str, Any]]:
    """Row of each pair from the catalogue and the state of a dataset folder."""
    with read_workspace(root) as workspace:
        contents = read_contents(workspace)
    return {
        pair.pair_id: _aligned(contents.aligned.get(pair.pair_id)) | _catalogued(pair) | _ended(status)
        for pair, status in zip(contents.pairs, status_of(contents).pairs, strict=True)
    }


def _aligned(row: StageRow[StoredAlignment] | None) -> dict[str, Any]:
    """Measurements and alignment results under the column names of the shards."""
    if row is None:
        return {}
    if row.value is None:
        return dict(row.measurements)
    fields = row.value.record_fields()
    others = {name: value for name, value in fields.items() if name != "measurements"}
    return {**row.value.measurements, **others, **fields["measurements"]}


def _catalogued(pair: Pair) -> dict[str, Any]:
    """Metadata of both photos under the column names of the shards."""
    found: dict[str, Any] = {
        "pair_id": pair.pair_id,
        "scene": pair.scene,
        "camera": pair.wide.camera,
        "lens": pair.wide.lens,
        "focal_length_mm": pair.wide.focal_length_mm,
    }
    for role, row in (("wide", pair.wide), ("shallow", pair.shallow)):
        for name in ("f_number", "exposure_time_s", "iso", "captured_at"):
            found[f"{name}_{role}"] = getattr(row, name)
        found[f"source_{role}"] = portable_name(row.name.rpartition("/")[2])
        found[f"source_{role}_sha256"] = row.sha256
    return found


def _ended(status: PairStatus) -> dict[str, str]:
    """Status of the pair; ``left`` if no stage has processed it."""
    return {
        "split": status.split,
        "status": status.status or "left",
        "stage": status.stage,
        "reason": status.reason or "",
        "detail": status.detail,
    }


def _fields(known: Iterable[Mapping[str, Any]], stored: pa.Schema, *, has_state: bool) -> pa.Schema:
    """Schema: pair and status, then the columns of the shards, then other measurements."""
    import pyarrow as pa

    first = ["pair_id", "split", *(STATE_COLUMNS if has_state else ())]
    names = [name for name in SHARD_COLUMNS if name not in first]
    others = sorted({name for row in known for name in row} - {*first, *names})
    return pa.schema(
        [
            *((name, pa.string()) for name in first),
            *((name, stored.field(name).type) for name in names),
            *((name, pa.float64()) for name in others),
        ]
    )


def _typed(row: Mapping[str, Any], fields: pa.Schema) -> dict[str, Any]:
    """Convert counts to integers: the state stores them as floats."""
    import pyarrow as pa

    return {
        field.name: int(row[field.name])
        if pa.types.is_integer(field.type) and row.get(field.name) is not None
        else row.get(field.name)
        for field in fields
    }
