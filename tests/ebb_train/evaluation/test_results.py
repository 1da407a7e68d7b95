"""Results as plain values."""

from __future__ import annotations

import json

from ebb.arrays import Size
from ebb.errors import Reason, Status
from ebb_train.baselines.model import Cost
from ebb_train.evaluation.results import Benchmark, BenchmarkEntry, Evaluation, failures
from ebb_train.evaluation.scores import Row, failed
from ebb_train.evaluation.summary import summarise

ROWS = [
    Row(index=0, pair_id="a", scores={"ebb.psnr": 20.0}),
    failed(1, "b", Reason.NO_PREDICTION, "no picture"),
    Row(index=2, pair_id="c", scores={"ebb.psnr": 30.0}),
]
COLUMNS = ["ebb.psnr", "ebb.lpips"]


def entry(name: str, untimed: str = "") -> BenchmarkEntry:
    return BenchmarkEntry(
        name=name,
        model={"model": name},
        cost=Cost(parameters=3, multiply_adds=None),
        rows=ROWS,
        summary=summarise(ROWS, COLUMNS),
        difference={},
        untimed=untimed,
    )


def test_an_evaluation_counts_and_names_what_failed() -> None:
    found = Evaluation(
        name="x", model={}, split="val", groups={}, data="ab", rows=ROWS, summary=summarise(ROWS, COLUMNS)
    )
    assert found.num_failed == 1
    plain = found.as_dict()
    assert plain["pairs"] == 3
    assert plain["failed"] == failures(ROWS) == {"b": f"{Reason.NO_PREDICTION}: no picture"}
    assert plain["summary"]["ebb.psnr"]["mean"] == 25
    assert plain["summary"]["ebb.lpips"]["mean"] is None
    json.dumps(plain, allow_nan=False)


def test_a_benchmark_counts_pictures_and_timings_that_failed() -> None:
    found = Benchmark(
        split="test",
        data="ab",
        num_pairs=3,
        photo=Size(96, 64),
        groups={"ebb": {}},
        entries=[entry("one"), entry("two", untimed="it died")],
    )
    assert found.num_failed == 3
    plain = found.as_dict()
    assert plain["base"] == "one"
    assert plain["photo"] == [96, 64]
    assert [model["name"] for model in plain["models"]] == ["one", "two"]
    assert plain["models"][0]["multiply_adds"] is None
    assert "untimed" not in plain["models"][1]
    assert ROWS[0].status is Status.OK
    json.dumps(plain, allow_nan=False)
