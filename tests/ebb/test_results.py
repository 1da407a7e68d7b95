"""What stages keep, through the state and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ebb.arrays import Rect, Size
from ebb.errors import Status
from ebb.results import ALIGN, DEPTH, DepthMap, StoredAlignment
from ebb.state import Stage, StageRow, State

ALIGNED = StoredAlignment(
    size=Size(384, 256),
    crop=Rect(12, 0, 1800, 1200),
    H_shallow_to_wide=(1.0, 0.1, -31.2, 0.0, 1.016, -32.1, 1e-7, -2e-7, 1.0),
    motion_model="similarity",
    measurements={"overlap": 0.91, "num_inliers": 700.0},
    defocus_map=(0.0, None, 4.0, 16.0) * 4,
    perceptual_hash="00ff" * 4,
)
IMPORTED = StoredAlignment(size=Size(384, 256), crop=Rect(0, 0, 384, 256))


@pytest.mark.parametrize(
    ("stage", "value"),
    [
        (ALIGN, ALIGNED),
        (ALIGN, IMPORTED),
        (DEPTH, DepthMap(provider="none", recipe="none-1")),
        (DEPTH, DepthMap(provider="onnx", recipe="onnx-1", depth_min=0.1, depth_max=1 / 3)),
    ],
)
def test_results_round_trip_through_the_state(stage: Stage[Any], value: object, tmp_path: Path) -> None:
    state = State(tmp_path / "state.sqlite")
    row = StageRow(pair_id="ab", stage=stage, key="k", status=Status.OK, value=value)
    state.put_stage(row)
    assert state.stage_rows(stage) == {"ab": row}
