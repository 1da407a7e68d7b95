from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.dataset.pairs_list import read_pairs_list
from ebb.errors import UsageError

NAMES = ["a/1.png", "b/1.png", "d/1.png", "a/2.png", "b/2.png", "b/3.png", "notes.txt"]


def test_two_columns_are_enough() -> None:
    listing = read_pairs_list("wide,shallow\na/1.png,b/1.png\n\n./a/2.png,b\\2.png\n", NAMES)
    assert [pair.names for pair in listing.pairs] == [
        {"wide": "a/1.png", "shallow": "b/1.png"},
        {"wide": "a/2.png", "shallow": "b/2.png"},
    ]
    assert {pair.split for pair in listing.pairs} == {None}
    assert listing.layout == "pairs"
    assert listing.ignored == ("b/3.png", "d/1.png", "notes.txt")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_all_columns_in_any_order(delimiter: str) -> None:
    rows = [
        ("note", "Shallow", "wide", "depth", "split", "f_number_shallow", "f_number_wide"),
        ("x", "b/1.png", "a/1.png", "d/1.png", "Validation", "f/1.8", "16"),
        ("", "b/2.png", "a/2.png", "", "test", "", ""),
    ]
    listing = read_pairs_list("\ufeff" + "\r\n".join(map(delimiter.join, rows)), NAMES)
    first, second = listing.pairs
    assert (first.split, first.depth, first.wide.f_number, first.shallow.f_number) == (
        "val",
        "d/1.png",
        16,
        1.8,
    )
    assert (second.split, second.depth, second.wide.f_number) == ("test", None, None)


@pytest.mark.parametrize("split", ["train", ""])
def test_one_wide_photo_may_have_several_shallow_ones(split: str) -> None:
    rows = f"wide,shallow,split\na/1.png,b/1.png,{split}\na/1.png,b/2.png,{split}\n"
    assert len(read_pairs_list(rows, NAMES).pairs) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("wide,shallow\n", "no rows"),
        ("original,bokeh\na,b\n", "no column 'wide' .*names the columns: wide, shallow, depth"),
        ("wide,shallow,wide\n", "more than one column 'wide'"),
        ("wide,shallow\na/1.png\n", "line 2: no value in the column 'shallow'"),
        ("wide,shallow\na/1.png,b/7.png\n", "line 2: no file 'b/7.png' .*close: b/"),
        ("wide,shallow\nzzz,b/1.png\n", "line 2: no file 'zzz' .*relative to the folder"),
        ("wide,shallow,depth\na/1.png,b/1.png,q\n", "line 2: no file 'q'"),
        ("wide,shallow\na/1.png,a/1.png\n", "line 2: 'a/1.png' is both"),
        (
            "wide,shallow,split\na/1.png,b/1.png,dev\n",
            "line 2: no split is called 'dev' .*train, val or test",
        ),
        ("wide,shallow,f_number_wide\na/1.png,b/1.png,f/0\n", "line 2: 'f/0' is no f-number"),
        ("wide,shallow,f_number_wide\na/1.png,b/1.png,wide\n", "line 2: 'wide' is no f-number"),
        ("wide,shallow,f_number_wide\na/1.png,b/1.png,nan\n", "line 2: 'nan' is no f-number"),
        ('wide,shallow\n"a/1.png,b/1.png\n', "line 2: not valid CSV"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_pairs_list(text, NAMES)


@given(st.text(alphabet=st.sampled_from('wideshallow,;\t\n"ab/12.png\ufeff')))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        listing = read_pairs_list(text, NAMES)
    except UsageError:
        return
    assert {name for pair in listing.pairs for name in pair.names.values()} <= set(NAMES)
