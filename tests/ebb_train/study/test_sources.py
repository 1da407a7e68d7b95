from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageCms

from ebb.errors import InvalidInput, UsageError
from ebb.formats.png import encode_png
from ebb_train.study.sources import MethodFolder, Target, open_methods, open_targets, read_srgb
from tests.helpers.datasets import photos, record, write_ebb, write_set
from tests.helpers.study_folders import picture, picture_folders

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_of_photos_is_read_in_order(tmp_path: Path) -> None:
    targets, _ = picture_folders(tmp_path, images=3)
    found = list(open_targets(targets, "test", 1000))
    assert [target.image for target in found] == ["image_0", "image_1", "image_2"]
    assert (found[1].pixels == picture(1)).all()


def test_the_shallow_photos_of_a_data_set_are_targets(tmp_path: Path) -> None:
    records = [record(0), record(1)]
    write_set(tmp_path / "shards", [records])
    (tmp_path / "contact_sheet.png").write_bytes(encode_png(picture(9)))  # no target photo
    found = list(open_targets(tmp_path, "train", 1000))
    assert {target.image for target in found} == {each.pair_id for each in records}
    by_name = {target.names: target.pixels for target in found}
    names = (records[1].pair_id, records[1].pair_id, "IMG_1", "IMG_1_shallow")
    assert (by_name[names] == photos(1)[1]).all()
    with pytest.raises(InvalidInput, match="no test pairs"):
        open_targets(tmp_path, "test", 1000)


def test_an_ebb_folder_has_targets_as_well(tmp_path: Path) -> None:
    write_ebb(tmp_path, range(2), "test")
    found = list(open_targets(tmp_path, "test", 32))
    assert [target.pixels.shape for target in found] == [(32, 48, 3)] * 2


def test_large_photos_are_reduced(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(picture(1, (300, 450))))
    assert read_srgb(path, 100).shape == (100, 150, 3)
    board = np.zeros((320, 480, 3), np.uint8)
    board[::2, ::2] = board[1::2, 1::2] = 255  # half of the light is 188 in sRGB, not 128
    path.write_bytes(encode_png(board))
    assert set(read_srgb(path, 80)[10:-10, 10:-10].ravel().tolist()) == {188}


def test_a_rotated_photo_is_upright(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(1)).save(path, exif=exif, quality=95)
    assert read_srgb(path, 1000).shape == (96, 64, 3)


def test_a_profile_other_than_srgb_is_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.fromarray(picture(1)).save(path, icc_profile=lab)
    with pytest.raises(InvalidInput, match="profile"):
        read_srgb(path, 1000)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode_png(picture(1))[:200])
    with pytest.raises(InvalidInput) as error:
        read_srgb(path, 1000)
    assert error.value.path == path


def test_methods_have_names(tmp_path: Path) -> None:
    _, named = picture_folders(tmp_path, methods=2, images=1)
    plain = named[1].partition("=")[2]
    assert [method.name for method in open_methods([named[0], plain])] == ["m0", "method_1"]
    for wrong, message in (
        ([named[0], named[0]], "two methods are named m0"),
        (["=folder"], "NAME=FOLDER"),
        (["name="], "NAME=FOLDER"),
    ):
        with pytest.raises(UsageError, match=message):
            open_methods(wrong)
    with pytest.raises(InvalidInput, match="no such folder"):
        open_methods([f"a={tmp_path / 'none'}"])


def test_an_evaluation_has_the_name_of_its_model(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "predictions").mkdir(parents=True)
    (folder / "predictions" / "p.png").write_bytes(encode_png(picture(1)))
    (folder / "report.json").write_text(json.dumps({"name": "pynet"}))
    (method,) = open_methods([str(folder)])
    assert (method.name, method.folder) == ("pynet", folder / "predictions")
    assert method.find(Target("p", ("other", "p"), picture(1))) == folder / "predictions" / "p.png"
    assert method.find(Target("q", ("q",), picture(1))) is None


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.png").write_bytes(encode_png(picture(1, (64, 95))))
    with pytest.raises(InvalidInput, match="95 x 64 pixels, but the target photo of p has 96 x 64"):
        MethodFolder("m", tmp_path).read(tmp_path / "p.png", Target("p", ("p",), picture(1)), 1000)


def test_no_pictures_and_no_pairs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        open_targets(tmp_path, "test", 1000)
    with pytest.raises(InvalidInput, match="no such folder"):
        open_targets(tmp_path / "none", "test", 1000)
