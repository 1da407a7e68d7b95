"""Pairs with f-numbers, from shards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput
from ebb_train.data.apertures import open_apertures
from tests.helpers.datasets import record, write_ebb, write_set

if TYPE_CHECKING:
    from pathlib import Path


def written(folder: Path, numbers: list[float | None]) -> Path:
    return write_set(
        folder, [[replace(record(i), f_number_shallow=number) for i, number in enumerate(numbers)]]
    )


def test_f_numbers_are_those_of_the_shards(tmp_path: Path) -> None:
    source = open_apertures(written(tmp_path, [1.8, 4.0, 8.0]))
    assert source.f_numbers == (1.8, 4.0, 8.0)
    assert source.read(1).pair_id == record(1).pair_id


@pytest.mark.parametrize(
    ("numbers", "message"),
    [([1.8, None], "1 train pairs without the f-number"), ([1.8, 1.8], r"all train pairs are of f/1\.8")],
)
def test_a_set_without_several_apertures(tmp_path: Path, numbers: list[float | None], message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        open_apertures(written(tmp_path, numbers))
    assert "--series" in caught.value.hint


def test_an_ebb_folder_records_no_f_numbers(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no shards with f-numbers"):
        open_apertures(write_ebb(tmp_path, range(1)))
