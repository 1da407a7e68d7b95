"""From the folder of a published data set to rows of the catalogue."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from ebb.dataset.found_pairs import FoundPair, Listing, SetAside, Shot
from ebb.errors import InvalidInput, Reason, Status, UsageError
from ebb.photo.capture import Exif, FileMetadata
from ebb.scan.data_set import MAX_TEXT_BYTES, Request, catalog_rows, find_data_set, read_file, splits_of
from ebb.scan.folder import FileJob
from ebb.state import FileRow
from tests.helpers.captures import scene, shot


def file(name: str, sha256: str, status: Status = Status.OK, **exif: object) -> FileRow:
    return FileRow(
        folder="set",
        name=name,
        size=1,
        mtime_ns=1,
        status=status,
        metadata=FileMetadata(sha256=sha256 * 64, width=8, height=6, exif=Exif(**exif)),  # type: ignore[arg-type]
    )


FILES = {
    row.name: row
    for row in (
        file("w", "a", f_number=11.0, camera="Canon EOS 7D"),
        file("s", "b"),
        file("t", "c"),
        file("d", "d"),
        file("w copy", "a"),
        file("s copy", "b"),
        replace(file("bad", "e"), status=Status.ERROR, reason=Reason.UNREADABLE),
    )
}
PAIR = FoundPair("train", Shot("w", 16.0, 50.0, 100.0, "EF 50mm"), Shot("s", 1.8), "d")


def rows_of(*pairs: FoundPair, aside: tuple[SetAside, ...] = ()) -> list[tuple[str, str, str, object]]:
    rows = catalog_rows(Listing("ebb", pairs, aside), FILES, "import")
    return [(row.name, row.role, row.pair_id, row.reason) for row in rows]


def test_what_the_data_set_says_comes_before_the_exif() -> None:
    wide, shallow, depth = catalog_rows(Listing("ebb", (PAIR,)), FILES, "realign")
    assert (wide.f_number, wide.focal_length_mm, wide.iso, wide.lens) == (16.0, 50.0, 100.0, "EF 50mm")
    assert (wide.camera, wide.partner, wide.origin) == ("Canon EOS 7D", "s", "realign")
    assert (shallow.f_number, shallow.partner, depth.role, depth.f_number) == (1.8, "w", "depth", None)
    assert len({wide.pair_id, shallow.pair_id, depth.pair_id}) == 1
    silent = FoundPair("train", Shot("w"), Shot("s"))
    assert next(catalog_rows(Listing("ebb", (silent,)), FILES, "import")).f_number == 11.0


def test_a_wide_photo_has_a_row_for_each_of_its_pairs() -> None:
    rows = rows_of(PAIR, PAIR._replace(shallow=Shot("t", 2.8)))
    assert [name for name, *_ in rows] == ["w", "s", "d", "w", "t", "d"]
    names = {pair_id for _, _, pair_id, _ in rows}
    assert len(names) == 2
    assert {name[:16] for name in names} == {min(names)}
    assert max(names) == f"{min(names)}-f028"


def test_a_wide_photo_in_two_splits_is_two_scenes() -> None:
    rows = rows_of(PAIR, PAIR._replace(shallow=Shot("t", 2.8), split="test"))
    assert len({pair_id[:16] for _, _, pair_id, _ in rows}) == 2


def test_equal_pairs_count_once_and_in_their_first_split() -> None:
    again = FoundPair("test", Shot("w copy"), Shot("s copy"))
    rows = rows_of(PAIR, again)
    assert [reason for *_, reason in rows] == [None, None, None, Reason.DUPLICATE, Reason.DUPLICATE]
    assert all(not pair_id for _, _, pair_id, reason in rows if reason)
    assert list(splits_of([PAIR, again], FILES).values()) == ["train"]
    (*_, last) = catalog_rows(Listing("ebb", (PAIR, again)), FILES, "import")
    assert last.detail == "the same photos as the pair of w and s"


def test_a_broken_file_takes_its_pair_out() -> None:
    broken = PAIR._replace(shallow=Shot("bad"))
    assert rows_of(broken) == [
        ("w", "wide", "", None),
        ("bad", "shallow", "", Reason.UNREADABLE),
        ("d", "depth", "", None),
    ]
    assert splits_of([broken, PAIR._replace(split=None)], FILES) == {}


def test_files_set_aside_have_rows() -> None:
    asides = tuple(SetAside(name, Reason.MISSING_PARTNER, "alone") for name in ("t", "bad"))
    assert rows_of(aside=asides) == [
        ("t", "", "", Reason.MISSING_PARTNER),
        ("bad", "", "", Reason.UNREADABLE),
    ]


def test_photos_are_not_turned(tmp_path: Path) -> None:
    data = shot(scene(1, (40, 30)), 1.8, 0, orientation=6, exposure_time_s=Fraction(1, 50))
    (tmp_path / "a.jpg").write_bytes(data)
    found = read_file(FileJob(str(tmp_path), "a.jpg", len(data), 0, 1.0)).value
    assert (found.width, found.height, found.exif.orientation) == (40, 30, 1)
    assert (found.exif.f_number, found.exif.exposure_time_s) == (1.8, 0.02)


def write_names(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_only_the_files_of_the_layout_are_read(tmp_path: Path) -> None:
    names = ["train/in/1.jpg", "train/gt/1.jpg", "train/in/2.jpg"]
    found = find_data_set(Request(source=write_names(tmp_path, *names, "x.txt")))
    assert [job.name for job in found.jobs] == sorted(names)
    assert (found.folder, found.listing.layout) == (tmp_path.resolve(), "bokehlicious")
    with pytest.raises(InvalidInput, match="no pairs here"):
        find_data_set(Request(source=tmp_path, layout="ebb"))


def test_a_list_of_pairs(tmp_path: Path) -> None:
    folder = write_names(tmp_path / "set", "sharp/1.png", "soft/1.png")
    csv = tmp_path / "pairs.csv"
    csv.write_text("wide,shallow\nsharp/1.png,soft/1.png\n")
    assert find_data_set(Request(source=folder, pairs=csv)).listing.layout == "pairs"
    csv.write_text("wide,shallow\nsharp/1.png,soft/2.png\n")
    with pytest.raises(UsageError, match=r"pairs\.csv: line 2: no file 'soft/2.png'"):
        find_data_set(Request(source=folder, pairs=csv))
    csv.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match=r"pairs\.csv: is not UTF-8"):
        find_data_set(Request(source=folder, pairs=csv))
    with pytest.raises(InvalidInput, match=r"none\.csv: cannot be read: No such file"):
        find_data_set(Request(source=folder, pairs=tmp_path / "none.csv"))


def test_damaged_metadata_are_named(tmp_path: Path) -> None:
    folder = write_names(tmp_path, "train/in/1_f22.JPG", "train/gt/1/1_f2.0.JPG", "train/metadata/1.json")
    with pytest.raises(InvalidInput, match=r"train/metadata/1\.json: not JSON"):
        find_data_set(Request(source=folder))
    with (folder / "train/metadata/1.json").open("wb") as huge:
        huge.truncate(MAX_TEXT_BYTES + 1)
    with pytest.raises(InvalidInput, match=r"train/metadata/1\.json: larger than 16 MB"):
        find_data_set(Request(source=folder))


def test_two_layouts_are_an_error_of_the_folder(tmp_path: Path) -> None:
    names = ["train/in/1.jpg", "train/gt/1.jpg", "train/original/1.jpg", "train/bokeh/1.jpg"]
    with pytest.raises(UsageError, match=f"{tmp_path.name}: more than one layout fits"):
        find_data_set(Request(source=write_names(tmp_path, *names)))
