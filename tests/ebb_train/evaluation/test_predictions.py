"""Pictures on disk: made once, found again, never mixed up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ebb.errors import InvalidInput, Reason, UsageError
from ebb.formats.png import decode_png, encode_png
from ebb.progress import SilentProgress
from ebb_train.baselines.gaussian import Gaussian
from ebb_train.baselines.identity import Identity
from ebb_train.data.sources import Photos, Source, open_source
from ebb_train.evaluation.predictions import (
    MANIFEST,
    PictureFolder,
    claim,
    file_stem,
    names_of,
    predict,
    read_picture,
)
from tests.helpers.datasets import photos, record, write_ebb, write_set
from tests.helpers.doubles import RecordedProgress
from tests.helpers.file_parts import png_bomb

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.baselines.model import Picture


class Counting(Identity):
    """Counts its pictures, and can be interrupted."""

    def __init__(self, stop_at: int = 99) -> None:
        self.count, self.stop_at = 0, stop_at

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:
        if self.count == self.stop_at:
            raise KeyboardInterrupt
        self.count += 1
        return super().render(wide, depth)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(write_set(tmp_path / "set", [[record(number) for number in range(4)]]))


def test_one_picture_per_pair_as_rendered_by_the_model(source: Source, tmp_path: Path) -> None:
    assert predict([(Identity(), tmp_path / "out")], source, SilentProgress()) == {}
    folder = PictureFolder(tmp_path / "out")
    for index in range(4):
        path = folder.find(source.read(index))
        assert path is not None
        np.testing.assert_array_equal(decode_png(path.read_bytes()), photos(index)[0])


def test_an_interrupted_run_is_resumed(source: Source, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        predict([(Counting(stop_at=3), tmp_path / "out")], source, SilentProgress())
    rest = Counting()
    predict([(rest, tmp_path / "out")], source, SilentProgress())
    assert rest.count == 1
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == sorted([*(f"{record(number).pair_id}.png" for number in range(4)), MANIFEST])


def test_a_pair_too_large_for_the_memory_fails_alone(source: Source, tmp_path: Path) -> None:
    class Hungry(Counting):
        def render(self, wide: Rgb8, depth: Gray8 | None) -> Picture:
            picture = super().render(wide, depth)
            if self.count == 2:
                raise MemoryError("not enough memory for a photo of 9 x 9")
            return picture

    failures = predict([(Hungry(), tmp_path / "out")], source, SilentProgress())
    assert failures == {1: "not enough memory for a photo of 9 x 9"}


def test_pictures_of_two_models_are_never_mixed(source: Source, tmp_path: Path) -> None:
    predict([(Gaussian(0.04), tmp_path)], source, SilentProgress())
    with pytest.raises(UsageError) as caught:
        predict([(Gaussian(0.05), tmp_path)], source, SilentProgress())
    assert caught.value.message == "pictures made with other settings: model.blur is 0.04, not 0.05"
    assert caught.value.hint == "give another --out, or remove the folder"
    with pytest.raises(UsageError, match=r"pictures of another model: gaussian, not identity \(give another"):
        predict([(Identity(), tmp_path)], source, SilentProgress())


def test_pictures_of_two_data_sets_are_never_mixed(source: Source, tmp_path: Path) -> None:
    predict([(Identity(), tmp_path / "out")], source, SilentProgress())
    other = open_source(write_ebb(tmp_path / "ebb", range(2)))
    with pytest.raises(UsageError, match="pictures made with other settings: data is"):
        predict([(Identity(), tmp_path / "out")], other, SilentProgress())


@pytest.mark.parametrize("text", ["", "[1]", "{", "3"])
def test_a_broken_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises((InvalidInput, UsageError)) as caught:
        claim(tmp_path, {"model": "a"})
    assert MANIFEST in str(caught.value.path)


def test_unfinished_pictures_are_removed(tmp_path: Path) -> None:
    claim(tmp_path, {"model": "a"})
    (tmp_path / ".x.png.1.tmp").write_bytes(b"half")
    claim(tmp_path, {"model": "a"})
    assert [path.name for path in tmp_path.iterdir()] == [MANIFEST]
    assert json.loads((tmp_path / MANIFEST).read_text()) == {"model": "a"}


def test_a_pair_without_depth_does_not_stop_the_others(tmp_path: Path) -> None:
    rows = [record(0), record(1, has_depth=False), record(2)]
    source = open_source(write_set(tmp_path / "set", [rows]))
    progress = RecordedProgress()
    failures = predict([(Gaussian(0.04), tmp_path / "out")], source, progress)
    assert list(failures) == [1]
    assert "gaussian needs depth" in failures[1]
    assert [reason for _, _, reason in progress.items] == [None, Reason.NO_PREDICTION, None]


def test_pictures_are_found_by_id_number_or_photo_name(tmp_path: Path) -> None:
    wide, shallow, depth = photos(0)
    for name in ("12.jpg", "test_13.PNG", "IMG_0004.tif", "0123456789abcdef.png", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    folder = PictureFolder(tmp_path)

    def found(pair_id: str, *file_names: str) -> str | None:
        path = folder.find(Photos(pair_id, wide, shallow, depth, file_names))
        return path and path.name

    assert found("test/12") == "12.jpg"
    assert found("test/13") == "test_13.PNG"
    assert found("0123456789abcdef") == "0123456789abcdef.png"
    assert found("fedcba9876543210", "IMG_0003.DNG", "IMG_0004.DNG") == "IMG_0004.tif"
    assert found("fedcba9876543210", "IMG_0005.DNG") is None


def test_accepted_names_in_order_of_preference() -> None:
    pair = Photos("test/12", *photos(0), ("A.B.JPG", "C"))
    assert names_of(pair) == ["test_12", "12", "A.B", "C"]
    assert file_stem("0123456789abcdef") == "0123456789abcdef"


def test_folders_without_usable_pictures(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such folder"):
        PictureFolder(tmp_path / "none")
    with pytest.raises(InvalidInput, match="no pictures"):
        PictureFolder(tmp_path)
    (tmp_path / "1.png").write_bytes(b"")
    (tmp_path / "1.jpg").write_bytes(b"")
    with pytest.raises(InvalidInput, match=r"two pictures of one name: 1\.jpg and 1\.png"):
        PictureFolder(tmp_path)


@pytest.mark.parametrize(
    ("dtype", "channels"), [(np.uint8, 3), (np.uint8, 4), (np.uint16, 3), (np.uint8, 1), (np.uint16, 1)]
)
def test_pictures_are_read_as_they_are_stored(tmp_path: Path, dtype: type, channels: int) -> None:
    shape = (5, 7, channels) if channels > 1 else (5, 7)
    picture = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    swapped = picture if channels == 1 else picture[..., [2, 1, 0, 3][:channels]]
    assert cv2.imwrite(str(tmp_path / "a.png"), swapped)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), picture)


@pytest.mark.parametrize("data", [b"", b"not a picture", encode_png(photos(0)[0])[:300]])
def test_damaged_pictures_are_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InvalidInput, match="not an image, or a damaged one"):
        read_picture(tmp_path / "a.png")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_picture(tmp_path / "none.png")


def test_pictures_that_claim_too_many_pixels(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png_bomb())
    with pytest.raises(InvalidInput, match="claims 30000 x 30000 = 900 megapixels"):
        read_picture(tmp_path / "a.png")
