"""Pairs named by hand: every spelling a spreadsheet produces, and a line number for every mistake."""

from __future__ import annotations

import csv
import hashlib
import io
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.errors import Reason, Status, UsageError
from ebb.pair_ids import pair_id
from ebb.photo.capture import Capture, Exif
from ebb.photo.pairs_file import pair_by_list, read_pairs_csv
from ebb.settings import IngestSettings

NAMES = ["day1/IMG_1.CR2", "day1/IMG_2.CR2", "day2/IMG_2.CR2", "IMG_3.JPG", "IMG_4.JPG"]


def capture(name: str, f_number: float | None = None, content: str = "", folder: str = "") -> Capture:
    digest = hashlib.sha256((content or name).encode()).hexdigest()
    return Capture(name=name, sha256=digest, folder=folder, exif=Exif(f_number=f_number))


def as_csv(rows: list[list[str]], delimiter: str = ",") -> str:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "wide,shallow\nIMG_3.JPG,IMG_4.JPG\n",
        "wide,shallow\nIMG_3.JPG,IMG_4.JPG",
        "\ufeffwide,shallow\r\nIMG_3.JPG,IMG_4.JPG\r\n",
        "shallow,wide\nIMG_4.JPG,IMG_3.JPG\n",
        "Wide; Shallow\nIMG_3.JPG;IMG_4.JPG\n",
        "wide\tshallow\nIMG_3.JPG\tIMG_4.JPG\n",
        '"wide";"note, if any";"shallow"\nIMG_3.JPG;"a, b";IMG_4.JPG\n',
        "scene,shallow,wide\n7,IMG_4.JPG,IMG_3.JPG,one cell too many\n",
        "\n,\nwide,shallow\n\n ,\n IMG_3.JPG , IMG_4.JPG\n\n",
        "wide,shallow\n./IMG_3.JPG,.\\IMG_4.JPG\n",
        "wide,shallow\rIMG_3.JPG,IMG_4.JPG\r",
    ],
)
def test_files_of_spreadsheets_are_read(text: str) -> None:
    assert read_pairs_csv(text, NAMES) == [("IMG_3.JPG", "IMG_4.JPG")]


def test_a_bare_name_is_enough_if_it_is_unique() -> None:
    text = "wide,shallow\nIMG_1.CR2,day2/IMG_2.CR2\nIMG_3.JPG,day1\\IMG_2.CR2\n"
    found = read_pairs_csv(text, NAMES)
    assert found == [("day1/IMG_1.CR2", "day2/IMG_2.CR2"), ("IMG_3.JPG", "day1/IMG_2.CR2")]


def test_a_path_takes_precedence_over_a_bare_name() -> None:
    names = ["IMG_1.CR2", "day2/IMG_1.CR2", "IMG_2.CR2"]
    text = "wide,shallow\nIMG_1.CR2,IMG_2.CR2\n"
    assert read_pairs_csv(text, names) == [("IMG_1.CR2", "IMG_2.CR2")]


def test_composed_letters_find_decomposed_file_names() -> None:
    stored = unicodedata.normalize("NFD", "Fête é.JPG")
    typed = unicodedata.normalize("NFC", "Fête é.JPG")
    assert read_pairs_csv(f"wide,shallow\n{typed},IMG_4.JPG", [stored, "IMG_4.JPG"]) == [
        (stored, "IMG_4.JPG")
    ]


file_names = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=12
).filter(lambda name: name not in {".", ".."} and name.strip())


