"""Sources of pairs: a folder of shards, or an EBB! folder as its authors release it.

A source is small and can be sent to workers, which open the files themselves. Only the pair that is read is
held in memory.
"""

from __future__ import annotations

import hashlib
from shlex import quote
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from ebb.arrays import Size
from ebb.dataset.collection import ShardCollection
from ebb.dataset.index import find_shards, read_index
from ebb.dataset.layouts import find_ebb_pairs
from ebb.dataset.splits import SPLITS
from ebb.errors import InvalidInput
from ebb.files import read_bytes
from ebb.formats.image import decode_image, image_size, max_image_bytes
from ebb.formats.png import decode_png
from ebb.settings import MAX_PIXELS, canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb.dataset.splits import Split

STATE = "state.sqlite"
"""File of a dataset folder of ``ebb``, which there is before the shards."""

F_NUMBER = 1.8
"""Of the shallow photos of EBB!."""

_COLUMNS = (*("pair_id", "wide", "shallow", "depth", "source_wide", "source_shallow"), "f_number_shallow")


class SplitIsEmpty(InvalidInput):
    """A data set without pairs of the requested split."""


class Photos(NamedTuple):
    """One pair, decoded."""

    pair_id: str
    wide: Rgb8
    shallow: Rgb8
    depth: Gray8 | None
    """Half the size, rounded down."""
    file_names: tuple[str, ...] = ()
    """Names of the wide and the shallow camera file, where they are known."""
    f_number: float | None = None
    """Of the shallow photo, where it is known."""


class Source(Protocol):
    """Numbered pairs."""

    folder: Path

    def __len__(self) -> int: ...

    def read(self, index: int) -> Photos:
        """Read and decode one pair.

        Raises:
            InvalidInput: it is damaged; the message names the file.
        """
        ...

    def has_depth(self) -> bool:
        """Whether any pair has a depth map, as far as can be seen without decoding."""
        ...

    def fingerprint(self) -> str:
        """64 hex digits that change when the data set does."""
        ...


def open_source(folder: Path, split: Split = "train") -> Source:
    """Open a data set of either kind.

    Args:
        folder: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        split: Which pairs.

    Raises:
        SplitIsEmpty: it has no pairs of this split.
        InvalidInput: it is none of these, or broken.
    """
    if shards := find_shards(folder):
        return ShardSource(shards, split)
    if not folder.is_dir():
        raise InvalidInput("not a folder" if folder.exists() else "no such folder", path=folder)
    if (folder / STATE).is_file():
        hint = f"write them with: ebb shard --dataset {quote(str(folder))}"
        raise InvalidInput("the data set has no shards yet", path=folder, hint=hint)
    return EbbFolder(folder, split)


