"""Pairs out of shards and out of EBB! folders."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb.workspace import open_workspace
from ebb_train.data import sources
from ebb_train.data.sources import EbbFolder, open_source
from tests.helpers.datasets import photos, record, write_ebb, write_set
from tests.helpers.file_parts import png_bomb

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    return write_set(tmp_path / "set" / "shards", [[record(i) for i in range(6)], [record(6)], [record(7)]])


def check_pair(found: sources.Photos, number: int) -> None:
    for image, wanted in zip((found.wide, found.shallow, found.depth), photos(number), strict=True):
        assert image is not None
        np.testing.assert_array_equal(image, wanted)


def test_pairs_of_shards_in_order(shards: Path) -> None:
    source = open_source(shards)
    assert len(source) == 8
    for number in (7, 0, 5, 6, 3):
        check_pair(source.read(number), number)
    assert source.read(2).pair_id == record(2).pair_id


def test_a_dataset_folder_holds_its_shards(shards: Path) -> None:
    assert open_source(shards.parent).folder == shards
    assert open_source(shards.parent).fingerprint() == open_source(shards).fingerprint()


def test_pairs_of_an_ebb_folder_in_order(tmp_path: Path) -> None:
    write_ebb(tmp_path, range(9, 12))
    write_ebb(tmp_path, range(3), "val")
    (tmp_path / "train" / "original" / "notes.txt").write_text("not a photo")
    source = open_source(tmp_path)
    assert isinstance(source, EbbFolder)
    assert [source.read(index).pair_id for index in range(len(source))] == ["train/9", "train/10", "train/11"]
    for index in range(3):
        check_pair(source.read(index), 9 + index)
    assert len(open_source(tmp_path, "val")) == 3


def test_an_ebb_folder_without_depth(tmp_path: Path) -> None:
    assert open_source(write_ebb(tmp_path, range(1), depth=False)).read(0).depth is None


def test_a_source_can_be_pickled(shards: Path) -> None:
    source = open_source(shards)
    source.read(0)
    copy = pickle.loads(pickle.dumps(source))
    check_pair(copy.read(7), 7)


def test_the_fingerprint_follows_the_pairs(tmp_path: Path, shards: Path) -> None:
    other = write_set(tmp_path / "other", [[record(i) for i in range(6)], [record(6)], [record(8)]])
    assert open_source(shards).fingerprint() != open_source(other).fingerprint()
    first = open_source(write_ebb(tmp_path / "ebb", range(2))).fingerprint()
    assert open_source(write_ebb(tmp_path / "again", range(2))).fingerprint() == first
    assert open_source(write_ebb(tmp_path / "ebb", range(3))).fingerprint() != first


def test_a_damaged_page_names_the_shard(shards: Path) -> None:
    path = shards / "train-00000-of-00003.parquet"
    data = bytearray(path.read_bytes())
    position = data.index(record(2).wide) + 500
    data[position] ^= 1
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match=r"train-00000-of-00003\.parquet: row group 0") as caught:
        open_source(shards).read(2)
    assert caught.value.exit_code == 4


def test_a_shard_that_is_not_the_one_of_the_index(shards: Path) -> None:
    (shards / "train-00001-of-00003.parquet").write_bytes((shards / "train-00000-of-00003.parquet").read_bytes())
    with pytest.raises(InvalidInput, match=r"00001-of-00003\.parquet: 6 pairs, DATASET\.json says 1"):
        open_source(shards).read(6)
    (shards / "train-00002-of-00003.parquet").unlink()
    with pytest.raises(InvalidInput, match="no such shard"):
        open_source(shards).read(7)


def test_photos_that_cannot_be_decoded(tmp_path: Path) -> None:
    source = open_source(write_ebb(tmp_path, range(2)))
    path = tmp_path / "train" / "bokeh" / "1.png"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InvalidInput, match=r"1\.png: not an image, or a damaged one"):
        source.read(1)
    path.unlink()
    with pytest.raises(InvalidInput, match=r"1\.png: cannot be read: No such file"):
        source.read(1)


def test_inconsistent_sizes(tmp_path: Path) -> None:
    write_ebb(tmp_path, range(2))
    depth, wide = (tmp_path / "train" / part / "0.png" for part in ("original_depth", "original"))
    depth.write_bytes(wide.read_bytes())
    with pytest.raises(InvalidInput, match=r"0\.png: 96 x 64 pixels; expected 48 x 32 beside the wide photo"):
        open_source(tmp_path).read(0)


def test_photos_too_large_to_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header says so; the other files of a pair must have the size of the first."""
    source = open_source(write_ebb(tmp_path, range(1)))
    monkeypatch.setattr("cv2.imdecode", lambda *_: pytest.fail("decoded"))
    (tmp_path / "train" / "original" / "0.png").write_bytes(png_bomb())
    with pytest.raises(InvalidInput, match=r"original/0\.png: .* claims 30000 x 30000 = 900 megapixels"):
        source.read(0)


@pytest.mark.parametrize("part", ["bokeh", "original_depth"])
def test_other_files_of_a_pair_that_are_too_large(part: str, tmp_path: Path) -> None:
    source = open_source(write_ebb(tmp_path, range(1)))
    (tmp_path / "train" / part / "0.png").write_bytes(png_bomb())
    with pytest.raises(InvalidInput, match=rf"{part}/0\.png: 30000 x 30000 pixels; expected"):
        source.read(0)


def test_folders_that_are_not_data_sets(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(InvalidInput, match="gone: no such folder"):
        open_source(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "IMG_1.CR2").touch()
    with pytest.raises(InvalidInput, match=r"no train pairs \(neither shards of ebb nor .*: ebb run RAW_DIR\)"):
        open_source(tmp_path / "empty")
    write_ebb(tmp_path / "trained", range(2))
    with pytest.raises(InvalidInput, match=r"no val pairs \(pairs there are: 2 train, .*; --split train takes"):
        open_source(tmp_path / "trained", "val")
    with pytest.raises(InvalidInput, match=r"no val pairs \(pairs there are: 8 train, .*; --split train takes"):
        open_source(shards, "val")
    with open_workspace(tmp_path / "my set", create=True):
        pass
    with pytest.raises(InvalidInput, match=r"has no shards yet \(write them with: ebb shard --dataset '.*my set'"):
        open_source(tmp_path / "my set")
    write_ebb(tmp_path / "half", range(3))
    (tmp_path / "half" / "train" / "bokeh" / "1.png").unlink()
    with pytest.raises(InvalidInput, match=r"1 train pairs are not whole, the first: train 1: .* no partner"):
        open_source(tmp_path / "half")
