"""Data sets of aligned pairs: access by index, tables, PyTorch data sets, verification."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.api.progress import CallbackProgress
from ebb.dataset.collection import ShardCollection
from ebb.dataset.index import read_index
from ebb.dataset.shards import parse_shard_name
from ebb.dataset.splits import SPLITS, Split
from ebb.depthmap.encoding import HalfDepth, decode_float16
from ebb.errors import InvalidInput, UsageError
from ebb.extras import check_installed
from ebb.formats.npy import decode_npy
from ebb.formats.png import decode_png
from ebb.settings import RunSettings
from ebb.workspace import finished_shards

if TYPE_CHECKING:
    from collections.abc import Iterator
    from os import PathLike

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from ebb.api.progress import ProgressFunction
    from ebb.api.torch_pairs import TorchPairs
    from ebb.arrays import Gray8, InverseDepth, Rgb8
    from ebb.dataset.record import Record
    from ebb.stages.verify import VerifyReport


class StoredPair:
    """One pair of a data set. Photos are decoded on first access and cached.

    Attributes:
        record: The stored row: metadata, measurements, and the photos as PNG.
        split: ``train``, ``val`` or ``test``.

    Examples:
        >>> import ebb, numpy as np
        >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
        >>> pair = ebb.write_dataset("noise", train=[(wide, shallow, None)])[0]
        >>> pair.split, pair.record.width, np.array_equal(pair.shallow, shallow), pair.depth
        ('train', 96, True, None)
    """

    def __init__(self, record: Record, split: Split) -> None:
        self.record = record
        self.split = split

    def __repr__(self) -> str:
        return f"StoredPair({self.pair_id!r}, split={self.split!r})"

    @property
    def pair_id(self) -> str:
        """Identifier of the pair: 16 hexadecimal digits."""
        return self.record.pair_id

    @cached_property
    def wide(self) -> Rgb8:
        """Photo with the large depth of field: (H, W, 3), uint8, sRGB.

        Raises:
            InvalidInput: the PNG is damaged.
        """
        return self._decoded("wide", self.record.wide)

    @cached_property
    def shallow(self) -> Rgb8:
        """Photo with the shallow depth of field: (H, W, 3), uint8, sRGB.

        Raises:
            InvalidInput: the PNG is damaged.
        """
        return self._decoded("shallow", self.record.shallow)

    @cached_property
    def depth(self) -> Gray8 | None:
        """Inverse depth of the wide photo: (H // 2, W // 2), uint8, larger is nearer; None if not stored.

        Raises:
            InvalidInput: the PNG is damaged.
        """
        return None if self.record.depth is None else self._decoded("depth", self.record.depth)

    @cached_property
    def inverse_depth(self) -> InverseDepth | None:
        """Inverse depth before rounding: (H // 2, W // 2), float32; None unless ``keep_float`` was set.

        Raises:
            InvalidInput: the array is damaged.
        """
        stored, low, high = self.record.depth_float16, self.record.depth_min, self.record.depth_max
        if stored is None or low is None or high is None:
            return None
        return decode_float16(HalfDepth(decode_npy(stored), low, high))

    def _decoded(self, name: str, data: bytes) -> NDArray[np.uint8]:
        try:
            return decode_png(data)
        except InvalidInput as error:
            raise InvalidInput(f"pair {self.pair_id}, {name}: {error.message}") from error


class Dataset:
    """Sequence of the pairs of a data set, or of one split, in the order train, val, test.

    Shards are read lazily, one row group (4 pairs) at a time, and page checksums are verified. Instances can
    be pickled. Open one with :func:`ebb.open_dataset`.

    Examples:
        >>> import ebb, numpy as np
        >>> photos = np.random.default_rng(0).integers(0, 256, (3, 2, 64, 96, 3), np.uint8)
        >>> pairs = [(wide, shallow, None) for wide, shallow in photos]
        >>> dataset = ebb.write_dataset("noise", train=pairs[:2], test=pairs[2:])
        >>> len(dataset), dataset.splits, [pair.split for pair in dataset]
        (3, {'train': 2, 'val': 0, 'test': 1}, ['train', 'train', 'test'])
        >>> dataset[-1].wide.shape, dataset.split("test")[0].pair_id == dataset[2].pair_id
        ((64, 96, 3), True)
    """

    def __init__(self, root: Path, pairs: ShardCollection, split: Split | None = None) -> None:
        self._root, self._pairs, self._split = root, pairs, split

    def __repr__(self) -> str:
        counts = ", ".join(f"{split}: {count}" for split, count in self.splits.items() if count)
        return f"Dataset({str(self._root)!r}, {counts or 'empty'})"

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> StoredPair:
        """Read one pair; negative indices count from the end.

        Raises:
            IndexError: the index is out of range.
            InvalidInput: the pair's shard is damaged.
        """
        try:
            place = range(len(self))[index]
        except IndexError as error:
            raise IndexError(f"pair {index} of {len(self)}") from error
        path, _ = self._pairs.locate(place)
        return StoredPair(self._pairs.read(place), parse_shard_name(path.name).split)

    def __iter__(self) -> Iterator[StoredPair]:
        for place, record in enumerate(self._pairs):
            path, _ = self._pairs.locate(place)
            yield StoredPair(record, parse_shard_name(path.name).split)

    @property
    def folder(self) -> Path:
        """Folder that contains the shards."""
        return self._pairs.folder

    @property
    def splits(self) -> dict[str, int]:
        """Number of pairs of each split in this object."""
        counts: dict[str, int] = dict.fromkeys(SPLITS, 0)
        for name, facts in self._pairs.shards.items():
            counts[parse_shard_name(name).split] += facts.rows
        return counts

    def split(self, name: Split) -> Dataset:
        """Select the pairs of one split.

        Args:
            name: ``train``, ``val`` or ``test``.

        Raises:
            UsageError: the name is not one of the splits.

        Examples:
            >>> import ebb, numpy as np
            >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
            >>> dataset = ebb.write_dataset("noise", test=[(wide, shallow, None)])
            >>> len(dataset.split("train")), len(dataset.split("test"))
            (0, 1)
        """
        return Dataset(self._root, self._of(name), name)

    def to_pandas(self) -> pd.DataFrame:
        """Metadata and measurements as a table with one row per pair.

        Row ``i`` describes ``dataset[i]``. For a dataset folder made by ``ebb run`` the table also has the
        columns ``status``, ``stage``, ``reason`` and ``detail`` and all alignment measurements. Unless a
        single split is selected, pairs that are in no shard (rejected, failed, left out by the settings of
        the shards, or not yet processed) follow after those of the shards. Columns that end in ``_px`` are in
        pixels at a height of 1024.

        Returns:
            The fields of :class:`ebb.dataset.record.Record` without the images, and ``split``. Integer
            columns are nullable; missing values are NaN, NA, NaT, None or empty strings.

        Raises:
            InvalidInput: a shard, the catalogue or the state file is damaged.

        Examples:
            >>> import ebb, numpy as np
            >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
            >>> dataset = ebb.write_dataset("noise", train=[(wide, shallow, None)])
            >>> table = dataset.to_pandas()
            >>> table[["split", "width", "height"]].values.tolist()
            [['train', 96, 64]]
        """
        from ebb.api.table import pairs_table

        return pairs_table(self._pairs, self._root, with_others=self._split is None)

    def to_torch(
        self, split: Split | None = None, crop: int | None = None, *, depth: bool = True, seed: int = 0
    ) -> TorchPairs:
        """Map-style ``torch.utils.data.Dataset`` of (input, target) tensors, float32 in [0, 1].

        The input is (4, h, w): the wide photo (R, G, B; sRGB-encoded) and its inverse depth, upsampled by
        repeating each pixel 2 x 2 times. The target is the shallow photo, (3, h, w). Both have the same
        crop: a random square that depends only on the seed, the epoch (``set_epoch``, initially 0) and the
        index, or the whole photo without an odd last row or column.

        Args:
            split: ``train``, ``val`` or ``test``; None: all pairs of this data set.
            crop: Side of the crops in pixels, even; None: whole photos, which may differ in size.
            depth: Whether inverse depth is the fourth input channel; otherwise the input is (3, h, w).
            seed: Seed of the crops, ≥ 0.

        Raises:
            MissingDependency: PyTorch is not installed.
            UsageError: the crop is odd, the seed is negative, or the split does not exist.

        Examples:
            >>> import ebb, numpy as np
            >>> photos = np.random.default_rng(0).integers(0, 256, (4, 2, 64, 96, 3), np.uint8)
            >>> depth = np.zeros((32, 48), np.uint8)
            >>> dataset = ebb.write_dataset("noise", train=[(*pair, depth) for pair in photos])
            >>> from torch.utils.data import DataLoader
            >>> for inputs, targets in DataLoader(dataset.to_torch("train", crop=32), batch_size=4):
            ...     print(tuple(inputs.shape), tuple(targets.shape))
            (4, 4, 32, 32) (4, 3, 32, 32)
        """
        check_installed("torch", "depth")
        from ebb.api.torch_pairs import TorchPairs

        return TorchPairs(self._of(split), crop, with_depth=depth, seed=seed)

    def verify(self, *, workers: int = 0, progress: ProgressFunction | None = None) -> VerifyReport:
        """Check the hash of every file of the whole data set, decode every photo, and list the problems.

        For a dataset folder the files in ``pairs/`` are hashed as well. The work is done in worker processes.

        Args:
            workers: Number of processes; 0: one per core.
            progress: Called with the name of the stage, the number of finished files and their total.

        Returns:
            ``num_files``, ``num_rows`` and ``problems``: a list of strings, empty if the data set is intact.

        Raises:
            InvalidInput: the shards or ``DATASET.json`` are missing.

        Examples:
            >>> import ebb, numpy as np
            >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
            >>> dataset = ebb.write_dataset("noise", train=[(wide, shallow, None)])
            >>> dataset.verify(workers=1)
            VerifyReport(num_files=1, num_rows=1, problems=[])
        """
        from ebb.api.processes import main_not_imported
        from ebb.stages import verify

        with main_not_imported():
            settings = RunSettings(workers=workers)
            return verify.run(self._root, settings, CallbackProgress(progress), with_inputs=False)

    def _of(self, split: Split | None) -> ShardCollection:
        if split is None:
            return self._pairs
        if split not in SPLITS:
            raise UsageError(f"there is no split {split!r}", hint=f"choose one of: {', '.join(SPLITS)}")
        names = [name for name in self._pairs.shards if parse_shard_name(name).split == split]
        return ShardCollection(self.folder, {name: self._pairs.shards[name] for name in names})


def open_dataset(path: str | PathLike[str]) -> Dataset:
    """Open a data set written by ``ebb run``, ``ebb shard`` or :func:`ebb.write_dataset`.

    Args:
        path: A dataset folder, or a folder that contains only shards and their ``DATASET.json``.

    Raises:
        InvalidInput: the path is not a data set, its shards are unfinished, or ``DATASET.json`` is damaged.

    Examples:
        >>> import ebb, numpy as np
        >>> wide, shallow = np.random.default_rng(0).integers(0, 256, (2, 64, 96, 3), np.uint8)
        >>> _ = ebb.write_dataset("noise", train=[(wide, shallow, None)])
        >>> ebb.open_dataset("noise")
        Dataset('noise', train: 1)
    """
    root = Path(path)
    shards = finished_shards(root)
    index = read_index(shards)
    ordered = {name: index.shards[name] for split in SPLITS for name in index.names(split)}
    return Dataset(root, ShardCollection(shards, ordered))
