from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.subject.mask_folder import MaskFolder
from tests.helpers.subjects import red_box

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, values: np.ndarray) -> None:
    assert cv2.imwrite(str(path), values)


@pytest.mark.parametrize("name", ["pair.png", "pair.tiff"])
@pytest.mark.parametrize("top", [255, 65535])
def test_values_of_the_file(name: str, top: int, tmp_path: Path) -> None:
    photo, _, mask = red_box()
    write(tmp_path / name, (mask * top).astype(np.uint8 if top == 255 else np.uint16))
    np.testing.assert_allclose(MaskFolder(tmp_path).mask(photo, None, "pair"), mask, atol=1e-6)


def test_other_sizes_and_colours_and_a_slash_in_the_name(tmp_path: Path) -> None:
    photo, _, mask = red_box()
    small = (mask[::2, ::2] * 255).astype(np.uint8)
    write(tmp_path / "train_12.png", np.dstack([small] * 3))
    found = MaskFolder(tmp_path).mask(photo, None, "train/12")
    assert found.shape == mask.shape
    assert np.abs(found - mask).mean() < 0.02


def test_what_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    photo, _, _ = red_box()
    masks = MaskFolder(tmp_path)
    with pytest.raises(InvalidInput, match=r"no mask for pair.*name it pair\.png"):
        masks.mask(photo, None, "pair")
    with pytest.raises(InvalidInput, match="no mask for a photo without a name"):
        masks.mask(photo, None, "")
    (tmp_path / "pair.png").write_bytes(b"not a picture")
    with pytest.raises(InvalidInput, match="not a mask: "):
        masks.mask(photo, None, "pair")
    write(tmp_path / "pair.png", np.zeros((160, 120), np.uint8))
    with pytest.raises(InvalidInput, match="a mask of another aspect: 120 x 160 for a photo of 160 x 120"):
        masks.mask(photo, None, "pair")
    (tmp_path / "pair.png").unlink()
    write(tmp_path / "pair.tiff", np.zeros((120, 160), np.float32))
    with pytest.raises(InvalidInput, match="not a mask: values of type float32"):
        masks.mask(photo, None, "pair")


def test_metadata_change_with_the_masks(tmp_path: Path) -> None:
    seen = set()
    for value in (0, 9):
        write(tmp_path / "a.png", np.full((4, 4), value, np.uint8))
        seen.add(MaskFolder(tmp_path).metadata()["masks_sha256"])
    (tmp_path / "notes.txt").write_text("not a mask")
    assert MaskFolder(tmp_path).metadata()["masks_sha256"] in seen
    assert len(seen) == 2
