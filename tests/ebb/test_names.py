"""Natural order and names that are not text."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from ebb.names import as_text, counted, is_text, natural_key, one_line, portable_name, printable, similar


def test_natural_order_compares_numbers() -> None:
    names = ["IMG_10.CR2", "img_9.cr2", "IMG_2.CR2", "IMG_2b.CR2", "7.JPG", "фото 3.JPG", ""]
    assert sorted(names, key=natural_key) == [
        "", "7.JPG", "IMG_2.CR2", "IMG_2b.CR2", "img_9.cr2", "IMG_10.CR2", "фото 3.JPG"
    ]  # fmt: skip


@given(st.lists(st.text()))
def test_any_names_can_be_ordered(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural_key)) == sorted(names)


def test_bytes_that_are_not_text() -> None:
    name = os.fsdecode(b"IMG_\xff.CR2")
    assert not is_text(name)
    assert as_text(name) == "IMG_\\xff.CR2 (not UTF-8)"
    assert as_text("IMG_\\xff.CR2") == "IMG_\\xff.CR2", "another file: its name has a backslash"
    assert is_text("Фото ü.jpg")
    assert as_text("Фото ü.jpg") == "Фото ü.jpg"


def test_a_portable_name_has_no_control_characters_or_separators() -> None:
    assert portable_name("a\x1b[2J\n\x85\\b.JPG") == "a%1B[2J%0A%85%5Cb.JPG"
    assert portable_name("Фото\u202f1 100%.jpg") == "Фото\u202f1 100%.jpg"


def test_line_breaks_are_written_out() -> None:
    assert one_line("a\nb") == "a\\nb"


def test_a_file_name_cannot_control_the_terminal() -> None:
    assert printable("a\x1b[31mb\udcff\rc\nd ü[/red]") == "a\\x1b[31mb\\udcff\\rc\nd ü[/red]"


def test_counts_have_singular_and_plural() -> None:
    assert [counted(number, "pair") for number in (0, 1, 2)] == ["0 pairs", "1 pair", "2 pairs"]


def test_similar_names() -> None:
    names = ["day1/IMG_0309.JPG", "day2/IMG_0310.JPG", "notes.txt"]
    assert similar("img_0309", names)[0] == "day1/IMG_0309.JPG"
    assert similar("day2/IMG_0310.jpeg", names)[0] == "day2/IMG_0310.JPG"
    assert similar("note.txt", names) == ["notes.txt"]
    assert similar("quite different", names) == similar("", names) == []


@given(st.text(), st.lists(st.text()))
def test_similar_names_are_among_the_names(name: str, names: list[str]) -> None:
    found = similar(name, names)
    assert set(found) <= set(names)
    assert len(found) == len(set(found)) <= 3
