"""Layouts of photos and of numbers: those that are read, and those refused by name."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from ebb.errors import Broken, Reason
from ebb.formats.tiff_layout import blocks, number_layout, tiff_layout
from ebb.formats.tiff_reader import Tiff
from tests.helpers.file_parts import tiff_of


def opened(data: bytes) -> tuple[Tiff, Any]:
    tiff = Tiff(data)
    return tiff, tiff.readable_directory(tiff.first)


def written(pixels: NDArray[Any], **options: Any) -> bytes:
    tifffile.imwrite(stream := io.BytesIO(), pixels, metadata=None, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("dtype", "kind", "bits"),
    [(np.uint8, "u", 8), (np.int16, "i", 16), (np.uint32, "u", 32), (np.float16, "f", 16), (float, "f", 64)],
)
def test_kinds_of_numbers(dtype: type, kind: str, bits: int) -> None:
    layout = number_layout(*opened(written(np.ones((6, 5), dtype), photometric="minisblack")))
    assert (layout.kind, layout.bits, layout.size, layout.row_bytes) == (kind, bits, (5, 6), 5 * bits // 8)


def test_an_undefined_format_is_read_as_unsigned() -> None:
    """TIFF 6.0, SampleFormat: as if the tag were not there."""
    plain = tiff_of([b"\1\2\3"], 3, 1)
    assert tiff_layout(*opened(tiff_of([b"\1\2\3"], 3, 1, t339=4))) == tiff_layout(*opened(plain))


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"t339": 5}, "pixels of 8 bits in the sample format 5"),
        ({"t339": 2}, "signed pixels of 8 bits"),
        ({"t256": 2_000_000}, "2000000 x 1 pixels, a side of more than 1048576,"),
        ({"t257": 2_000_000}, "3 x 2000000 pixels, a side of more than 1048576,"),
    ],
)
def test_what_a_photo_cannot_be(tags: dict[str, int], message: str) -> None:
    with pytest.raises(Broken) as error:
        tiff_layout(*opened(tiff_of([b"\1\2\3"], 3, 1, **tags)))
    assert error.value.reason is Reason.UNSUPPORTED_PIXELS
    assert error.value.message == f"a TIFF with {message} is not supported"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"t262": 0}, "numbers of which 0 is white (WhiteIsZero): write 0 as black"),
        ({"t262": 3}, "a palette"),
        ({"t258": 4}, "4 bits per sample"),
        ({"t258": 24, "t339": 3}, "floating point pixels of 24 bits"),
        ({"t258": 8, "t317": 3}, "predictor 3 with 8 bits"),
    ],
)
def test_what_numbers_cannot_be(tags: dict[str, int], message: str) -> None:
    with pytest.raises(Broken) as error:
        number_layout(*opened(tiff_of([b"\1\2\3"], 3, 1, **tags)))
    assert error.value.message == f"a TIFF with {message} is not supported"


def test_blocks_of_an_image() -> None:
    tiff, directory = opened(written(np.ones((40, 40), np.uint8), tile=(16, 16)))
    offsets, lengths = blocks(tiff, directory, tiff_layout(tiff, directory))
    assert len(offsets) == len(lengths) == 9
    tiff, directory = opened(tiff_of([bytes(16)], 6000, 6000, t322=1, t323=1, t324=8, t325=16))
    with pytest.raises(Broken, match="claims 36000000 strips or tiles"):
        blocks(tiff, directory, tiff_layout(tiff, directory))
    tiff, directory = opened(tiff_of([b"\1\2\3"], 3, 2, t278=1))
    with pytest.raises(Broken, match="has 1 of 2 strips or tiles"):
        blocks(tiff, directory, tiff_layout(tiff, directory))
