"""The page of an evaluation."""

from __future__ import annotations

import math
from pathlib import Path

from ebb.errors import Reason, Status
from ebb_train.evaluation.evaluate_page import pair_row, picture_address, plain_texts, rank, title
from ebb_train.evaluation.scores import Row

ROWS = [
    Row(index=0, pair_id="a", scores={"ebb.psnr": 30.0, "ebb.lpips": 0.1}),
    Row(index=1, pair_id="b", scores={"ebb.psnr": 20.0, "ebb.lpips": 0.3}),
    Row(index=2, pair_id="c", status=Status.ERROR, reason=Reason.NO_PREDICTION, detail="none"),
    Row(index=3, pair_id="d", scores={"ebb.psnr": math.inf, "ebb.lpips": 0.0}),
]


def test_pairs_are_ranked_from_worst_to_best_for_either_direction() -> None:
    assert [row.pair_id for row in rank(ROWS, "ebb.psnr")] == ["b", "a", "d"]
    assert [row.pair_id for row in rank(ROWS, "ebb.lpips")] == ["b", "a", "d"]


def test_headings_name_the_protocol() -> None:
    assert title("pynet2020.ms_ssim") == "MS-SSIM ↑ (pynet2020)"


def test_a_pair_without_scores_has_a_reason() -> None:
    row = pair_row(ROWS[2], ["ebb.psnr"])
    assert row["failed"]
    assert row["address"] == ""
    assert row["texts"] == ["c", "no_prediction: none"]
    assert row["numbers"] == [{"value": "", "text": "—"}]


def test_values_are_converted_to_text() -> None:
    assert plain_texts({"model": "layered", "blur": 0.05, "config": {"b": 1, "a": 2}}) == {
        "model": "layered",
        "blur": "0.05",
        "config": '{"a": 2, "b": 1}',
    }


def test_links_to_pictures_are_relative_to_the_page() -> None:
    row = Row(index=0, pair_id="a", picture=Path("runs/x/predictions/a b.png"))
    assert picture_address(row, Path("runs/x")) == "predictions/a%20b.png"
    assert picture_address(row, Path("runs/y")) == "../x/predictions/a%20b.png"
    assert picture_address(ROWS[0], Path("runs")) == ""
