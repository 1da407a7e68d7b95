"""Tables at any width."""

from __future__ import annotations

import os
import sys

import pytest

from ebb.tables import table

PAIRS = [
    ("1903a9f750758bfb", "IMG_0001.JPG", "IMG_0002.JPG", "train", "ok", ""),
    (
        "6639310d7e50af4a",
        "IMG_0011.JPG",
        "IMG_0012.JPG",
        "align",
        "too_few_matches",
        "9 matches, fewer than 15",
    ),
]
HEADS = ("pair", "wide", "shallow", "in", "status", "detail")


def test_table_aligns_numbers_right() -> None:
    assert table(("name", "n"), [("a", 1), ("bcdef", 10)]).splitlines() == [
        "name    n",
        "-----  --",
        "a       1",
        "bcdef  10",
    ]
    assert table(("name",), []).splitlines() == ["name", "----"]
    assert table(("name",), [("a\nb\x1b",)]).splitlines()[2:] == [r"a\nb\x1b"]


def test_prose_is_wrapped_before_anything_else() -> None:
    rows = [("missing_partner", 12, "shoot the other aperture, raise --max-gap, or name the pair in --pairs")]
    assert table(("reason", "count", "what to do"), rows, 60).splitlines() == [
        "reason           count  what to do",
        "---------------  -----  ------------------------------------",
        "missing_partner     12  shoot the other aperture, raise",
        "                        --max-gap, or name the pair in",
        "                        --pairs",
    ]
    assert table(("reason", "count", "what to do"), rows, 95).count("\n") == 2


def test_where_columns_do_not_fit_no_name_is_cut() -> None:
    assert table(HEADS, PAIRS, 60).splitlines() == [
        "pair  wide  shallow  in  status  detail",
        "1903a9f750758bfb  IMG_0001.JPG  IMG_0002.JPG  train  ok",
        "6639310d7e50af4a  IMG_0011.JPG  IMG_0012.JPG  align",
        "    too_few_matches  9 matches, fewer than 15",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100])
def test_nothing_is_lost_and_nothing_overflows(width: int) -> None:
    text = table(HEADS, PAIRS, width)
    assert max(map(len, text.splitlines())) <= width
    words = text.replace("-", "").split()
    assert sorted(words) == sorted(" ".join(cell for row in [HEADS, *PAIRS] for cell in row).split())


def test_a_terminal_sets_the_width_and_a_pipe_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, table(HEADS, PAIRS).splitlines())) > 60
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert table(HEADS, PAIRS) == table(HEADS, PAIRS, int(os.environ["COLUMNS"]))
