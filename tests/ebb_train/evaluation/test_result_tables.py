"""Tables, built once."""

from __future__ import annotations

import math

from ebb_train.evaluation.published import Published
from ebb_train.evaluation.result_tables import ResultTable, TextCell, markdown, metric_tables, published_table
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import summarise

ROWS = [
    Row(
        index=number,
        pair_id=str(number),
        scores={"ebb.psnr": 20.0 + number, "dmshn2021.psnr": 21.0 + number},
        missing={"ebb.lpips": "no weights"},
    )
    for number in range(2)
]
COLUMNS = ["ebb.psnr", "ebb.lpips", "dmshn2021.psnr"]


def test_two_protocols_are_two_tables() -> None:
    cells = summarise(ROWS, COLUMNS)
    first, second = metric_tables(
        {"a": cells, "b": cells}, {"ebb": {"size": "full"}, "dmshn2021": {}}, "Mean"
    )
    assert (first.corner, first.heads) == ("ebb", ["PSNR ↑", "LPIPS ↓"])
    assert (second.corner, second.heads) == ("dmshn2021", ["PSNR ↑"])
    assert [name for name, _ in first.rows] == ["a", "b"]
    assert first.definitions == {"size": "full"}
    assert first.reasons == ["no weights"]


def test_markdown_holds_numbers_intervals_and_reasons() -> None:
    (grid,) = metric_tables({"a|b": summarise(ROWS, COLUMNS[:2])}, {"ebb": {}}, "Mean")
    assert markdown(grid).splitlines() == [
        "### Mean, ebb",
        "",
        "| ebb | PSNR ↑ | LPIPS ↓ |",
        "| --- | ---: | ---: |",
        "| a\\|b | 20.50 (20.00 … 21.00) | — |",
        "",
        "— no weights",
    ]


def test_excluded_pictures_are_noted() -> None:
    rows = [*ROWS, Row(index=2, pair_id="2", scores={"ebb.psnr": math.inf})]
    (grid,) = metric_tables({"a": summarise(rows, COLUMNS[:2])}, {"ebb": {}}, "Mean")
    assert grid.notes == ["a: PSNR ↑: excluded because equal to the target: 1 picture"]


def test_published_numbers_are_marked() -> None:
    table = Published(
        title="a test set", heads=["method", "psnr"], rows=[["PyNET", "23"]], sources=["a paper"]
    )
    grid = published_table(table)
    assert grid.title == "As published: a test set"
    assert [(name, [str(cell) for cell in cells]) for name, cells in grid.rows] == [("PyNET", ["23"])]
    assert grid.notes == ["Source: a paper"]


def test_each_reason_is_given_once() -> None:
    dash = TextCell(text="—", reason="why")
    grid = ResultTable(
        title="", corner="", heads=["a"], rows=[("x", [dash]), ("y", [dash, TextCell(text="1")])]
    )
    assert grid.reasons == ["why"]
