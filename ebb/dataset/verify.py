"""Checks of a shard: size, hash, rows and images; of all shards: that no scene is in two splits."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import TYPE_CHECKING

from ebb.dataset.record import IMAGE_COLUMNS, Record
from ebb.dataset.shards import ShardReader, parse_shard_name
from ebb.dataset.splits import SPLITS
from ebb.errors import InvalidInput
from ebb.files import check_regular
from ebb.formats.npy import decode_npy
from ebb.formats.png import decode_png

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ebb.dataset.shards import ShardEntry
    from ebb.dataset.splits import Split


def verify_shard(path: Path, entry: ShardEntry) -> list[str]:
    """Check size, hash, row counts and schema of a shard, and decode every image.

    The file is read twice; one row group is in memory at a time.

    Returns:
        One message for each problem, with the name of the shard; empty for an undamaged shard.
    """
    try:
        problems = [*_check_bytes(path, entry), *_check_rows(path, entry)]
    except OSError as error:
        problems = [f"cannot be read: {error.strerror}"]
    return [f"{path.name}: {problem}" for problem in problems]


def divided_scenes(folder: Path, names: Iterable[str]) -> list[str]:
    """Find scenes that are in more than one split; shards that cannot be read are passed over.

    Args:
        folder: Folder of the shards.
        names: File names of the shards.

    Returns:
        One message for each such scene.
    """
    splits: dict[str, set[Split]] = {}
    for name in names:
        with suppress(InvalidInput, OSError), ShardReader(folder / name) as reader:
            for scene in reader.column("scene"):
                splits.setdefault(scene, set()).add(parse_shard_name(name).split)
    return [
        f"scene {scene}: its pairs are in {' and '.join(split for split in SPLITS if split in found)}"
        for scene, found in splits.items()
        if len(found) > 1
    ]


def _check_bytes(path: Path, entry: ShardEntry) -> Iterator[str]:
    check_regular(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        num_bytes = file.tell()
    if num_bytes != entry.num_bytes:
        yield f"{num_bytes} bytes, not {entry.num_bytes}"
    elif sha256 != entry.sha256:
        yield f"SHA-256 is {sha256}, not {entry.sha256}"


def _check_rows(path: Path, entry: ShardEntry) -> Iterator[str]:
    try:
        with ShardReader(path) as reader:
            if len(reader) != entry.rows:
                yield f"{len(reader)} rows, not {entry.rows}"
            if len(reader.row_groups) != entry.row_groups:
                yield f"{len(reader.row_groups)} row groups, not {entry.row_groups}"
            if len(reader) <= entry.rows:  # more cannot be those that were written
                yield from _check_groups(reader)
    except InvalidInput as error:
        yield error.message


def _check_groups(reader: ShardReader) -> Iterator[str]:
    """Check every row group, also after a damaged one."""
    seen: set[str] = set()
    for group in range(len(reader.row_groups)):
        try:
            records = reader.read_group(group)
        except InvalidInput as error:
            yield error.message
            continue
        for record in records:
            if record.pair_id in seen:
                yield f"row group {group}: pair {record.pair_id} is there twice"
            seen.add(record.pair_id)
            yield from _check_pixels(record)


def _check_pixels(record: Record) -> Iterator[str]:
    """Decode each image; its header is compared with the row when the record is made."""
    for name in IMAGE_COLUMNS:
        data = getattr(record, name)
        if data is None:
            continue
        try:
            decode_png(data)
        except InvalidInput as error:
            yield f"pair {record.pair_id}, {name}: {error.message}"
    if record.depth_float16 is not None:
        try:
            decode_npy(record.depth_float16)
        except InvalidInput as error:
            yield f"pair {record.pair_id}, depth_float16: {error.message}"