class ShardSource:
    """The pairs of one split of a finished folder of shards.

    Raises:
        InvalidInput: ``DATASET.json`` is missing or broken, or the split is empty.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        index = read_index(folder)
        self.folder = folder
        self._pairs = ShardCollection(folder, {name: index.shards[name] for name in index.names(split)})
        if not len(self):
            there = {other: index.num_pairs(other) for other in SPLITS}
            raise SplitIsEmpty(f"there are no {split} pairs", path=folder, hint=_pairs_there(there, split))

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int) -> Photos:
        """Read and decode one pair; page checksums are verified.

        Raises:
            InvalidInput: it is damaged; the message names the shard.
        """
        row = self._pairs.read_values(index, _COLUMNS)
        try:
            return _decode(row)
        except InvalidInput as error:
            message = f"pair {row['pair_id']}: {error.message}"
            raise InvalidInput(message, path=self._pairs.locate(index)[0]) from error

    def has_depth(self) -> bool:
        """Whether any pair has a depth map; a damaged one counts, as reading it reports the damage."""
        return any(map(self._may_have_depth, range(len(self))))

    def _may_have_depth(self, index: int) -> bool:
        try:
            return self._pairs.read_values(index, ("depth",))["depth"] is not None
        except InvalidInput:
            return True

    def fingerprint(self) -> str:
        """Hash of the names and hashes of the shards."""
        hashes = {name: shard.sha256 for name, shard in self._pairs.shards.items()}
        return hashlib.sha256(canonical_json(hashes).encode()).hexdigest()


class EbbFolder:
    """The pairs of one split of an EBB! folder: ``train/original/<n>.jpg`` and what belongs to it.

    Raises:
        InvalidInput: it holds no pair of this split, or one of its pairs is not whole.
    """

    def __init__(self, folder: Path, split: Split) -> None:
        names = [path.relative_to(folder).as_posix() for path in folder.glob("*/*/*")]
        listing = find_ebb_pairs(names)
        self.folder = folder
        self._pairs = [pair for pair in listing.pairs if pair.split == split]
        if problems := [problem for problem in listing.problems if problem.startswith(f"{split} ")]:
            message = f"{len(problems)} {split} pairs are not whole, the first: {problems[0]}"
            raise InvalidInput(message, path=folder, hint="complete them, or move them away")
        if not self._pairs:
            there = {other: sum(pair.split == other for pair in listing.pairs) for other in SPLITS}
            raise SplitIsEmpty(f"there are no {split} pairs", path=folder, hint=_pairs_there(there, split))

    def __len__(self) -> int:
        return len(self._pairs)

    def read(self, index: int) -> Photos:
        """Read and decode one pair.

        Raises:
            InvalidInput: a file is missing or damaged, or sizes do not go together; the message names it.
        """
        pair = self._pairs[index]
        wide = _read_image(self.folder / pair.paths.wide, channels=3)
        size = Size(wide.shape[1], wide.shape[0])
        shallow = _read_image(self.folder / pair.paths.shallow, channels=3, wanted=size)
        depth = None
        if pair.paths.depth is not None:
            half = Size(size.width // 2, size.height // 2)
            depth = _read_image(self.folder / pair.paths.depth, channels=1, wanted=half)
        return Photos(f"{pair.split}/{pair.number}", wide, shallow, depth, f_number=F_NUMBER)

    def has_depth(self) -> bool:
        """Whether any pair has a depth map."""
        return any(pair.paths.depth is not None for pair in self._pairs)

    def fingerprint(self) -> str:
        """Hash of the names and lengths of the files; hashing their contents would take minutes."""
        files = sorted(name for pair in self._pairs for name in pair.paths if name is not None)
        sizes = {name: (self.folder / name).stat().st_size for name in files}
        return hashlib.sha256(canonical_json(sizes).encode()).hexdigest()


def _pairs_there(there: Mapping[Split, int], missing: Split) -> str:
    """What the splits hold, and how to score another one, or what is expected where there is no pair at all."""
    if any(there.values()):
        told = f"pairs there are: {', '.join(f'{count} {split}' for split, count in there.items())}"
        other = next(split for split in ("test", "val", "train") if there[split])
        return told if missing == "train" else f"{told}; --split {other} takes those"
    return (
        "neither shards of ebb nor <split>/original and <split>/bokeh of an EBB! folder; of camera files, "
        "make a data set first: ebb run RAW_DIR"
    )


def _decode(row: dict[str, Any]) -> Photos:
    depth = decode_png(row["depth"]) if row["depth"] is not None else None
    names = (row["source_wide"], row["source_shallow"])
    wide, shallow = decode_png(row["wide"]), decode_png(row["shallow"])
    return Photos(row["pair_id"], wide, shallow, depth, names, row["f_number_shallow"])


def _read_image(path: Path, *, channels: int, wanted: Size | None = None) -> Any:  # noqa: ANN401 - RGB or grey
    """Decode a whole file of up to :data:`~ebb.settings.MAX_PIXELS` pixels, or of the size that is wanted."""
    import cv2

    flags = cv2.IMREAD_COLOR_RGB if channels == 3 else cv2.IMREAD_GRAYSCALE
    max_pixels = MAX_PIXELS if wanted is None else wanted.width * wanted.height
    data = read_bytes(path, max_image_bytes())
    try:
        claimed = image_size(data)
        if wanted is not None and sorted(claimed) != sorted(wanted):  # EXIF may turn it
            raise _other_size(claimed, wanted, path)
        pixels = np.asarray(decode_image(data, max_pixels, flags), np.uint8)
    except ValueError as error:
        message = f"not an image, or a damaged one: {error}"
        raise InvalidInput(message, path=path, hint="copy it again") from error
    found = Size(pixels.shape[1], pixels.shape[0])
    if wanted is not None and found != wanted:
        raise _other_size(found, wanted, path)
    return pixels


def _other_size(found: Size, wanted: Size, path: Path) -> InvalidInput:
    message = f"{found.width} x {found.height} pixels; expected {wanted.width} x {wanted.height} beside the wide photo"
    return InvalidInput(message, path=path)
