"""Pairs that stay as they are: the distance in focus is that of the files, whatever registration would do."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.arrays import Rect
from ebb.errors import Reason, Rejected
from ebb.photo.frame import DevelopedFrame
from ebb.registration.as_stored import AsStored, measure_as_stored
from ebb.registration.register import register
from ebb.settings import AlignSettings
from tests.helpers.published import SHIFT, photos


def measured(kind: str) -> AsStored:
    pair = photos(kind)
    return measure_as_stored(DevelopedFrame(pair.wide), DevelopedFrame(pair.shallow))


def test_a_known_shift_is_the_residual() -> None:
    stored = measured("shifted")
    assert not isinstance(stored.found, Rejected)
    figures = stored.found.measurements
    unit = 2.0  # photos below 512 px are measured at twice their height
    assert figures.residual_px == pytest.approx(unit * np.hypot(*SHIFT), abs=0.1)
    assert figures.residual_p95_px == pytest.approx(unit * np.hypot(*SHIFT), abs=0.3)
    assert stored.registered["residual_px"] < 0.1
    assert figures.quality_rank < 0.1 < 0.5 < stored.registered["quality_rank"]
    assert stored.found.H_shallow_to_wide[:2, 2] == pytest.approx([-SHIFT[0], -SHIFT[1]], abs=0.1)


def test_the_whole_frame_is_stored() -> None:
    stored = measured("shifted")
    assert not isinstance(stored.found, Rejected)
    height, width = photos("shifted").wide.shape[:2]
    assert stored.found.crop == Rect(0, 0, width, height)
    assert stored.found.measurements.overlap == 1.0
    assert 0.9 < stored.registered["overlap"] < 1.0


def test_all_else_is_measured_as_for_alignment() -> None:
    stored = measured("good")
    pair = photos("good")
    aligned = register(pair.wide, pair.shallow, AlignSettings(height=0))
    assert not isinstance(stored.found, Rejected)
    ours, theirs = stored.found.measurements.as_dict(), aligned.measurements.as_dict()
    assert ours.keys() == theirs.keys()
    placed = ("residual_px", "residual_p95_px", "overlap", "quality_rank")
    assert {name for name in ours if ours[name] != theirs[name]} <= set(placed)
    assert ours["residual_px"] < 0.1
    assert stored.found.defocus_map == aligned.defocus_map


def test_unrelated_photos_have_a_reason_and_no_motion() -> None:
    stored = measured("strangers")
    assert isinstance(stored.found, Rejected)
    assert stored.found.reason is Reason.TOO_FEW_MATCHES
    assert stored.registered == {}


def test_photos_without_anything_in_focus_have_no_residual() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 3), np.uint8)
    stored = measure_as_stored(DevelopedFrame(noise), DevelopedFrame(noise[::-1].copy()))
    assert isinstance(stored.found, Rejected)
