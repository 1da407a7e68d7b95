"""Strips and tiles against what tifffile wrote: numbers of any kind, damage, and memory."""

import io
import lzma
import tracemalloc
import zlib
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from ebb.errors import Broken, Reason
from ebb.formats.tiff_blocks import read_samples
from ebb.formats.tiff_layout import number_layout, tiff_layout
from ebb.formats.tiff_pixels import decode_numbers, decode_tiff
from ebb.formats.tiff_reader import Tiff
from tests.helpers.file_parts import tiff_of

RAMP = np.mgrid[0:45, 0:70].sum(axis=0)
KINDS = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float16, np.float32, np.float64]


def samples(data: bytes, kept: int = 1) -> NDArray[Any]:
    tiff = Tiff(data)
    directory = tiff.readable_directory(tiff.first)
    return read_samples(tiff, directory, number_layout(tiff, directory), kept)


@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("block", [{}, {"rowsperstrip": 7}, {"tile": (32, 16)}])
def test_numbers_of_every_kind(dtype: type, block: dict[str, Any]) -> None:
    values = RAMP.astype(dtype) if np.issubdtype(dtype, np.integer) else (np.sqrt(RAMP) - 3).astype(dtype)
    for compression, difference, order in product([None, "zlib", "lzma"], [False, True], "<>"):
        if difference and (compression is None or np.issubdtype(dtype, np.floating)):
            continue  # tifffile needs another package for those of floating-point numbers
        options = {"photometric": "minisblack", "compression": compression, "byteorder": order, **block}
        tifffile.imwrite(stream := io.BytesIO(), values, predictor=difference, metadata=None, **options)
        found = samples(stream.getvalue())[..., 0]
        assert found.dtype == np.dtype(dtype), options
        np.testing.assert_array_equal(found, values, err_msg=str(options))


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
@pytest.mark.parametrize("predictor", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_that_libtiff_writes(dtype: type, channels: int, predictor: int, compression: int) -> None:
    values = np.sqrt(RAMP)[..., None] - np.arange(channels)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_PREDICTOR, predictor]
    options += [cv2.IMWRITE_TIFF_ROWSPERSTRIP, 8]
    data = cv2.imencode(".tif", values.astype(dtype), options)[1].tobytes()
    found = samples(data, channels)
    np.testing.assert_array_equal(found, values.astype(dtype)[..., ::-1])


def test_samples_that_are_kept() -> None:
    values = np.random.default_rng(2).integers(0, 256, (40, 30, 5), np.uint8)
    for planar in ("contig", "separate"):
        pixels = np.moveaxis(values, -1, 0) if planar == "separate" else values
        options = {"photometric": "rgb", "extrasamples": [0, 0], "compression": "zlib", "predictor": True}
        tifffile.imwrite(stream := io.BytesIO(), pixels, planarconfig=planar, metadata=None, **options)
        np.testing.assert_array_equal(samples(stream.getvalue(), 2), values[..., :2])


def packed(content: bytes, compression: int) -> bytes:
    return {8: zlib.compress, 34925: lzma.compress}.get(compression, bytes)(content)


STRIPS = [bytes(range(60)) * 2, bytes(range(60, 120)) * 2]


@pytest.mark.parametrize("compression", [1, 8, 34925])
def test_a_missing_empty_or_short_strip_is_damage(compression: int) -> None:
    """Other bytes of the file took their place."""
    strips = [packed(strip, compression) for strip in STRIPS]
    whole = tiff_of(strips, 60, 4, t259=compression)
    assert decode_numbers(whole).tobytes() == b"".join(STRIPS)
    with pytest.raises(Broken, match="has 1 of 2 strips or tiles"):
        decode_numbers(tiff_of(strips[:1], 60, 4, t259=compression, t278=2))
    lengths = (len(strips[0]), 0)
    with pytest.raises(Broken, match="a strip or tile holds 0 of 120 bytes"):
        decode_numbers(tiff_of(strips, 60, 4, t259=compression, t273=(8, 0), t279=lengths))
    short = [strips[0], packed(STRIPS[1][:70], compression)]
    with pytest.raises(Broken, match="a strip or tile holds 70 of 120 bytes"):
        decode_numbers(tiff_of(short, 60, 4, t259=compression))


