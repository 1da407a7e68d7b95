"""Flagged pictures on the page of an evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.formats.png import encode_png
from ebb_train.data.sources import open_source
from ebb_train.evaluation.artefact_cases import flagged_rows, suspected_case
from ebb_train.evaluation.scores import Row
from tests.helpers.datasets import photos, record, write_set

if TYPE_CHECKING:
    from pathlib import Path


def _row(index: int, severity: float, picture: Path | None = None) -> Row:
    scores = {"artefacts.severity": severity, "artefacts.flagged": float(severity > 1)}
    return Row(index=index, pair_id=f"pair-{index}", picture=picture, scores=scores)


def test_flagged_rows_come_worst_first() -> None:
    rows = [_row(0, 0.4), _row(1, 2.0), _row(2, 9.0), Row(index=3, pair_id="failed")]
    assert [row.index for row in flagged_rows(rows)] == [2, 1]


def test_a_case_shows_where_and_names_the_limit(tmp_path: Path) -> None:
    source = open_source(write_set(tmp_path / "set", [[record(0, 128, 192)]]))
    picture = np.array(photos(0, 128, 192)[1])
    picture[10:90, 20:120] = 0
    path = tmp_path / "a <b>.png"
    path.write_bytes(encode_png(picture))
    case = suspected_case(_row(0, 9.0, path), source, tmp_path)
    assert list(case["pictures"])[:4] == ["output", "input", "target", "where"]
    assert "broken" in case["caption"]
    assert "limit 0.001" in case["caption"]
    assert case["links"] == [("output", "a%20%3Cb%3E.png")]


def test_a_flagged_row_has_a_picture(tmp_path: Path) -> None:
    source = open_source(write_set(tmp_path / "set", [[record(0)]]))
    with pytest.raises(ValueError, match="no picture"):
        suspected_case(_row(0, 9.0), source, tmp_path)
