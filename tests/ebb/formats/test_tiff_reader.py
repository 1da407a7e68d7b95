import io
import struct

import numpy as np
import pytest
import tifffile

from ebb.errors import Broken, Reason
from ebb.formats.tiff_reader import MAX_DIRECTORIES, MAX_VALUES, Tiff, photo_directory


def written(**options: object) -> bytes:
    """A TIFF by tifffile, the outside truth of this file."""
    stream = io.BytesIO()
    pixels = np.arange(60 * 40 * 3, dtype=np.uint8).reshape(40, 60, 3)
    tifffile.imwrite(stream, pixels, photometric="rgb", **options)
    return stream.getvalue()


def crafted(*directories: bytes, order: str = "<") -> bytes:
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + b"".join(directories)


def directory(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    rows = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<H", len(entries)) + rows + struct.pack("<I", following)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_reads_what_tifffile_wrote(byteorder: str, bigtiff: bool, tile: tuple[int, int] | None) -> None:
    data = written(byteorder=byteorder, bigtiff=bigtiff, tile=tile, rowsperstrip=None if tile else 7)
    tiff = Tiff(data)
    (first,) = tiff.directories()
    page = tifffile.TiffFile(io.BytesIO(data)).pages[0]
    assert tiff.size(first) == (60, 40)
    assert tiff.values(first, 324 if tile else 273).tolist() == list(page.dataoffsets)
    assert tiff.values(first, 325 if tile else 279).tolist() == list(page.databytecounts)
    tiff.check_blocks(first)
    tiff.check_uncompressed(first)


def test_finds_sub_directories_and_following_pages() -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        writer.write(np.zeros((8, 8), np.uint8), subifds=1)
        writer.write(np.zeros((32, 64), np.uint8), subfiletype=1)
        writer.write(np.zeros((16, 24), np.uint8))
    tiff = Tiff(stream.getvalue())
    assert {tiff.size(found) for found in tiff.directories()} == {(8, 8), (64, 32), (24, 16)}


@pytest.mark.parametrize("magic", [b"IIRO", b"IIRS", b"IIU\0"])
def test_reads_the_headers_of_olympus_and_panasonic(magic: bytes) -> None:
    data = magic + crafted(directory((256, 4, 1, 4032), (257, 4, 1, 3024)))[4:]
    tiff = Tiff(data)
    assert tiff.size(tiff.directories()[0]) == (4032, 3024)


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_a_copy_with_some_tags_only(byteorder: str, bigtiff: bool) -> None:
    data = written(byteorder=byteorder, bigtiff=bigtiff, extratags=[(274, 3, 1, 6, True)])
    tiff = Tiff(data)
    first = tiff.directories()[0]
    copy = tiff.with_only(first, set(first) - {274, 700})
    with tifffile.TiffFile(io.BytesIO(data)) as old, tifffile.TiffFile(io.BytesIO(copy)) as new:
        assert len(new.pages) == 1
        assert set(new.pages[0].tags.keys()) == set(old.pages[0].tags.keys()) - {274}
        assert (new.asarray() == old.asarray()).all()


def test_the_first_of_repeated_tags_counts() -> None:
    """As for libtiff."""
    tiff = Tiff(crafted(directory((274, 4, 1, 1), (274, 4, 1, 6))))
    assert tiff.value(tiff.directories()[0], 274, 0) == 1


def test_more_values_than_any_image_needs() -> None:
    num = MAX_VALUES + 1
    tiff = Tiff(crafted(directory((273, 1, num, 26)), bytes(num)))
    (first,) = tiff.directories()
    assert len(tiff.values(first, 273, 5)) == 5
    assert tiff.content(first[273], 1, 3) == bytes(3)
    with pytest.raises(Broken, match=f"claims {num} values of the TIFF tag 273"):
        tiff.values(first, 273)


@pytest.mark.parametrize(
    ("kinds", "chosen"),
    [
        ([{}, {}], 0),
        ([{254: 1}, {254: 0}], 1),
        ([{254: 4}, {254: 1}, {}], 2),
        ([{255: 2}, {255: 1}], 1),
        ([{254: 2}, {254: 2}], 0),
        ([{254: 1}, {254: 1}], 0),
    ],
)
def test_which_image_is_the_photo(kinds: list[dict[int, int]], chosen: int) -> None:
    """Not a reduced copy (NewSubfileType 1, SubfileType 2) and not a mask (4), if there is another one."""
    parts, at = [], 8
    for number, kind in enumerate(kinds):
        tags = [(256, 4, 1, number + 1), (257, 4, 1, 1), *((tag, 4, 1, value) for tag, value in kind.items())]
        at += 2 + 12 * len(tags) + 4
        parts.append(directory(*sorted(tags), following=at if number + 1 < len(kinds) else 0))
    tiff = Tiff(crafted(*parts))
    assert tiff.size(photo_directory(tiff)).width == chosen + 1


def test_missing_tags_and_text_tags_have_no_integers() -> None:
    tiff = Tiff(crafted(directory((271, 2, 4, 0))))
    (first,) = tiff.directories()
    assert tiff.values(first, 271).size == tiff.values(first, 273).size == 0
    assert tiff.value(first, 259, 7) == 7
    assert tiff.size(first) == (0, 0)


@pytest.mark.parametrize("data", [b"hello world", b"II\x07\0\x08\0\0\0", b"*\0II\x08\0\0\0"])
def test_refuses_other_headers(data: bytes) -> None:
    with pytest.raises(Broken, match="has no TIFF header") as error:
        Tiff(data)
    assert error.value.reason is Reason.UNREADABLE


@pytest.mark.parametrize("kept", [0.999, 0.9, 0.5, 0.1, 0.02])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_truncation_is_found(kept: float, compression: str | None) -> None:
    data = written(compression=compression, rowsperstrip=5)
    with pytest.raises(Broken) as error:
        check_all(data[: int(len(data) * kept)])
    assert error.value.reason is Reason.CORRUPT_INPUT
    assert "truncated" in error.value.message


def test_says_which_bytes_are_missing() -> None:
    data = crafted(directory((273, 4, 1, 5000), (279, 4, 1, 100)))
    with pytest.raises(Broken, match=r"needs bytes 5000 to 5100, has 38"):
        check_all(data)


def test_fewer_bytes_than_the_pixels_need() -> None:
    data = crafted(
        directory((256, 3, 1, 100), (257, 3, 1, 100), (258, 3, 1, 8), (273, 4, 1, 8), (279, 4, 1, 9))
    )
    tiff = Tiff(data)
    with pytest.raises(Broken, match=r"stores 9 bytes for 100 x 100 pixels that need 10000"):
        tiff.check_uncompressed(tiff.directories()[0])


@pytest.mark.parametrize(
    "data",
    [
        crafted(directory((330, 4, 1, 8), following=8)),
        crafted(directory((330, 4, 1, 26)), directory((330, 4, 1, 8), following=26)),
    ],
)
def test_loops_are_followed_once(data: bytes) -> None:
    assert 1 <= len(Tiff(data).directories()) <= 2


def test_chains_without_end_are_refused() -> None:
    chain = [directory(following=8 + 6 * (i + 1)) for i in range(MAX_DIRECTORIES)]
    with pytest.raises(Broken, match=f"more than {MAX_DIRECTORIES} TIFF directories"):
        Tiff(crafted(*chain, directory())).directories()


def test_directories_over_and_over_the_same_bytes_are_refused() -> None:
    """790 KB could take minutes and gigabytes, if each of the directories lists every tag."""
    num, tags = MAX_DIRECTORIES - 1, 26 + 4 * (MAX_DIRECTORIES - 1)
    first = directory((330, 4, num, 26))
    offsets = struct.pack(f"<{num}I", *range(tags, tags + 2 * num, 2))
    with pytest.raises(Broken, match="a TIFF directory of 65535 tags") as error:
        Tiff(crafted(first, offsets, b"\xff" * (2 * num + 12 * 65535 + 4))).directories()
    assert error.value.reason is Reason.CORRUPT_INPUT


def test_a_huge_number_of_strips_takes_no_memory() -> None:
    data = crafted(directory((273, 4, 0xFFFFFFFF, 8), (279, 4, 0xFFFFFFFF, 8)))
    with pytest.raises(Broken, match="truncated"):
        check_all(data)


def check_all(data: bytes) -> None:
    tiff = Tiff(data)
    for found in tiff.directories():
        tiff.check_blocks(found)