@pytest.mark.parametrize("compression", [8, 34925])
def test_the_checksum_of_a_strip_is_compared(compression: int) -> None:
    content = bytearray(packed(STRIPS[0], compression))
    after = 12 + 4 * (1 + int.from_bytes(content[-8:-4], "little")) if compression == 34925 else 0
    content[-after - 1] ^= 8  # of xz, which ends with an index and 12 bytes, as of zlib
    with pytest.raises(Broken, match="a strip or tile cannot be decompressed") as error:
        decode_numbers(tiff_of([bytes(content)], 60, 2, t259=compression))
    assert error.value.reason is Reason.CORRUPT_INPUT


@pytest.mark.parametrize("bits", [8, 14, 16])
def test_samples_that_are_dropped_take_no_memory(bits: int) -> None:
    """2 MB of a photo of 8 samples took 5 GB."""
    columns, rows = 400, 600
    strip = zlib.compress(bytes(columns * rows * bits))
    data = tiff_of([strip], columns, rows, t258=bits, t259=8, t262=2, t277=8)
    tracemalloc.start()
    photo = decode_tiff(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert photo.shape == (rows, columns, 3)
    assert peak < 4 * photo.nbytes + 8e6


@pytest.mark.parametrize("compression", [1, 8])
def test_strips_that_share_bytes_are_read_no_further_than_needed(
    compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of strips that each claim the whole file would copy it thousands of times."""
    copied: list[int] = []
    part = Tiff.part
    monkeypatch.setattr(Tiff, "part", lambda *place: copied.append(len(part(*place))) or part(*place))
    content = packed(bytes(8), compression) + bytes(100_000)
    data = tiff_of([content], 8, 50, t259=compression, t278=1, t273=(8,) * 50, t279=(len(content),) * 50)
    assert decode_numbers(data).shape == (50, 8)
    assert max(copied) < 5000


@pytest.mark.parametrize("compression", [5, 32773])
def test_strips_that_libtiff_would_unpack_whole_are_limited(
    compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebb.formats.tiff_blocks._SMALL_BLOCK", 1000)
    monkeypatch.setattr("ebb.formats.tiff_blocks.by_pillow", lambda *_: pytest.fail("unpacked"))
    data = tiff_of([bytes(99)], 300, 20, t259=compression, t277=8)
    with pytest.raises(Broken, match="a strip or tile of 0 MB for 0 MB of colours") as error:
        decode_tiff(data)
    assert error.value.reason is Reason.UNSUPPORTED_PIXELS


@pytest.mark.parametrize("bits", [1, 2, 4, 10, 12, 14])
@pytest.mark.parametrize("num_samples", [1, 3, 5])
def test_samples_of_few_bits(bits: int, num_samples: int) -> None:
    """Against arithmetic on whole numbers."""
    rng = np.random.default_rng(bits)
    values = rng.integers(0, 1 << bits, (6, 37, num_samples))
    rows = [
        int("".join(f"{value:0{bits}b}" for value in row.ravel()).ljust(-(-row.size * bits // 8) * 8, "0"), 2)
        for row in values
    ]
    row_bytes = -(-37 * num_samples * bits // 8)
    strip = b"".join(row.to_bytes(row_bytes, "big") for row in rows)
    tiff = Tiff(tiff_of([strip], 37, 6, t258=bits, t277=num_samples))
    directory = tiff.readable_directory(tiff.first)
    for kept in (1, num_samples):
        found = read_samples(tiff, directory, tiff_layout(tiff, directory), kept)
        np.testing.assert_array_equal(found, values[..., :kept])
