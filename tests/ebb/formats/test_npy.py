import io
import zipfile

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
def test_maps_round_trip_bit_for_bit(values: np.ndarray) -> None:
    data = encode_npy(values)
    assert decode_npy(data).tobytes() == values.tobytes()
    assert npy_size(data) == Size(values.shape[1], values.shape[0])


def test_numpy_reads_and_writes_the_same() -> None:
    assert encode_npy(MAP) == saved(MAP)
    np.testing.assert_array_equal(np.load(io.BytesIO(encode_npy(MAP)), allow_pickle=False), MAP)
    assert encode_npy(MAP[:, ::2]) == saved(np.ascontiguousarray(MAP[:, ::2]))


@pytest.mark.parametrize("values", [MAP.astype(np.float32), MAP[0], MAP[:0], MAP[None]])
def test_arrays_that_are_not_maps(values: np.ndarray) -> None:
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
    with pytest.raises(ValueError, match="holds object values, which are not numbers"):
        decode_array(objects)


def test_an_archive_of_several_arrays() -> None:
    np.savez(packed := io.BytesIO(), first=MAP, second=MAP)
    with pytest.raises(ValueError, match="holds 2 arrays"):
        decode_npz(packed.getvalue())


def with_header(text: str, values: bytes = b"") -> bytes:
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + values


@pytest.mark.parametrize(
    "header",
    [
        "",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4), ",
        "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 4)(), }",
        "{'descr': [('a', 'b', 'c', 'd')], 'fortran_order': False, 'shape': (3, 4)}",
        "{[]: 1}",
        "  {'descr'\n\t'",
        "(" * 300,
        "-" * 9000 + "1",
    ],
)
def test_headers_that_are_not_literals(header: str) -> None:
    with pytest.raises(InvalidInput, match="not an NPY file"):
        npy_size(with_header(header))
    with pytest.raises(ValueError, match="damaged header"):
        decode_array(with_header(header))
    with zipfile.ZipFile(packed := io.BytesIO(), "w") as archive:
        archive.writestr("depth.npy", with_header(header))
    with pytest.raises(ValueError, match="damaged header"):
        decode_npz(packed.getvalue())


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((20_000, 20_000), "claims 20000 x 20000 values, more than 120 million"),
        ((0, 10**30), "claims 0 x 1000"),
        ((-1, -1), "claims -1 x -1 values"),
        ((9, 9), "truncated: 24 of 162 bytes"),
    ],
)
def test_sizes_are_checked_before_an_array_is_made(shape: tuple[int, int], message: str) -> None:
    """Also in an archive, for any decompressed size."""
    data = with_header(f"{{'descr': '<f2', 'fortran_order': False, 'shape': {shape}}}", bytes(24))
    with pytest.raises(ValueError, match=message):
        decode_array(data)
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", data)
    with pytest.raises(ValueError, match=message):
        decode_npz(packed.getvalue())


def test_methods_of_compression_that_numpy_does_not_write() -> None:
    """Python unpacks bzip2 and LZMA without a limit."""
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("depth.npy", saved(MAP))
    with pytest.raises(ValueError, match="another method than Deflate"):
        decode_npz(packed.getvalue())


def test_a_wrong_checksum() -> None:
    np.savez(packed := io.BytesIO(), MAP)
    data = bytearray(packed.getvalue())
    data[data.index(MAP.tobytes()) + 3] ^= 1
    with pytest.raises(ValueError, match="CRC"):
        decode_npz(bytes(data))
