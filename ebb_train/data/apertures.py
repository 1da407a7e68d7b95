"""Pairs of several apertures: the f-numbers that shards record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.dataset.index import find_shards
from ebb.errors import InvalidInput
from ebb_train.data.sources import ShardSource

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.dataset.splits import Split

HINT = "make one of a series of exposures: ebb run RAW_DIR --series"


class ApertureSource(ShardSource):
    """The pairs of one split of a folder of shards, with their f-numbers.

    Raises:
        InvalidInput: as :class:`~ebb_train.data.sources.ShardSource`, or an f-number is not recorded.
    """

    def __init__(self, folder: Path, split: Split = "train") -> None:
        super().__init__(folder, split)
        found = [self._pairs.read_values(index, ("f_number_shallow",)) for index in range(len(self))]
        numbers = [row["f_number_shallow"] for row in found]
        if any(number is None for number in numbers):
            message = f"{numbers.count(None)} {split} pairs without the f-number of the shallow photo"
            raise InvalidInput(message, path=folder, hint=HINT)
        self.f_numbers: tuple[float, ...] = tuple(map(float, numbers))


def open_apertures(folder: Path, split: Split = "train") -> ApertureSource:
    """Open a data set whose pairs have several apertures.

    Args:
        folder: A dataset folder of ``ebb``, or its folder of shards.
        split: Which pairs.

    Raises:
        SplitIsEmpty: it has no pairs of this split.
        InvalidInput: it has no shards, or f-numbers are not recorded, or all pairs have the same.
    """
    shards = find_shards(folder)
    if shards is None:
        raise InvalidInput("no shards with f-numbers", path=folder, hint=HINT)
    source = ApertureSource(shards, split)
    if len(set(source.f_numbers)) < 2:
        message = f"all {split} pairs are of f/{source.f_numbers[0]:g}"
        raise InvalidInput(message, path=folder, hint=HINT)
    return source
