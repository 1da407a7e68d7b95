"""Series against the exact motion of simulated scenes, and against each pair alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from ebb.aligned_pair import AlignedPair, align_sources
from ebb.aligned_series import align_series
from ebb.api.pairs import _camera_file as camera_file
from ebb.arrays import Rect, Rgb8, Size
from ebb.errors import Broken, ItemError, Reason, Rejected
from ebb.geometry.homography import corner_error_px
from ebb.photo.frame import DevelopedFrame
from ebb.registration import coarse
from ebb.settings import AlignSettings
from tests.helpers.captures import scene
from tests.helpers.series import F_NUMBERS, FRAME, write_series

SETTINGS = AlignSettings(height=160, min_blur_px=0)
SIZE = Size(300, 200)


@dataclass(frozen=True)
class Pixels:
    """A photo in memory."""

    pixels: Rgb8
    error: ItemError | None = None
    exposure = (None, None, None)

    @property
    def height(self) -> int:
        return len(self.pixels)

    def load(self) -> DevelopedFrame:
        if self.error is not None:
            raise self.error
        return DevelopedFrame(self.pixels)


CANVAS = scene(3, (500, 400))


def seen_at(x: int, y: int) -> Pixels:
    """Part of the canvas."""
    return Pixels(CANVAS[y : y + SIZE.height, x : x + SIZE.width])


def aligned(results: list[AlignedPair | ItemError]) -> list[AlignedPair]:
    return [one for one in results if isinstance(one, AlignedPair)]


def inside(inner: Rect, outer: Rect) -> bool:
    return (
        outer.x <= inner.x
        and outer.y <= inner.y
        and inner.x + inner.width <= outer.x + outer.width
        and inner.y + inner.height <= outer.y + outer.height
    )


def test_a_simulated_series_against_its_truth(tmp_path: Path) -> None:
    truths = write_series(tmp_path, 0)
    wide, *shallow = (camera_file(tmp_path / name) for name in (truths[0].wide, *(t.shallow for t in truths)))
    pairs = aligned(align_series(wide, shallow, SETTINGS))
    assert len(pairs) == len(F_NUMBERS)
    for pair, truth, source in zip(pairs, truths, shallow, strict=True):
        found = pair.registration
        true_H = np.reshape(truth.H_shallow_to_wide, (3, 3))
        assert corner_error_px(found.H_shallow_to_wide, true_H, FRAME).mean() < 0.3
        if pair is pairs[0]:
            alone = align_sources(wide, source, SETTINGS).registration
            assert np.array_equal(found.H_shallow_to_wide, alone.H_shallow_to_wide)
            assert inside(found.crop, alone.crop)
        assert pair.wide is pairs[0].wide
        assert pair.shallow.shape == pair.wide.shape
        assert found.crop == pairs[0].registration.crop


def test_the_crop_is_what_all_photos_show() -> None:
    results = align_series(seen_at(100, 80), [seen_at(120, 80), seen_at(80, 80), seen_at(100, 95)], SETTINGS)
    pairs = aligned(results)
    crop = pairs[0].registration.crop
    margin = 2 * 200 / 160  # the filter reads two stored pixels on each side
    assert crop == Rect(round(20 + margin + 0.5), round(15 + margin + 0.5), 300 - 46, 200 - 18 - 3)
    measured = [pair.registration.measurements.overlap for pair in pairs]
    assert measured == [crop.width * crop.height / (300 * 200)] * 3
    for pair in pairs:
        inner = np.s_[8:-8, 8:-8]
        assert np.abs(pair.wide[inner].astype(int) - pair.shallow[inner]).mean() < 1


def test_one_photo_alone_is_a_pair() -> None:
    (series,) = aligned(align_series(seen_at(100, 80), [seen_at(110, 84)], SETTINGS))
    pair = align_sources(seen_at(100, 80), seen_at(110, 84), SETTINGS)
    assert np.array_equal(series.wide, pair.wide)
    assert np.array_equal(series.shallow, pair.shallow)
    assert series.registration.measurements == pair.registration.measurements


def test_what_is_rejected_or_broken_changes_nothing_for_the_others() -> None:
    good = [seen_at(110, 80), seen_at(95, 84)]
    broken = Pixels(CANVAS[:200, :300], Broken(Reason.UNREADABLE, "gone"))
    other = Pixels(scene(9, SIZE))
    expected = aligned(align_series(seen_at(100, 80), good, SETTINGS))
    results = align_series(seen_at(100, 80), [good[0], broken, other, good[1]], SETTINGS)
    for found, pair in zip(aligned(results), expected, strict=True):
        assert np.array_equal(found.wide, pair.wide)
        assert np.array_equal(found.shallow, pair.shallow)
    assert results[1] is broken.error
    assert isinstance(results[2], Rejected)


def test_a_photo_that_leaves_the_others_too_little_is_rejected() -> None:
    """Each shows 0.8 of the wide photo; all of them together show 0.6."""
    shallow = [seen_at(160, 80), seen_at(103, 80), seen_at(50, 80)]
    assert len(aligned(align_series(seen_at(100, 80), shallow[:2], SETTINGS))) == 2
    results = align_series(seen_at(100, 80), shallow, SETTINGS)
    refused = results[0]
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.LOW_OVERLAP
    assert "as the crop of all 3 photos of its series" in refused.message
    assert [isinstance(one, AlignedPair) for one in results] == [False, True, True]


def test_a_crop_that_is_too_low_names_the_height() -> None:
    (only,) = align_series(seen_at(100, 80), [seen_at(100, 90)], replace(SETTINGS, height=200))
    assert isinstance(only, Rejected)
    assert only.reason is Reason.TOO_SMALL
    assert "series" not in only.message


def test_the_wide_photo_must_be_readable() -> None:
    wide = Pixels(CANVAS[:200, :300], Broken(Reason.UNREADABLE, "gone"))
    with pytest.raises(Broken, match="gone"):
        align_series(wide, [seen_at(0, 0)], SETTINGS)


def test_keypoints_of_the_wide_photo_are_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[Size] = []
    detect = coarse._detect

    def counted(photo: Rgb8, *arguments: float) -> object:
        searched.append(Size(photo.shape[1], photo.shape[0]))
        return detect(photo, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(coarse, "_detect", counted)
    shallow = [seen_at(x, 80) for x in (101, 102, 103)]
    assert len(aligned(align_series(seen_at(100, 80), shallow, SETTINGS))) == 3
    assert len(searched) == 4
