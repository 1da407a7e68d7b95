import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ebb.arrays import Size
from ebb.errors import InvalidInput
from ebb.formats.npy import decode_array, decode_npy, decode_npz, encode_npy, npy_size

MAP = np.linspace(0, 1, 12, dtype=np.float16).reshape(3, 4)


def saved(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)  # type: ignore[arg-type]
    return file.getvalue()


@settings(deadline=None, max_examples=50)
@given(
    hnp.arrays(
        np.float16,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.floats(0, 1, width=16),
    )
)
def test_maps_come_back_bit_by_bit(values: np.ndarray) -> None:
    data = encode_npy(values)
    assert decode_npy(data).tobytes() == values.tobytes()
    assert npy_size(data) == Size(values.shape[1], values.shape[0])


def test_numpy_reads_and_writes_the_same() -> None:
    assert encode_npy(MAP) == saved(MAP)
    np.testing.assert_array_equal(np.load(io.BytesIO(encode_npy(MAP)), allow_pickle=False), MAP)
    assert encode_npy(MAP[:, ::2]) == saved(np.ascontiguousarray(MAP[:, ::2]))


@pytest.mark.parametrize("values", [MAP.astype(np.float32), MAP[0], MAP[:0], MAP[None]])
def test_arrays_that_are_no_maps(values: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match=r"cannot store an array of shape .* as float16"):
        encode_npy(values)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not an NPY file"),
        (b"\x93NUMPY\x01\x00", "not an NPY file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "not an NPY file"),
        (saved(MAP.astype(np.float32)), "NPY holds float32 of shape"),
        (saved(MAP.astype(">f2")), "NPY holds >f2 of shape"),
        (saved(np.asfortranarray(MAP)), "expected little-endian float16, row by row"),
        (saved(MAP[0]), r"NPY holds float16 of shape \(4,\)"),
        (saved(np.array([[{}]], dtype=object), allow_pickle=True), "NPY holds object of shape"),
        (encode_npy(MAP)[:-1], "claims 4x3 values"),
        (encode_npy(MAP) + b"\0\0", "claims 4x3 values"),
        (encode_npy(MAP).replace(b"(3, 4)", b"(9, 9)"), "claims 9x9 values"),
        (encode_npy(MAP).replace(b"(3, 4)", b"(-3,4)"), "claims 4x-3 values"),
    ],
)
def test_bytes_that_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        decode_npy(data)


def test_values_that_are_not_finite() -> None:
    values = MAP.copy()
    values[1, 1] = np.nan
    assert npy_size(encode_npy(values)) == Size(4, 3)
    with pytest.raises(InvalidInput, match="values that are not finite"):
        decode_npy(encode_npy(values))


@pytest.mark.parametrize(
    "array", [MAP, np.arange(6, dtype=">i4"), np.asfortranarray(MAP), np.ones((2, 3, 4))]
)
def test_arrays_of_any_kind_are_read(array: np.ndarray) -> None:
    np.savez_compressed(packed := io.BytesIO(), values=array)
    for found in (decode_array(saved(array)), decode_npz(packed.getvalue())):
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_objects_are_never_unpickled() -> None:
    objects = saved(np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        decode_array(objects)


def test_an_archive_of_several_arrays() -> None:
    np.savez(packed := io.BytesIO(), first=MAP, second=MAP)
    with pytest.raises(ValueError, match="holds 2 arrays"):
        decode_npz(packed.getvalue())
