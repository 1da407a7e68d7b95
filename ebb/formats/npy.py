"""NPY and NPZ files, never with pickled objects.

Shards contain float depth maps in half precision, with two axes (:func:`encode_npy`, :func:`decode_npy`);
depth files of users contain arrays of any type (:func:`decode_array`, :func:`decode_npz`). The header is
checked against the number of bytes and a limit before an array is allocated.
"""

from __future__ import annotations

import io
import lzma
import math
import tokenize
import warnings
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.settings import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DTYPE = np.dtype("<f2")

_MAX_HEADER_BYTES = 1 << 14
"""Largest header of an NPY file, more than NumPy reads."""

_NPZ_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compression methods of NumPy."""

_HEADER_ERRORS = (
    *(ValueError, TypeError, LookupError, OverflowError),
    *(SyntaxError, tokenize.TokenError, RecursionError, MemoryError),  # not a Python literal
)
_ARCHIVE_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, LookupError),
    *(RuntimeError, NotImplementedError),  # a password, or an unknown method
)


class _Header(NamedTuple):
    """The header of an NPY file."""

    shape: tuple[int, ...]
    is_fortran: bool
    dtype: np.dtype[Any]
    start: int
    """Offset of the values."""

    @property
    def num_bytes(self) -> int:
        """Size of the values in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


def encode_npy(values: NDArray[np.float16]) -> bytes:
    """Encode a map (height, width), float16; equal values give equal bytes.

    Raises:
        InvalidInput: the array has another shape or type, or has no pixels.
    """
    if values.dtype != _DTYPE or values.ndim != 2 or values.size == 0:
        raise InvalidInput(
            f"cannot store an array of shape {values.shape} and type {values.dtype} as float16"
        )
    file = io.BytesIO()
    np.lib.format.write_array(file, np.ascontiguousarray(values, _DTYPE), version=(1, 0), allow_pickle=False)
    return file.getvalue()


def decode_npy(data: bytes) -> NDArray[np.float16]:
    """Decode a map.

    Returns:
        (height, width), float16, all finite.

    Raises:
        InvalidInput: the file is not a complete NPY file with a two-dimensional float16 array, or contains
            NaN or infinity.
    """
    size = npy_size(data)
    values = np.frombuffer(data, _DTYPE, offset=len(data) - 2 * size.width * size.height)
    if not np.isfinite(values).all():
        raise InvalidInput("NPY holds values that are not finite")
    return values.reshape(size.height, size.width)


def npy_size(data: bytes) -> Size:
    """Width and height from the header, after a check against the number of bytes.

    Raises:
        InvalidInput: as for :func:`decode_npy`, except for the values.
    """
    try:
        shape, is_fortran, dtype, start = _read_header(data)
    except ValueError as error:
        raise InvalidInput("not an NPY file") from error
    if data[6:8] != b"\x01\x00" or dtype != _DTYPE or is_fortran or len(shape) != 2:
        raise InvalidInput(f"NPY holds {dtype} of shape {shape}; expected little-endian float16, row by row")
    height, width = shape
    if not 0 < width * height <= MAX_PIXELS or len(data) - start != 2 * width * height:
        raise InvalidInput(f"NPY of {len(data)} bytes claims {width}x{height} values")
    return Size(width, height)


def decode_array(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Decode an NPY file of any shape and type.

    Args:
        data: The whole file.
        max_pixels: Refuse arrays with more elements.

    Returns:
        The array, read-only: it shares the memory of ``data``.

    Raises:
        ValueError: the file is not an NPY file, is truncated, has more elements, or contains objects.
    """
    header = _read_header(data)
    _check_size(header, max_pixels)
    if len(data) - header.start < header.num_bytes:
        raise ValueError(
            f"it is truncated: {len(data) - header.start} of {header.num_bytes} bytes are present"
        )
    order: Literal["C", "F"] = "F" if header.is_fortran else "C"
    return np.ndarray(header.shape, header.dtype, data, header.start, order=order)


def decode_npz(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[Any]:
    """Decode the only array of an NPZ file; see :func:`decode_array`.

    Raises:
        ValueError: the archive is damaged or does not contain exactly one array, or :func:`decode_array`
            raises an error for it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return decode_array(_only_member(archive, max_pixels), max_pixels)
    except _ARCHIVE_ERRORS as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _only_member(archive: zipfile.ZipFile, max_pixels: int) -> bytes:
    """Unpack the only file, up to the size in its NPY header."""
    members = archive.infolist()
    if len(members) != 1:
        raise ValueError(f"it holds {len(members)} arrays, expected one")
    if members[0].compress_type not in _NPZ_METHODS:
        raise ValueError("it is compressed by another method than Deflate; np.savez_compressed writes that")
    with archive.open(members[0]) as file:
        beginning = file.read(_MAX_HEADER_BYTES)
        header = _read_header(beginning)
        _check_size(header, max_pixels)
        missing = header.start + header.num_bytes - len(beginning)
        # one more byte, so that the archive verifies its checksum
        return beginning + file.read(max(missing, 0) + 1)


def _check_size(header: _Header, max_pixels: int) -> None:
    """Refuse arrays of other values than numbers, and arrays with too many elements."""
    if header.dtype.kind not in "biufc":
        raise ValueError(f"it holds {header.dtype} values, which are not numbers")
    is_plausible = all(0 <= side <= max_pixels for side in header.shape)
    if not is_plausible or math.prod(header.shape) > max_pixels:
        shape = " x ".join(map(str, header.shape[:4]))
        raise ValueError(f"it claims {shape} values, more than {max_pixels / 1e6:g} million")


def _read_header(data: bytes) -> _Header:
    """Read the magic string and the header.

    Raises:
        ValueError: they do not belong to an NPY file.
    """
    file = io.BytesIO(data[:_MAX_HEADER_BYTES])
    try:
        version = np.lib.format.read_magic(file)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # headers of Python 2
            shape, is_fortran, dtype = readers[version](file)
    except _HEADER_ERRORS as error:
        raise ValueError("not an NPY file, or one with a damaged header") from error
    return _Header(shape, is_fortran, dtype, file.tell())
