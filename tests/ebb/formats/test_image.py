"""Images of any bit depth against what Pillow and tifffile wrote."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from ebb.formats.image import decode_image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiffs_keep_their_type(dtype: type) -> None:
    values = np.arange(35).reshape(5, 7).astype(dtype)
    tifffile.imwrite(stream := io.BytesIO(), values)
    found = decode_image(stream.getvalue())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, values)


def test_channels_come_in_the_order_of_opencv() -> None:
    found = decode_image(saved(Image.new("RGB", (3, 2), (10, 20, 30)), "PNG"))
    assert found.shape == (2, 3, 3)
    assert found[0, 0].tolist() == [30, 20, 10]


def test_orientation_tags_turn_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(saved(Image.new("L", (6, 4)), "JPEG", exif=exif)).shape == (4, 6)


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_decoded(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"whole image|empty"):
        decode_image(data)
