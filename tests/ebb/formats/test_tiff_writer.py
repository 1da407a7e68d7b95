"""TIFF directories: the bytes of the specification, and what Pillow's parser makes of them."""

import io
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import TiffImagePlugin

from ebb.errors import UsageError
from ebb.formats import tiff_writer as tiff


def read_back(entries: list[tiff.TiffTag]) -> TiffImagePlugin.ImageFileDirectory_v2:
    file = io.BytesIO(tiff.HEADER + tiff.directory(entries, len(tiff.HEADER)))
    directory = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
    directory.load(file)
    return directory


def test_bytes_of_a_directory() -> None:
    """Written out by hand from the TIFF 6.0 specification, section 2."""
    made = tiff.directory([tiff.short(274, 6), tiff.ascii_text(271, "camera")], 8)
    assert made == bytes.fromhex(
        "0200"  # two entries, sorted by tag
        "0f01 0200 07000000 26000000"  # 271, ASCII, 7 bytes at offset 38
        "1201 0300 01000000 06000000"  # 274, SHORT, the value itself
        "00000000"  # no further directory
        "63616d657261 00 00"  # camera, closing zero, padding
    )


def test_pillow_reads_every_kind() -> None:
    found = read_back(
        [
            tiff.byte(50706, 1, 4, 0, 0),
            tiff.short(258, 16),
            tiff.long(279, 10, 200, 70_000),
            tiff.rational(33437, 1.8),
            tiff.rational(33434, Fraction(1, 2500)),
            tiff.srational(50721, -0.0996, 0.5),
            tiff.double(51041, 4.5e-5, 1e-7),
            tiff.undefined(36864, b"0230"),
            tiff.ascii_text(272, "ebb"),
        ]
    )
    assert found[50706] == b"\x01\x04\x00\x00"
    assert found[258] == (16,)
    assert found[279] == (10, 200, 70_000)
    assert found[33437] == Fraction(9, 5)
    assert found[33434] == Fraction(1, 2500)
    assert tuple(map(float, found[50721])) == (-0.0996, 0.5)
    assert found[51041] == (4.5e-5, 1e-7)
    assert found[36864] == b"0230"
    assert found[272] == "ebb"


@settings(deadline=None, max_examples=30)
@given(
    st.dictionaries(
        st.integers(60_000, 65_000), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9)
    ),
    st.integers(0, 500).map(lambda half: 2 * half),
)
def test_directories_keep_text_and_stay_even(texts: dict[int, str], offset: int) -> None:
    entries = [tiff.ascii_text(tag, text) for tag, text in texts.items()]
    assert len(tiff.directory(entries, offset)) % 2 == 0
    assert tiff.directory_size(entries) == len(tiff.directory(entries, offset))
    found = read_back(entries)
    assert {tag: found[tag] for tag in texts} == texts


def test_duplicate_tags() -> None:
    with pytest.raises(UsageError, match="a duplicate tag"):
        tiff.directory([tiff.short(1, 2), tiff.long(1, 3)], 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tiff.ascii_text(271, "Übercam"), "not ASCII"),
        (lambda: tiff.short(34855, 70_000), "does not fit"),
        (lambda: tiff.rational(33437, -1), "does not fit"),
    ],
)
def test_values_that_do_not_fit(make, message: str) -> None:  # noqa: ANN001
    with pytest.raises(UsageError, match=message):
        make()
