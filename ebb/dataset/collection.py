"""Several shards as one sequence of records; files are opened on first use, and some stay open."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from ebb.dataset.index import INDEX_NAME, read_index
from ebb.dataset.shards import ShardReader, parse_shard_name
from ebb.dataset.splits import scene_key
from ebb.errors import InvalidInput
from ebb.hints import write_shards_again

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ebb.dataset.record import Record
    from ebb.dataset.shards import ShardEntry
    from ebb.dataset.splits import Split

OPEN_SHARDS = 32
"""Shards that one process keeps open; opening another one takes the reading of its footer."""


class ShardCollection:
    """The records of some shards of a folder, in the order of the shards.

    It can be pickled for worker processes, each of which opens its own files. It is not thread-safe.

    Args:
        folder: Folder of the shards.
        shards: File name → its entry in ``DATASET.json``.
    """

    def __init__(self, folder: Path, shards: Mapping[str, ShardEntry]) -> None:
        self.folder = folder
        self.shards = dict(shards)
        self._names = list(self.shards)
        self._starts = [0, *accumulate(facts.rows for facts in self.shards.values())]
        self._open: OrderedDict[str, ShardReader] = OrderedDict()

    def __len__(self) -> int:
        return self._starts[-1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": OrderedDict()}

    def __iter__(self) -> Iterator[Record]:
        """Yield all records; one row group is in memory at a time."""
        for name in self._names:
            with self._opened(name) as reader:
                yield from reader

    def locate(self, index: int) -> tuple[Path, int]:
        """Return the shard of a record and its row there.

        Raises:
            IndexError: there is no such record.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"pair {index} of {len(self)}")
        shard = bisect_right(self._starts, index) - 1
        return self.folder / self._names[shard], index - self._starts[shard]

    def read(self, index: int) -> Record:
        """Read one record; page checksums are verified.

        Raises:
            IndexError: there is no such record.
            InvalidInput: it is damaged; the message names the shard.
        """
        path, row = self.locate(index)
        return self._reader(path.name).read(row)

    def read_values(self, index: int, columns: Sequence[str]) -> dict[str, Any]:
        """Read some columns of one record; see :meth:`ebb.dataset.shards.ShardReader.read_values`.

        Raises:
            IndexError: there is no such record.
            InvalidInput: it is damaged; the message names the shard.
        """
        path, row = self.locate(index)
        return self._reader(path.name).read_values(row, columns)

    def _reader(self, name: str) -> ShardReader:
        if name not in self._open:
            self._open[name] = self._opened(name)
        self._open.move_to_end(name)
        if len(self._open) > OPEN_SHARDS:
            self._open.popitem(last=False)[1].close()
        return self._open[name]

    def _opened(self, name: str) -> ShardReader:
        reader = ShardReader(self.folder / name)
        if len(reader) != self.shards[name].rows:
            reader.close()
            message = f"{len(reader)} pairs, {INDEX_NAME} says {self.shards[name].rows}"
            raise InvalidInput(message, path=reader.path, hint=write_shards_again(self.folder))
        return reader


def stored_splits(folder: Path) -> dict[str, Split]:
    """Split of every pair and scene in a folder of shards; shards that cannot be read are passed over."""
    found: dict[str, Split] = {}
    with suppress(InvalidInput):
        for name in read_index(folder).shards:
            with suppress(InvalidInput), ShardReader(folder / name) as reader:
                wides = map(scene_key, reader.column("source_wide_sha256"))
                split = parse_shard_name(name).split
                found.update(dict.fromkeys([*reader.column("pair_id"), *wides], split))
    return found
