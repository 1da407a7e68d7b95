"""Files of pictures, read back with Pillow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ebb.errors import OutputError
from ebb.photo.metadata import Metadata
from ebb_train.inference.picture_file import encode_picture, side_by_side

PICTURE = np.kron(
    np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
)


@pytest.mark.parametrize(("kind", "name", "error"), [("jpg", "JPEG", 6), ("png", "PNG", 0)])
def test_pixels_and_metadata_round_trip(kind: str, name: str, error: int) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    data = encode_picture(PICTURE, kind, Metadata(exif.tobytes(), b"profile"))
    image = Image.open(io.BytesIO(data))
    assert image.format == name
    assert image.getexif()[0x010F] == "Canon"
    assert image.info["icc_profile"] == b"profile"
    assert np.abs(np.asarray(image).astype(int) - PICTURE).mean() <= error


def test_chroma_of_a_jpeg_is_not_subsampled() -> None:
    image = Image.open(io.BytesIO(encode_picture(PICTURE, "jpg", Metadata())))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3
    assert "exif" not in image.info


def test_a_picture_too_wide_for_a_jpeg() -> None:
    wide = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(OutputError, match=r"70000 x 1 pixels cannot be written as jpg.*--format png"):
        encode_picture(wide, "jpg", Metadata())
    assert encode_picture(wide, "png", Metadata())


def test_side_by_side() -> None:
    both = side_by_side(PICTURE, 255 - PICTURE)
    assert both.shape == (48, 128, 3)
    assert np.array_equal(both[:, :64], 255 - both[:, 64:])
