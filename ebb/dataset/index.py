"""``DATASET.json``: the list of shards with their hashes. It is written last and marks a complete set."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.record import SCHEMA_VERSION
from ebb.dataset.shards import ShardEntry, parse_shard_name
from ebb.dataset.splits import SPLITS
from ebb.documents import parse_json
from ebb.errors import InvalidInput
from ebb.files import read_bytes, sha256_bytes
from ebb.hints import write_shards_again
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebb.dataset.splits import Split

INDEX_NAME = "DATASET.json"


@dataclass(frozen=True, kw_only=True)
class DatasetIndex:
    """Contents of ``DATASET.json``; the same dataset gives the same text."""

    schema_version: int = SCHEMA_VERSION
    shards: Mapping[str, ShardEntry]
    """File name → size and hash of the shard."""
    scenes: Mapping[str, int] = field(default_factory=dict)
    """Split → number of wide photos, each of which may have several pairs; without a value, one a pair."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Section → settings of that stage."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Status or reason → number of pairs."""
    software: Mapping[str, str] = field(default_factory=dict)
    """Package → version."""
    card_sha256: str = ""
    """SHA-256 of the dataset card; empty: there is none."""

    def names(self, split: Split) -> list[str]:
        """Shards of a split, in order."""
        return sorted(name for name in self.shards if parse_shard_name(name).split == split)

    def num_pairs(self, split: Split) -> int:
        """Records of a split."""
        return sum(self.shards[name].rows for name in self.names(split))

    def num_scenes(self, split: Split) -> int:
        """Scenes of a split."""
        return self.scenes.get(split, self.num_pairs(split))


def index_text(index: DatasetIndex) -> str:
    """Text of ``DATASET.json``: canonical JSON without times, with its own hash, and a newline."""
    splits = {split: index.num_pairs(split) for split in SPLITS}
    shards = [{"name": name, **asdict(entry)} for name, entry in sorted(index.shards.items())]
    values = {
        "schema_version": index.schema_version,
        "splits": splits,
        "scenes": {split: index.num_scenes(split) for split in SPLITS},
        "shards": shards,
        "settings": index.settings,
        "counts": index.counts,
        "software": index.software,
        "card_sha256": index.card_sha256,
    }
    return canonical_json({**values, "sha256": _sha256(values)}) + "\n"


def _sha256(values: Mapping[str, Any]) -> str:
    return sha256_bytes(canonical_json(values).encode())


def parse_index(text: str | bytes, path: Path | None = None) -> DatasetIndex:
    """Read ``DATASET.json`` and check everything in it.

    Args:
        text: Contents of the file.
        path: Where it came from, for messages.

    Raises:
        InvalidInput: not JSON, another schema version, an unknown or missing key, a value of another type,
            a name that is no shard's, a set of shards that is not complete, or a value that was changed;
            the message names the field.
    """
    hint = write_shards_again(path.parent) if path is not None else ""
    values = parse_json(text, path, hint=hint)
    try:
        return _index(values)
    except InvalidInput as error:
        raise InvalidInput(error.message, path=path, hint=hint) from error


def _index(values: object) -> DatasetIndex:
    if isinstance(values, dict) and values.get("schema_version") != SCHEMA_VERSION:
        found = str(values.get("schema_version"))[:20]
        raise InvalidInput(f"schema_version: is {found!r}, this program reads {SCHEMA_VERSION}")
    top = _check_keys("index", values, _INDEX_CHECKS)
    shards = dict(_shard(number, entry) for number, entry in enumerate(top["shards"]))
    if len(shards) != len(top["shards"]):
        raise InvalidInput("shards: a name is there twice")
    index = DatasetIndex(
        shards=shards,
        scenes=top["scenes"],
        settings=top["settings"],
        counts=top["counts"],
        software=top["software"],
        card_sha256=top["card_sha256"],
    )
    for split in SPLITS:
        _check_complete(index, split, top["splits"].get(split))
        num_scenes, num_pairs = index.num_scenes(split), index.num_pairs(split)
        if not bool(num_pairs) <= num_scenes <= num_pairs:
            raise InvalidInput(f"scenes.{split}: is {num_scenes}, the shards hold {num_pairs} pairs")
    if top["sha256"] != _sha256({name: value for name, value in top.items() if name != "sha256"}):
        raise InvalidInput("sha256: is not that of the other values, so one of them was changed")
    return index


def _shard(number: int, entry: object) -> tuple[str, ShardEntry]:
    checked = dict(_check_keys(f"shards[{number}]", entry, _SHARD_CHECKS))
    name = checked.pop("name")
    try:
        parse_shard_name(name)
    except InvalidInput as error:
        raise InvalidInput(f"shards[{number}].name: {error.message}") from error
    return name, ShardEntry(**checked)


def _check_complete(index: DatasetIndex, split: Split, num_pairs: object) -> None:
    """Shards 0 … n − 1 of n are all there and add up to what ``splits`` says."""
    names = [parse_shard_name(name) for name in index.names(split)]
    if [(name.index, name.count) for name in names] != [(i, len(names)) for i in range(len(names))]:
        raise InvalidInput(f"shards: the shards of {split} are not complete")
    if index.num_pairs(split) != num_pairs:
        raise InvalidInput(f"splits.{split}: is {num_pairs!r}, the shards hold {index.num_pairs(split)}")


def _check_keys(
    where: str, values: object, checks: Mapping[str, Callable[[object], bool]]
) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise InvalidInput(f"{where}: not an object")
    if odd := sorted(values.keys() ^ checks.keys()):
        raise InvalidInput(f"{where}.{odd[0][:40]}: {'missing' if odd[0] in checks else 'unknown'}")
    for key, is_valid in checks.items():
        if not is_valid(values[key]):
            raise InvalidInput(f"{where}.{key}: has a value of another kind")
    return values


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _is_counts(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_count, value.values()))


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


_INDEX_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "schema_version": _is_count,
    "splits": lambda value: _is_counts(value) and set(value) == set(SPLITS),  # type: ignore[call-overload]
    "scenes": lambda value: _is_counts(value) and set(value) == set(SPLITS),  # type: ignore[call-overload]
    "shards": lambda value: isinstance(value, list),
    "settings": lambda value: isinstance(value, dict),
    "counts": _is_counts,
    "software": _is_texts,
    "card_sha256": lambda value: value == "" or _is_sha256(value),
    "sha256": _is_sha256,
}
_SHARD_CHECKS: Mapping[str, Callable[[object], bool]] = {
    "name": lambda value: isinstance(value, str),
    "rows": _is_count,
    "row_groups": _is_count,
    "num_bytes": _is_count,
    "sha256": _is_sha256,
}


def read_index(folder: Path) -> DatasetIndex:
    """Read ``DATASET.json`` of a folder of shards.

    Raises:
        InvalidInput: it is missing, so the shards are not finished, or it is damaged.
    """
    path = folder / INDEX_NAME
    if not path.exists():
        raise InvalidInput("the shards are not finished", path=path, hint=write_shards_again(folder))
    return parse_index(read_bytes(path), path)


def find_shards(folder: Path) -> Path | None:
    """Return the folder or its ``shards``, the first that holds a ``DATASET.json``; None if neither does."""
    places = (folder, folder / "shards")
    return next((place for place in places if (place / INDEX_NAME).exists()), None)
