"""Tables for other programs."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import Reason, Status
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.tables import (
    FORMULA_STARTS,
    as_text,
    csv_text,
    score_columns,
    table_rows,
    write_json,
    write_tables,
)

if TYPE_CHECKING:
    from pathlib import Path

ROWS = [
    Row(index=0, pair_id="a", scores={"ebb.psnr": 23.25, "ebb.ssim": 1 / 3}),
    Row(
        index=1, pair_id="=HYPERLINK(1)", status=Status.ERROR, reason=Reason.NO_PREDICTION, detail="none, so"
    ),
    Row(index=2, pair_id="c", scores={"ebb.psnr": float("inf"), "ebb.lpips": 0.25}),
]


def test_every_pair_is_a_row_and_every_score_a_column(tmp_path: Path) -> None:
    parquet, text = write_tables(ROWS, tmp_path)
    table = pd.read_parquet(parquet)
    assert list(table.columns) == ["pair_id", "status", "reason", "detail", "picture", *score_columns(ROWS)]
    assert list(table["pair_id"]) == ["a", "=HYPERLINK(1)", "c"]
    assert table["ebb.ssim"][0] == 1 / 3
    assert table["ebb.psnr"].isna().tolist() == [False, True, False]
    again = pd.read_csv(text)
    assert again["ebb.ssim"][0] == pytest.approx(1 / 3, rel=1e-15)
    assert again["ebb.psnr"][2] == float("inf")
    assert again["reason"][1] == "no_prediction"


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (write_tables(ROWS, tmp_path / name) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_tables_may_be_empty(tmp_path: Path) -> None:
    _, text = write_tables([], tmp_path)
    assert text.read_text() == "\n"


def test_no_cell_is_a_formula_for_a_spreadsheet() -> None:
    line = csv_text(table_rows(ROWS)).splitlines()[2]
    assert line.startswith('\'=HYPERLINK(1),error,no_prediction,"none, so",')


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_possible_formulas_get_an_apostrophe(start: str) -> None:
    assert as_text(f"{start}1+1") == f"'{start}1+1"


@given(st.text(st.characters(blacklist_characters="\0\r", blacklist_categories=["Cs"])))
def test_texts_round_trip_through_csv(text: str) -> None:
    head, cells = csv.reader(io.StringIO(csv_text([{"name": text, "number": 1}])))
    assert head == ["name", "number"]
    assert cells == [as_text(text), "1"]
    assert not cells[0].startswith(FORMULA_STARTS)


def test_negative_numbers_stay_numbers() -> None:
    assert csv_text([{"difference": -0.5}]) == "difference\n-0.5\n"


def test_json_refuses_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"psnr": float("nan")})
