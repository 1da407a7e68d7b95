"""What the verbs say."""

from __future__ import annotations

from ebb_train.evaluation.evaluate import Evaluation
from ebb_train.evaluation.scores import Row
from ebb_train.evaluation.summary import summarise
from ebb_train.evaluation.texts import evaluation_text


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
