"""Writing a data set from arrays, without camera files and stages."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ebb.aligned_pair import AlignedPair
from ebb.api.datasets import Dataset, open_dataset
from ebb.arrays import Rect, Size
from ebb.dataset.index import INDEX_NAME, DatasetIndex, index_text
from ebb.dataset.record import Record
from ebb.dataset.shards import plan_shards, shard_name, write_shard
from ebb.dataset.staging import replacing
from ebb.depthmap.encoding import encode_depth8
from ebb.errors import OutputError, Rejected, UsageError
from ebb.files import atomic_file, sha256_bytes, write_atomic
from ebb.formats.png import encode_png
from ebb.pair_ids import pair_id
from ebb.results import StoredAlignment, stored_alignment
from ebb.settings import ShardSettings
from ebb.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike

    from numpy.typing import NDArray

    from ebb.dataset.shards import ShardEntry
    from ebb.dataset.splits import Split

ArrayPair: TypeAlias = "AlignedPair | tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]"
"""An aligned pair, or a tuple (wide, shallow, depth or None)."""


def write_dataset(
    folder: str | PathLike[str],
    *,
    train: Iterable[ArrayPair] = (),
    val: Iterable[ArrayPair] = (),
    test: Iterable[ArrayPair] = (),
    shard_size: float = ShardSettings().shard_size,
) -> Dataset:
    """Write pairs of arrays as a new data set. The bytes depend only on the arrays and arguments.

    Pairs with equal wide photos are one scene, which should be in one split: ``verify`` tells of others.
    The encoded photos of a split are held in memory until the split is written.

    Args:
        folder: Folder for the shards and ``DATASET.json``; it must not contain shards.
        train: Results of :func:`ebb.align_pair`, or tuples (wide, shallow, depth). Wide and shallow are
            (H, W, 3), uint8, sRGB, of equal size. Depth is inverse depth, larger is nearer, (H // 2, W // 2):
            uint8 values are stored as they are, floats are scaled to 0…255. It may be None.
        val: Pairs of the validation split, likewise.
        test: Pairs of the test split, likewise.
        shard_size: Target size of one shard in megabytes.

    Returns:
        The new data set.

    Raises:
        UsageError: there are no pairs, a pair occurs twice, or an array has the wrong shape or type.
        OutputError: the folder already contains shards, or cannot be written.

    Examples:
        >>> import ebb, numpy as np
        >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
        >>> depth = np.tile(np.linspace(0, 1, 48), (32, 1))
        >>> dataset = ebb.write_dataset("noise", train=[(wide, shallow, depth)])
        >>> int(dataset[0].depth.max()), dataset[0].depth.shape
        (255, (32, 48))
    """
    root = Path(folder)
    if any(root.glob("*.parquet")) or (root / INDEX_NAME).exists():
        raise OutputError("the folder already contains shards", path=root, hint="choose a new folder")
    is_new = not root.exists()
    try:
        with replacing(root) as place:
            _write(place, {"train": train, "val": val, "test": test}, shard_size * 1e6)
    except BaseException:
        if is_new:
            with suppress(OSError):  # it is not empty
                root.rmdir()
        raise
    return open_dataset(root)


def _write(folder: Path, splits: Mapping[Split, Iterable[ArrayPair]], shard_bytes: float) -> None:
    """Write the shards and ``DATASET.json``."""
    shards: dict[str, ShardEntry] = {}
    seen: set[str] = set()
    scenes: dict[str, str] = {}
    num_scenes: dict[str, int] = {}
    for split, pairs in splits.items():
        records = [_record(pair, f"{split}-{number:06d}", scenes) for number, pair in enumerate(pairs)]
        num_scenes[split] = len({record.scene for record in records})
        for record in records:
            if record.pair_id in seen:
                raise UsageError(f"{record.source_wide}: the same pair occurs twice")
            seen.add(record.pair_id)
        spans = plan_shards([_num_bytes(record) for record in records], shard_bytes)
        for index, span in enumerate(spans):
            name = shard_name(split, index, len(spans))
            with atomic_file(folder / name) as file:
                shards[name] = write_shard(file, [records[i] for i in span])
    if not shards:
        raise UsageError("there are no pairs to write")
    write_atomic(folder / INDEX_NAME, index_text(DatasetIndex(shards=shards, scenes=num_scenes)).encode())


def _num_bytes(record: Record) -> int:
    return len(record.wide) + len(record.shallow) + len(record.depth or b"")


def _record(pair: ArrayPair, name: str, scenes: dict[str, str]) -> Record:
    """Make a row; ``scenes`` holds the scene of each wide photo so far, by its hash."""
    wide, shallow, depth = (pair.wide, pair.shallow, None) if isinstance(pair, AlignedPair) else pair
    size = np.shape(wide)
    pngs = [encode_png(_checked(photo, name, (*size[:2], 3))) for photo in (wide, shallow)]
    hashes = [sha256_bytes(png) for png in pngs]
    stored = Size(size[1], size[0])
    aligned = StoredAlignment(size=stored, crop=Rect(0, 0, *stored))
    if isinstance(pair, AlignedPair):
        aligned = stored_alignment(pair.registration, stored)
    return Record(
        **aligned.record_fields(),
        pair_id=pair_id(*hashes),
        scene=scenes.setdefault(hashes[0], pair_id(*hashes)),
        wide=pngs[0],
        shallow=pngs[1],
        depth=None if depth is None else encode_png(_depth8(depth, name, size)),
        depth_provider="none" if depth is None else "array",
        source_wide=f"{name}-wide",
        source_shallow=f"{name}-shallow",
        source_wide_sha256=hashes[0],
        source_shallow_sha256=hashes[1],
        software=f"ebb {__version__}",
    )


def _checked(array: NDArray[Any], name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    found = np.asarray(array)
    if found.shape != shape or found.dtype != np.uint8 or not found.size:
        given = f"not {found.shape} of type {found.dtype}"
        raise UsageError(f"{name}: the array must have shape {shape} and type uint8, {given}")
    return found


def _depth8(depth: NDArray[Any], name: str, size: tuple[int, ...]) -> NDArray[np.uint8]:
    if np.issubdtype(np.asarray(depth).dtype, np.floating):
        try:
            depth = encode_depth8(np.asarray(depth, np.float32))
        except Rejected as error:
            raise UsageError(f"{name}: {error.message}") from error
    return _checked(depth, name, (size[0] // 2, size[1] // 2))