@given(
    st.lists(file_names, min_size=2, max_size=8, unique_by=lambda n: unicodedata.normalize("NFC", n.strip())),
    st.sampled_from(",;\t"),
)
@settings(deadline=None, max_examples=100)
def test_any_file_names_round_trip(names: list[str], delimiter: str) -> None:
    names = names[: len(names) // 2 * 2]
    pairs = list(zip(names[::2], names[1::2], strict=True))
    text = as_csv([["wide", "shallow"], *map(list, pairs)], delimiter)
    assert read_pairs_csv(text, names) == pairs


# --- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the pairs file is empty (the first line must be: wide,shallow)"),
        ("\ufeff \n\n", "the pairs file is empty (the first line must be: wide,shallow)"),
        ("wide,shallow\n\n", "the pairs file has no rows (write one row per pair: wide,shallow)"),
        ("wide,bokeh\n", "line 1: no column 'shallow' (the first row has 'wide', 'bokeh')"),
        ("\nIMG_3.JPG,IMG_4.JPG\n", "line 2: no column 'wide' (the first row has 'IMG_3.JPG', 'IMG_4.JPG')"),
        (
            "wide,WIDE,shallow\n",
            "line 1: more than one column 'wide' (the first row has 'wide', 'WIDE', 'shallow')",
        ),
        ("wide,shallow\nIMG_3.JPG\n", "line 2: no value in the column 'shallow'"),
        ("wide,shallow\n\n , IMG_3.JPG\n", "line 3: no value in the column 'wide'"),
        (
            "wide,shallow\nIMG_3.JPG,img_4.jpg\n",
            "line 2: no capture 'img_4.jpg' (close: IMG_4.JPG, IMG_3.JPG)",
        ),
        (
            "wide,shallow\nIMG_3.JPG,/somewhere/else\n",
            "line 2: no capture '/somewhere/else' (names are relative to the ingested folder)",
        ),
        (
            "wide,shallow\nIMG_3.JPG,IMG_4.JPEG\n",
            "line 2: no capture 'IMG_4.JPEG' (close: IMG_4.JPG, IMG_3.JPG)",
        ),
        (
            "wide,shallow\nday3/IMG_1.CR2,IMG_4.JPG\n",
            "line 2: no capture 'day3/IMG_1.CR2' (close: day1/IMG_1.CR2, day2/IMG_2.CR2, day1/IMG_2.CR2)",
        ),
        (
            "wide,shallow\nIMG_3.JPG,IMG_2.CR2\n",
            "line 2: 'IMG_2.CR2' fits 2 files (write the path: day1/IMG_2.CR2, day2/IMG_2.CR2)",
        ),
        (
            "wide,shallow\nIMG_3.JPG,./IMG_3.JPG\n",
            "line 2: 'IMG_3.JPG' is both the wide and the shallow photo",
        ),
        (
            "wide,shallow\nIMG_3.JPG,IMG_4.JPG\n\nIMG_1.CR2,IMG_3.JPG\n",
            "line 4: 'IMG_3.JPG' is already used in line 2",
        ),
        ('wide,shallow\n"IMG_3.JPG" x,IMG_4.JPG\n', "line 2: not valid CSV: ',' expected after '\"'"),
        ('wide,shallow\n"IMG_3.JPG,IMG_4.JPG\n', "line 2: not valid CSV: unexpected end of data"),
    ],
)
def test_errors_have_the_line_number(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_pairs_csv(text, NAMES)
    assert str(caught.value) == message


def test_one_wide_photo_may_have_several_shallow_ones() -> None:
    text = "wide,shallow\nIMG_3.JPG,IMG_4.JPG\nIMG_3.JPG,IMG_1.CR2\n"
    assert read_pairs_csv(text, NAMES) == [("IMG_3.JPG", "IMG_4.JPG"), ("IMG_3.JPG", "day1/IMG_1.CR2")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("IMG_3.JPG,IMG_4.JPG\nIMG_1.CR2,IMG_4.JPG", "line 3: 'IMG_4.JPG' is already used in line 2"),
        ("IMG_3.JPG,IMG_4.JPG\nIMG_3.JPG,IMG_4.JPG", "line 3: 'IMG_4.JPG' is already used in line 2"),
        ("IMG_3.JPG,IMG_4.JPG\nIMG_4.JPG,IMG_1.CR2", "line 3: 'IMG_4.JPG' is already used in line 2"),
    ],
)
def test_a_shallow_photo_has_one_wide_one(rows: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_pairs_csv(f"wide,shallow\n{rows}\n", NAMES)
    assert str(caught.value) == message


def test_equal_names_of_two_folders_are_ambiguous() -> None:
    with pytest.raises(UsageError, match=r"line 2: 'IMG_3.JPG' fits 2 files"):
        read_pairs_csv("wide,shallow\nIMG_3.JPG,IMG_4.JPG", [*NAMES, "IMG_3.JPG"])


@given(st.text(max_size=60), st.sampled_from(["", "wide,shallow\n", "wide;shallow\n"]))
@settings(deadline=None, max_examples=100)
def test_any_text_gives_pairs_or_a_usage_error(text: str, header: str) -> None:
    try:
        pairs = read_pairs_csv(header + text, ["0", "1", "a"])
    except UsageError:
        return
    assert {name for pair in pairs for name in pair} <= {"0", "1", "a"}


# --- pairing ---------------------------------------------------------------------------------------------


def test_the_list_takes_precedence_over_exif() -> None:
    captures = [capture("a.JPG", 1.8), capture("b.CR2", 16.0), capture("c.CR2"), capture("d.CR2", 1.8)]
    verdicts = pair_by_list(captures, [("a.JPG", "b.CR2")], IngestSettings(pairs=Path("some/hand made.csv")))
    assert [v.capture for v in verdicts] == captures
    wide, shallow, *aside = verdicts
    assert (wide.status, wide.reason, wide.role, wide.partner) == (Status.OK, None, "wide", "b.CR2")
    assert (shallow.status, shallow.reason, shallow.role, shallow.partner) == (
        Status.OK, None, "shallow", "a.JPG"
    )  # fmt: skip
    assert wide.pair_id == shallow.pair_id == pair_id(captures[0].sha256, captures[1].sha256)
    assert wide.detail == "partner b.CR2, as hand made.csv says"
    for verdict in aside:
        assert (verdict.status, verdict.reason) == (Status.REJECTED, Reason.NOT_IN_PAIRS_FILE)
        assert (verdict.role, verdict.pair_id, verdict.partner) == ("", "", "")
        assert verdict.detail == "not named in hand made.csv"


def test_pairs_of_one_wide_photo_are_a_series() -> None:
    captures = [capture("w", 16.0), capture("a", 2.8), capture("b", 1.8), capture("c"), capture("d", 1.8)]
    verdicts = pair_by_list(captures, [("w", "a"), ("w", "b"), ("w", "c")], IngestSettings(series=True))
    scene = pair_id(captures[0].sha256, captures[2].sha256)
    of_c = pair_id(captures[0].sha256, captures[3].sha256)[:6]
    assert [(v.role, v.pair_id, v.partner) for v in verdicts] == [
        ("wide", scene, "b"),
        ("shallow", f"{scene}-f028", "w"),
        ("shallow", scene, "w"),
        ("shallow", f"{scene}-{of_c}", "w"),
        ("", "", ""),
    ]
    assert verdicts[0].detail == "partner b and 2 more, as the pairs file says"


def test_copies_outside_the_list_are_ignored() -> None:
    captures = [capture("a.CR2"), capture("b.CR2"), capture("copy.CR2", content="a.CR2")]
    verdicts = pair_by_list(captures, [("a.CR2", "b.CR2")], IngestSettings())
    assert [v.status for v in verdicts] == [Status.OK, Status.OK, Status.REJECTED]
    assert verdicts[2].detail == "not named in the pairs file"


@pytest.mark.parametrize(
    "pairs", [[("a.CR2", "copy.CR2")], [("a.CR2", "b.CR2"), ("copy.CR2", "c.CR2")]], ids=["one pair", "two"]
)
def test_equal_bytes_cannot_be_two_photos(pairs: list[tuple[str, str]]) -> None:
    captures = [capture("a.CR2"), capture("b.CR2"), capture("c.CR2"), capture("copy.CR2", content="a.CR2")]
    with pytest.raises(UsageError, match=r"names 'a.CR2' and 'copy.CR2', which have the same bytes"):
        pair_by_list(captures, pairs, IngestSettings())


def test_a_listed_name_is_exactly_one_capture() -> None:
    captures = [capture("a.CR2", folder="x"), capture("a.CR2", content="other", folder="y"), capture("b.CR2")]
    with pytest.raises(UsageError, match=r"names 'a.CR2', and 2 captures have that name"):
        pair_by_list(captures, [("a.CR2", "b.CR2")], IngestSettings())
    with pytest.raises(UsageError, match=r"names 'z.CR2', and 0 captures have that name"):
        pair_by_list(captures, [("b.CR2", "z.CR2")], IngestSettings())
