"""Two camera files to two photos on one grid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ebb.aligned_pair import prior_ev
from ebb.api.pairs import _camera_file as camera_file
from ebb.api.pairs import align_pair
from ebb.errors import Broken, InvalidInput, Reason, Rejected
from ebb.settings import AlignSettings
from tests.helpers.captures import SIZE, shot, write_pair
from tests.helpers.captures import scene as made_up

SETTINGS = AlignSettings(height=256, min_blur_px=0, max_exposure_ev=2)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pair(tmp_path_factory.mktemp("card"), 1, seed=0, seconds=0)


def test_the_same_pixel_shows_the_same_point(pair: tuple[Path, Path]) -> None:
    aligned = align_pair(*pair, SETTINGS)
    assert aligned.wide.shape == aligned.shallow.shape
    assert (aligned.wide.shape[0], aligned.wide.dtype) == (256, np.uint8)
    left = np.s_[:, 16 : aligned.wide.shape[1] // 2 - 16]
    difference = np.abs(aligned.wide[left].astype(int) - aligned.shallow[left])
    assert difference.mean() < 3
    assert aligned.registration.measurements.similarity > 0.95


def test_exposure_is_matched_on_request(pair: tuple[Path, Path], tmp_path: Path) -> None:
    darker = tmp_path / "IMG_0002.JPG"
    darker.write_bytes(shot((made_up(0) * 0.7).astype(np.uint8), 1.8, 5))
    as_shot = align_pair(pair[0], darker, SETTINGS)
    matched = align_pair(pair[0], darker, replace(SETTINGS, match_exposure=True))
    assert as_shot.shallow.mean() < 0.75 * as_shot.wide.mean()
    assert matched.shallow.mean() == pytest.approx(matched.wide.mean(), rel=0.03)


def test_matching_exposure_needs_no_other_limit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """A shallow photo 1.6 stops darker is brightened; one that is brighter has lost its highlights."""
    shallow = tmp_path / "IMG_0002.JPG"
    settings = AlignSettings(height=256, min_blur_px=0)
    shallow.write_bytes(shot((made_up(0) * 0.6).astype(np.uint8), 1.8, 5))
    with pytest.raises(Rejected, match=r"1\.\d stops darker, the limit is 1"):
        align_pair(pair[0], shallow, settings)
    matched = align_pair(pair[0], shallow, replace(settings, match_exposure=True))
    assert matched.registration.measurements.brightening_ev == pytest.approx(-2.2 * np.log2(0.6), abs=0.15)
    assert matched.shallow.mean() == pytest.approx(matched.wide.mean(), rel=0.03)
    bright = (made_up(0) * 1.7).clip(0, 255).astype(np.uint8)
    shallow.write_bytes(shot(bright, 1.8, 5))
    assert (bright == 255).any(axis=2).mean() > 0.1
    with pytest.raises(Rejected, match="highlights are cut off in") as caught:
        align_pair(pair[0], shallow, replace(settings, match_exposure=True))
    assert caught.value.reason is Reason.EXPOSURE_MISMATCH


def test_size_orientation_and_exposure_of_a_camera_file(pair: tuple[Path, Path], tmp_path: Path) -> None:
    wide, shallow = (camera_file(path) for path in pair)
    assert (wide.name, wide.height, wide.orientation) == (str(pair[0]), SIZE[1], 1)
    assert prior_ev(wide, shallow) == pytest.approx(2 * np.log2(16 / 1.8), abs=0.01)
    upright = tmp_path / "UPRIGHT.JPG"
    upright.write_bytes(shot(made_up(0), 16, 0, orientation=6))
    assert camera_file(upright).height == SIZE[0]


def test_missing_files(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.JPG: cannot be read"):
        align_pair(pair[0], tmp_path / "gone.JPG")
    (tmp_path / "text.JPG").write_text("no photo")
    with pytest.raises(Broken, match=r"text\.JPG: ") as caught:
        align_pair(tmp_path / "text.JPG", pair[1])
    assert caught.value.reason is Reason.UNREADABLE


def test_photos_are_never_enlarged(pair: tuple[Path, Path]) -> None:
    with pytest.raises(Rejected, match="lower than 1024; use --height 31. or less") as caught:
        align_pair(*pair)
    assert caught.value.reason is Reason.TOO_SMALL
