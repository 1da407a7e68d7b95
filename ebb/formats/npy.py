"""NPY and NPZ files, never with pickled objects.

Shards hold float depth maps beside the PNG, in half precision with two axes (:func:`encode_npy`,
:func:`decode_npy`); depth files of users hold arrays of any type (:func:`decode_array`, :func:`decode_npz`).
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.formats.png import MAX_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BYTES = 2 << 30
"""Refuse a compressed array that unpacks to more than this."""

_DTYPE = np.dtype("<f2")


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
        InvalidInput: not a whole NPY file of a two-dimensional float16 array, or one with NaN or infinity.
    """
    size = npy_size(data)
    values = np.frombuffer(data, _DTYPE, offset=len(data) - 2 * size.width * size.height)
    if not np.isfinite(values).all():
        raise InvalidInput("NPY holds values that are not finite")
    return values.reshape(size.height, size.width)


def npy_size(data: bytes) -> Size:
    """Width and height from the header, once it fits the number of bytes.

    Raises:
        InvalidInput: as :func:`decode_npy`, except for the values.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    except ValueError as error:
        raise InvalidInput("not an NPY file") from error
    if version != (1, 0) or dtype != _DTYPE or fortran_order or len(shape) != 2:
        raise InvalidInput(f"NPY holds {dtype} of shape {shape}; expected little-endian float16, row by row")
    height, width = shape
    if not 0 < width * height <= MAX_PIXELS or len(data) - file.tell() != 2 * width * height:
        raise InvalidInput(f"NPY of {len(data)} bytes claims {width}x{height} values")
    return Size(width, height)


def decode_array(data: bytes) -> NDArray[Any]:
    """Decode an NPY file of any shape and type.

    Raises:
        ValueError: it is none, it is truncated, or it holds objects.
    """
    return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))


def decode_npz(data: bytes) -> NDArray[Any]:
    """Decode the only array of an NPZ file.

    Raises:
        ValueError: it holds more or less than one array, or more than :data:`MAX_BYTES`.
        zipfile.BadZipFile: it is no archive, or a damaged one.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise ValueError(f"it holds {len(members)} arrays, expected one")
        if members[0].file_size > MAX_BYTES:
            raise ValueError(f"it unpacks to {members[0].file_size / 1e9:.1f} GB")
        return decode_array(archive.read(members[0]))
