"""What stages keep, through the state and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ebb.arrays import Rect, Size
from ebb.errors import Reason, Rejected, Status
from ebb.registration.as_stored import AsStored
from ebb.results import ALIGN, DEPTH, DepthMap, StoredAlignment, measured_only
from ebb.settings import AlignSettings
from ebb.state import Stage, StageRow, State
from tests.ebb.quality.test_gates import GOOD

ALIGNED = StoredAlignment(
    size=Size(384, 256),
    crop=Rect(12, 0, 1800, 1200),
    H_shallow_to_wide=(1.0, 0.1, -31.2, 0.0, 1.016, -32.1, 1e-7, -2e-7, 1.0),
    motion_model="similarity",
    measurements={"overlap": 0.91, "num_inliers": 700.0},
    defocus_map=(0.0, None, 4.0, 16.0) * 4,
    perceptual_hash="00ff" * 4,
)
IMPORTED = StoredAlignment(
    size=Size(384, 256),
    crop=Rect(0, 0, 384, 256),
    is_measured_only=True,
    measurements={"quality_rank": 0.0},
    unregistered=Reason.TOO_FEW_MATCHES,
    unregistered_detail="3 matches, fewer than 8",
)


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


def reasons(value: StoredAlignment, **limits: float) -> list[tuple[str, str]]:
    return [(one.reason, one.message) for one in value.refusals(AlignSettings(**limits))]  # type: ignore[arg-type]


def stored(**measured: float) -> StoredAlignment:
    """A pair that keeps all limits but for what is named, and is in register once it is registered."""
    kept = {**GOOD.as_dict(), "residual_px": 0.1, "residual_p95_px": 0.2, **measured}
    after = {"residual_px": 0.05, "residual_p95_px": 0.1, "overlap": 0.95}
    return replace(IMPORTED, measurements=kept, registered=after, unregistered=None)


def test_only_pairs_that_stay_as_they_are_can_be_refused_later() -> None:
    assert reasons(stored()) == []
    assert reasons(stored(residual_px=3.0)) == [
        ("misaligned", "what is in focus is 3.00 px apart, 0.05 px when registered")
    ]
    assert reasons(replace(stored(residual_px=3.0), is_measured_only=False)) == []
    assert reasons(stored(residual_px=3.0), max_residual_px=4.0) == []


def test_photos_that_stay_as_they_are_have_the_limits_of_unmatched_exposure() -> None:
    bright = stored(exposure_gain=4.0, cut_off_share=0.5)
    found = [one.message for one in bright.refusals(AlignSettings(match_exposure=True))]
    assert found == ["the shallow photo is 2.0 stops brighter, the limit is 1"]


def test_residuals_that_registration_sets_right_are_one_reason() -> None:
    both = stored(residual_px=3.0, residual_p95_px=3.5, rotation_deg=9.0)
    assert [reason for reason, _ in reasons(both)] == ["implausible_motion", "misaligned"]
    assert reasons(stored(residual_p95_px=3.5)) == [
        ("misaligned", "part of what is in focus is 3.50 px apart, 0.10 px when registered")
    ]
    hopeless = replace(stored(residual_px=3.0), registered={"residual_px": 2.0, "residual_p95_px": 2.5})
    assert [reason for reason, _ in reasons(hopeless)] == ["low_similarity"]


def test_a_pair_without_a_motion_has_its_reason_and_no_quality() -> None:
    failure = Rejected(Reason.TOO_FEW_MATCHES, "3 matches, fewer than 8", measurements={"num_matches": 3})
    value = measured_only(AsStored(failure, {}), Size(384, 256))
    assert value == replace(IMPORTED, measurements={"num_matches": 3, "quality_rank": 0.0})
    assert reasons(value) == [("too_few_matches", "3 matches, fewer than 8")]
    assert value.record_fields()["measurements"] == {"num_matches": 3, "quality_rank": 0.0}
