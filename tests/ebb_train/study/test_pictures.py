from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ebb.errors import InvalidInput
from ebb_train.study.pictures import PICTURES, StoredPicture, picture_fault, picture_path, store_picture
from tests.helpers.study_folders import picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PHOTO = picture(3)


def test_a_png_keeps_every_pixel_and_has_no_metadata(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, PHOTO, "png")
    with Image.open(tmp_path / PICTURES / stored.file) as image:
        assert (np.asarray(image) == PHOTO).all()
        assert image.info == {}
    assert (stored.width, stored.height) == (96, 64)
    assert stored.file == f"{stored.sha256}.png"


def test_a_jpeg_is_close_and_has_no_metadata(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, PHOTO, "jpeg")
    data = (tmp_path / PICTURES / stored.file).read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        assert np.abs(np.asarray(image).astype(int) - PHOTO).mean() < 2
        assert image.getexif() == {}
        assert "icc_profile" not in image.info
    assert b"Exif" not in data


def test_equal_pictures_are_stored_once(tmp_path: Path) -> None:
    assert store_picture(tmp_path, PHOTO, "png") == store_picture(tmp_path, PHOTO.copy(), "png")
    assert len(list((tmp_path / PICTURES).iterdir())) == 1


def test_an_intact_picture_has_no_fault(tmp_path: Path) -> None:
    assert picture_fault(tmp_path, store_picture(tmp_path, PHOTO, "png")) == ""


def _replace(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _link(path: Path) -> None:
    other = path.with_name("other")
    path.rename(other)
    path.symlink_to(other)


@pytest.mark.parametrize(
    ("damage", "message"),
    [(_replace, "was changed"), (lambda path: path.unlink(), "is missing"), (_link, "symbolic link")],
)
def test_damage_is_found(damage: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    stored = store_picture(tmp_path, PHOTO, "png")
    damage(tmp_path / PICTURES / stored.file)
    assert message in picture_fault(tmp_path, stored)


def test_a_size_that_the_store_does_not_expect_is_found(tmp_path: Path) -> None:
    stored = store_picture(tmp_path, PHOTO, "png")._replace(width=95)
    assert "96 x 64 pixels, not 95 x 64" in picture_fault(tmp_path, stored)


@pytest.mark.parametrize(
    "name", ["../study.toml", "a.png", "0" * 64, f"{'0' * 64}.html", f"{'0' * 63}/.png", f"{'G' * 64}.png"]
)
def test_no_other_name_leads_to_a_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="names a picture"):
        picture_path(tmp_path, name)
    assert "names a picture" in picture_fault(tmp_path, StoredPicture(name, "", 1, 1, 1))
