"""Means, intervals, and dashes with a reason."""

from __future__ import annotations

import json
import math

import pytest

from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import compare, group_of, lower_is_better, metric_of, summarise, title_of
from ebb_train.metrics.aggregate import estimate

ROWS = [
    Row(index=number, pair_id=str(number), scores={"ebb.psnr": 20.0 + number, "ebb.ssim": 0.5 + number / 10},
        missing={"ebb.lpips": "no weights"})
    for number in range(4)
]  # fmt: skip


@pytest.mark.parametrize(
    ("column", "group", "metric", "title"),
    [
        ("ebb.psnr", "ebb", "psnr", "PSNR ↑"),
        ("ebb.ms_ssim", "ebb", "ms_ssim", "MS-SSIM ↑"),
        ("regions.ssim_out_of_focus", "regions", "ssim", "SSIM ↑ out of focus"),
        ("regions.blur_error_px", "regions", "blur_error_px", "blur error, px ↓"),
    ],
)
def test_names_of_columns(column: str, group: str, metric: str, title: str) -> None:
    assert (group_of(column), metric_of(column), title_of(column)) == (group, metric, title)
    assert lower_is_better(column) is ("↓" in title)


def test_means_and_intervals_are_those_of_the_aggregation() -> None:
    cells = summarise(ROWS, ["ebb.psnr", "ebb.ssim"])
    assert cells["ebb.psnr"].value == estimate([20, 21, 22, 23])
    assert (str(cells["ebb.psnr"]), str(cells["ebb.ssim"])) == ("21.50", "0.6500")
    low, high = cells["ebb.psnr"].interval.split(" … ")
    assert 20 <= float(low) < 21.5 < float(high) <= 23


def test_a_missing_value_is_a_dash_with_its_reason() -> None:
    cell = summarise(ROWS, ["ebb.lpips"])["ebb.lpips"]
    assert (str(cell), cell.interval, cell.reason) == ("—", "", "no weights")
    assert cell.plain() == {"mean": None, "reason": "no weights"}
    assert summarise([], ["ebb.psnr"])["ebb.psnr"].reason == "no pair was scored"
    equal = [Row(index=0, pair_id="0", scores={"ebb.psnr": math.inf})]
    assert summarise(equal, ["ebb.psnr"])["ebb.psnr"].reason == "all pictures equal their targets"


def test_differences_are_paired() -> None:
    base = [
        Row(index=row.index, pair_id=row.pair_id, scores={"ebb.psnr": row.scores["ebb.psnr"] - 1})
        for row in ROWS
    ]
    cell = compare(ROWS, base, ["ebb.psnr"])["ebb.psnr"]
    assert str(cell) == "+1.00"
    assert cell.interval == "+1.00 … +1.00"
    with pytest.raises(Exception, match="cannot be paired"):
        compare(ROWS, base[:2], ["ebb.psnr"])


def test_json_holds_no_nan() -> None:
    single = summarise(ROWS[:1], ["ebb.psnr"])["ebb.psnr"]
    plain = json.loads(json.dumps(single.plain(), allow_nan=False))
    assert (plain["mean"], plain["low"], plain["images"]) == (20, None, 1)
    assert single.interval == ""
