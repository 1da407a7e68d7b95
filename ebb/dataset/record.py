"""A row of a shard: the dataclass, its Arrow schema and the checks of its values.

The types of :class:`Record` are the schema, with a column for each stored measurement of
:mod:`ebb.measurements`: a column is added by adding a field here or there and raising
:data:`SCHEMA_VERSION`. GPS positions and serial numbers have no column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping  # noqa: TC003
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the types of the fields are the schema
from typing import TYPE_CHECKING, Any

from ebb.arrays import Size
from ebb.dataset.columns import COUNT, IMAGE, NUMBER, Column, Grid, Matrix, Npy, Png, columns_of, short
from ebb.errors import InvalidInput
from ebb.formats.npy import npy_size
from ebb.formats.png import png_header
from ebb.measurement_types import Unit
from ebb.measurements import STORED
from ebb.pair_ids import PAIR_PATTERN, SCENE_PATTERN, scene_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

SCHEMA_VERSION = 7
"""Raised whenever a column is added, removed or changes its type or meaning."""

VERSION_KEY = b"ebb_schema_version"
"""Key of :data:`SCHEMA_VERSION` in the schema metadata."""

MEASUREMENT_COLUMNS: tuple[Column, ...] = tuple(
    Column(row.name, COUNT if row.kind is int else NUMBER) for row in STORED
)
"""Measurements of the pair; see :mod:`ebb.measurements`."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """An aligned pair with its depth map; ``None`` and ``""`` stand for unknown values.

    Raises:
        InvalidInput: a value is not valid; the message names the field.
    """

    pair_id: str
    """16 hex digits; of a series, those of the scene and the f-number in tenths (:mod:`ebb.pair_ids`)."""
    scene: str = ""
    """Equal for the pairs of a series, which share the wide photo; without a value, that of ``pair_id``."""
    wide: Png
    """8-bit RGB PNG, the photo with the large depth of field."""
    shallow: Png
    """8-bit RGB PNG of the same size, the photo with the shallow depth of field."""
    depth: Png | None = None
    """8-bit grey PNG of half that size (rounded down): inverse depth of the wide photo, near is bright."""
    depth_float16: Npy | None = None
    """The same in half precision, values in 0…1; inverse depth is min + value · (max − min)."""
    depth_min: float | None = None
    """Inverse depth where ``depth_float16`` is 0; only the ratio of differences means something."""
    depth_max: float | None = None
    """Inverse depth where ``depth_float16`` is 1."""
    width: int
    height: int
    f_number_wide: float | None = None
    f_number_shallow: float | None = None
    focal_length_mm: float | None = None
    exposure_time_s_wide: float | None = None
    exposure_time_s_shallow: float | None = None
    iso_wide: float | None = None
    iso_shallow: float | None = None
    camera: str = ""
    lens: str = ""
    captured_at_wide: datetime | None = None
    """Time on the camera's clock, without a zone, to the microsecond."""
    captured_at_shallow: datetime | None = None
    motion_model: str = ""
    H_shallow_to_wide: Matrix | None = None
    """9 numbers, row by row: maps (x, y) of the full-size shallow photo to the full-size wide photo; not
    applied to pairs that were imported unchanged."""
    crop_x: int
    """The common crop, in pixels of the full-size wide photo."""
    crop_y: int
    crop_width: int
    crop_height: int
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Measurements of the alignment by name, those that are known; a column for each of
    :data:`ebb.measurements.STORED`."""
    defocus_map: Grid | None = None
    """Blur of the shallow photo in each part of the wide photo, before the crop: median diameter of the disc,
    in pixels at 1024 px height."""
    refused_for: str = ""
    """Of a pair that was imported unchanged: the reasons for which the limits would reject it, separated by
    commas, the one that decides first; empty: none."""
    near_duplicates: str = ""
    """Smallest scene of its group of near-duplicates, its own included; empty: it has none."""
    depth_provider: str
    source_wide: str
    """File name without a folder; control characters and backslashes are written as %XX."""
    source_shallow: str
    source_wide_sha256: str
    source_shallow_sha256: str
    software: str
    """Names and versions of the software that made the row."""

    def __post_init__(self) -> None:
        if not self.scene and isinstance(self.pair_id, str):
            object.__setattr__(self, "scene", scene_of(self.pair_id))
        _check_measurements(self.measurements)
        values = _values(self)
        for column in COLUMNS:
            column.check(values[column.name])
        _check_names(self)
        _check_numbers(self)
        _check_images(self)
        _check_float_depth(self)


def _in_order() -> Iterator[Column]:
    """Yield the columns with the measurements after the crop."""
    for column in columns_of(Record):
        yield column
        if column.name == "crop_height":
            yield from MEASUREMENT_COLUMNS


COLUMNS: tuple[Column, ...] = tuple(_in_order())
"""Every column, in the order of the schema."""

IMAGE_COLUMNS: tuple[str, ...] = tuple(column.name for column in COLUMNS if column.kind is IMAGE)


def schema() -> pa.Schema:
    """Arrow schema of a shard, with its version and the Hugging Face features as metadata."""
    import pyarrow as pa

    features = {column.name: column.kind.hf_feature() for column in COLUMNS}
    return pa.schema(
        [pa.field(column.name, column.kind.arrow()) for column in COLUMNS],
        metadata={
            VERSION_KEY: str(SCHEMA_VERSION).encode(),
            b"huggingface": json.dumps({"info": {"features": features}}).encode(),
        },
    )


def image_path(pair_id: str, column: str) -> str:
    """Return the path that is stored with an image: ``<pair_id>_wide.png``."""
    return f"{pair_id}_{column}.png"


def record_row(record: Record) -> dict[str, Any]:
    """Convert a record to the plain values of an Arrow row."""
    row = _values(record)
    for name in IMAGE_COLUMNS:
        if row[name] is not None:
            row[name] = {"bytes": row[name], "path": image_path(record.pair_id, name)}
    return row


def _values(record: Record) -> dict[str, Any]:
    """Return the value of every column."""
    measured = {column.name: record.measurements.get(column.name) for column in MEASUREMENT_COLUMNS}
    return {
        column.name: measured[column.name] if column.name in measured else getattr(record, column.name)
        for column in COLUMNS
    }


def from_row(row: Mapping[str, Any]) -> Record:
    """Convert an Arrow row to a record and check every value.

    Raises:
        InvalidInput: a column is missing or unknown, or a value is not valid; the message names it.
    """
    names = {column.name for column in COLUMNS}
    if odd := sorted(names ^ row.keys()):
        raise InvalidInput(f"{odd[0]}: column is {'missing' if odd[0] in names else 'unknown'}")
    _check_match("pair_id", row["pair_id"], *_PAIR_ID)  # before image names are made from it
    values = dict(row)
    for name in IMAGE_COLUMNS:
        values[name] = _image_bytes(row, name)
    for column in COLUMNS:
        if column.kind.length and isinstance(row[column.name], list):
            values[column.name] = tuple(row[column.name])
    measured = {column.name: values.pop(column.name) for column in MEASUREMENT_COLUMNS}
    known = {name: value for name, value in measured.items() if value is not None}
    return Record(**values, measurements=known)


def checked_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """Values of some columns of one Arrow row: of images the bytes, which are not looked into.

    Raises:
        InvalidInput: a column holds what no row may hold; the message names it.
    """
    values = {}
    for column in COLUMNS:
        if column.name in row:
            value = row[column.name]
            if column.kind is IMAGE and value is not None:
                value = _bytes_of(value, column.name)
            column.check(tuple(value) if column.kind.length and isinstance(value, list) else value)
            values[column.name] = value
    return values


def check_schema(found: pa.Schema) -> None:
    """Compare the columns of a file with those of :func:`schema`.

    Raises:
        InvalidInput: another schema version, or a missing, repeated, unknown or differently typed column.
    """
    version = (found.metadata or {}).get(VERSION_KEY, b"none").decode(errors="replace")
    if version != str(SCHEMA_VERSION):
        raise InvalidInput(f"{VERSION_KEY.decode()} is {version[:20]!r}, this program reads {SCHEMA_VERSION}")
    expected = schema()
    if len(set(found.names)) != len(found.names):
        raise InvalidInput("a column name is there twice")
    if odd := sorted(set(expected.names) ^ set(found.names)):
        raise InvalidInput(f"{odd[0]}: column is {'missing' if odd[0] in expected.names else 'unknown'}")
    for column in expected:
        if found.field(column.name).type != column.type:
            raise InvalidInput(f"{column.name}: type is {found.field(column.name).type}, not {column.type}")


def _image_bytes(row: Mapping[str, Any], name: str) -> bytes | None:
    """Return the PNG of an image cell, after a check of its path."""
    cell = row[name]
    if cell is None:
        return None
    path = image_path(row["pair_id"], name)
    if not isinstance(cell, dict) or cell.keys() != {"bytes", "path"} or cell["path"] != path:
        raise InvalidInput(f"{name}: not the image {path!r}")
    return _bytes_of(cell, name)


def _bytes_of(cell: object, name: str) -> bytes:
    data = cell.get("bytes") if isinstance(cell, dict) else None
    if not isinstance(data, bytes):
        raise InvalidInput(f"{name}: has a path but no bytes")
    return data


def _check_measurements(measured: Mapping[str, float]) -> None:
    stored = {row.name: row for row in STORED}
    if odd := sorted(measured.keys() - stored.keys()):
        raise InvalidInput(f"{odd[0]}: no measurement of that name has a column")
    for name, value in measured.items():
        if stored[name].unit is Unit.SHARE and not 0 <= value <= 1:
            raise InvalidInput(f"{name}: expected a share between 0 and 1, got {value}")


_PAIR_ID = PAIR_PATTERN, "16 hex digits"
_SCENE = SCENE_PATTERN, "16 hex digits"
_SHA256 = "[0-9a-f]{64}", "64 hex digits"
_FILE_NAME = r"(?!\.{1,2}$)[^/\\\x00-\x1f]+", "a file name without a folder"


def _check_names(record: Record) -> None:
    _check_match("pair_id", record.pair_id, *_PAIR_ID)
    _check_match("scene", record.scene, *_SCENE)
    for name in ("source_wide", "source_shallow"):
        _check_match(name, getattr(record, name), *_FILE_NAME)
        _check_match(f"{name}_sha256", getattr(record, f"{name}_sha256"), *_SHA256)


def _check_match(name: str, value: object, pattern: str, expected: str) -> None:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise InvalidInput(f"{name}: expected {expected}, got {short(value)}")


def _check_numbers(record: Record) -> None:
    for name in ("width", "height", "crop_width", "crop_height"):
        if getattr(record, name) < 1:
            raise InvalidInput(f"{name}: expected at least 1 pixel")


def _check_images(record: Record) -> None:
    """Compare the header of each image with the size in the row; pixels are not decoded."""
    full = Size(record.width, record.height)
    half = Size(record.width // 2, record.height // 2)
    for name, size, channels in (("wide", full, 3), ("shallow", full, 3), ("depth", half, 1)):
        data = getattr(record, name)
        if data is None:
            continue
        try:
            header = png_header(data)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error.message}") from error
        if header != (size, channels, 8):
            kind = "RGB" if channels == 3 else "grey"
            raise InvalidInput(
                f"{name}: expected 8-bit {kind} of {size.width}x{size.height} pixels, got {header.bits}-bit, "
                f"{header.channels} channels, {header.size.width}x{header.size.height}"
            )


def _check_float_depth(record: Record) -> None:
    """Check that a float map has a range and an 8-bit map of the same size."""
    parts = (record.depth_float16, record.depth_min, record.depth_max)
    if record.depth_float16 is None or record.depth_min is None or record.depth_max is None:
        if any(part is not None for part in parts):
            raise InvalidInput(
                "depth_float16: expected together with depth_min and depth_max, or none of them"
            )
        return
    if record.depth is None:
        raise InvalidInput("depth_float16: expected beside an 8-bit depth map")
    if record.depth_min > record.depth_max:
        raise InvalidInput(f"depth_min: {record.depth_min} is above depth_max, {record.depth_max}")
    try:
        size = npy_size(record.depth_float16)
    except InvalidInput as error:
        raise InvalidInput(f"depth_float16: {error.message}") from error
    half = Size(record.width // 2, record.height // 2)
    if size != half:
        raise InvalidInput(
            f"depth_float16: expected {half.width}x{half.height} values, got {size.width}x{size.height}"
        )
