"""Photos of refused pairs, opened again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from ebb.dataset.catalog import Pair, pairs_of, read_catalog
from ebb.errors import Broken
from ebb.report.refused import PreviewJob, read_preview, read_previews
from ebb.settings import AlignSettings
from ebb.workspace import read_workspace


@pytest.fixture
def pair(root: Path) -> Pair:
    with read_workspace(root) as workspace:
        return pairs_of(read_catalog(workspace.catalog_file))[0]


def test_photos_are_upright_and_small(pair: Pair) -> None:
    result = read_preview(PreviewJob(pair, AlignSettings(), 64))
    assert result.value is not None
    for photo, row in ((result.value.wide, pair.wide), (result.value.shallow, pair.shallow)):
        assert (max(photo.shape), photo.dtype) == (64, "uint8")
        assert photo.std() > 10
        assert (photo.shape[1] > photo.shape[0]) == (row.width > row.height)


def test_a_pair_with_missing_files_is_absent(pair: Pair) -> None:
    gone = dataclasses.replace(pair, wide=dataclasses.replace(pair.wide, name="gone.jpg"))
    with pytest.raises(Broken):
        read_preview(PreviewJob(gone, AlignSettings(), 64))
    assert read_previews([]) == {}
