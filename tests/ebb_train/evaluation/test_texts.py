"""What the verbs say."""

from __future__ import annotations

import pytest

from ebb.arrays import Size
from ebb_train.evaluation.evaluate import Evaluation
from ebb_train.evaluation.results import Benchmark
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import summarise
from ebb_train.evaluation.texts import benchmark_markdown, evaluation_text


def test_every_metric_is_a_line_and_every_dash_has_a_reason() -> None:
    rows = [
        Row(index=0, pair_id="a", scores={"ebb.psnr": 20.0}, missing={"ebb.lpips": "no weights"}),
        Row(index=1, pair_id="b", scores={"ebb.psnr": 30.0}, missing={"ebb.lpips": "no weights"}),
    ]
    found = Evaluation(
        name="identity",
        model={},
        split="test",
        groups={},
        data="",
        rows=rows,
        summary=summarise(rows, ["ebb.psnr", "ebb.lpips"]),
    )
    lines = evaluation_text(found).splitlines()
    assert lines[2].split() == ["ebb", "PSNR", "↑", "25.00", "20.00", "…", "30.00"]
    assert lines[3].split() == ["ebb", "LPIPS", "↓", "—"]
    assert lines[4:] == ["— no weights", "2 of 2 pairs scored"]


@pytest.mark.parametrize(
    ("number", "about"),
    [
        (1, "1 pair, split test, data 0123456789abcdef; without intervals, which need two pairs"),
        (2, "2 pairs, split test, data 0123456789abcdef; 95 % bootstrap intervals"),
    ],
)
def test_intervals_are_announced_where_there_are_some(number: int, about: str) -> None:
    found = Benchmark(
        split="test",
        data="0123456789abcdef" * 4,
        num_pairs=number,
        photo=Size(64, 48),
        groups={},
        entries=[],
    )
    assert benchmark_markdown(found, []).splitlines()[0] == about
