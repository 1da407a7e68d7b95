"""Registration as a library against known motions, and against what the stage writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ebb
from ebb.aligned_pair import prior_ev
from ebb.api.pairs import _source
from ebb.formats.png import decode_png
from tests.helpers.captures import SHIFT, scene, shot, write_pair

SETTINGS = ebb.AlignSettings(height=192, min_blur_px=0)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_pair(tmp_path_factory.mktemp("raw"), 1, seed=5, seconds=0)


def test_the_motion_of_files_and_of_their_pixels(files: tuple[Path, Path]) -> None:
    wide, shallow = files
    of_files = ebb.register(wide, str(shallow))
    np.testing.assert_allclose(of_files.H_shallow_to_wide[:2, 2], [-SHIFT[0], -SHIFT[1]], atol=0.1)
    of_arrays = ebb.register(ebb.open_photo(wide), ebb.open_photo(shallow).pixels)
    np.testing.assert_allclose(of_arrays.H_shallow_to_wide, of_files.H_shallow_to_wide, atol=1e-9)


def test_an_aligned_pair_shows_the_same_part_twice(files: tuple[Path, Path]) -> None:
    pair = ebb.align_pair(*files, SETTINGS)
    assert pair.wide.shape == pair.shallow.shape
    assert pair.wide.shape[0] == 192
    in_focus = np.s_[:, : pair.wide.shape[1] // 3]
    difference = np.abs(pair.wide[in_focus].astype(float) - pair.shallow[in_focus]).mean()
    unaligned = np.abs(pair.wide[in_focus].astype(float) - np.roll(pair.shallow[in_focus], 3, axis=1)).mean()
    assert difference < 0.2 * unaligned


def test_pixels_are_those_that_the_stage_writes(files: tuple[Path, Path], tmp_path: Path) -> None:
    depth = ebb.DepthSettings(provider="none")
    report = ebb.run_pipeline(
        files[0].parent, tmp_path / "set", align=SETTINGS, depth=depth, run=ebb.RunSettings(workers=1)
    )
    (status,) = report.status.pairs
    folder = tmp_path / "set" / "pairs" / status.pair_id
    pair = ebb.align_pair(*files, SETTINGS)
    for name in ("wide", "shallow"):
        stored = decode_png((folder / f"{name}.png").read_bytes())
        np.testing.assert_array_equal(getattr(pair, name), stored)


def test_raw_files_are_developed_as_in_the_stage() -> None:
    captures = Path(__file__).parents[3] / "data" / "sample" / "captures"
    pair = ebb.align_pair(captures / "IMG_0301.DNG", captures / "IMG_0302.DNG", ebb.AlignSettings(height=512))
    assert pair.wide.shape[0] == 512
    assert pair.registration.measurements.residual_px < 0.25


def test_exposures_of_files_are_taken_into_account(tmp_path: Path) -> None:
    paths = []
    for number, (f_number, seconds) in enumerate([(16, 0), (1.8, 5)]):
        paths.append(tmp_path / f"{number}.jpg")
        paths[-1].write_bytes(shot(scene(3), f_number, seconds, exposure_time_s=2 if number else 1))
    known = prior_ev(*map(_source, paths))
    assert known == pytest.approx(1 + 2 * np.log2(16 / 1.8), abs=0.01)
    assert prior_ev(*(_source(ebb.open_photo(path)) for path in paths)) == known
    assert prior_ev(_source(scene(3)), _source(paths[1])) is None


def test_bad_pairs_are_rejected_and_bad_files_named(tmp_path: Path) -> None:
    with pytest.raises(ebb.Rejected):
        ebb.register(scene(1), scene(2))
    with pytest.raises(ebb.Rejected, match="lower than 1024") as raised:
        ebb.align_pair(scene(1), scene(1), ebb.AlignSettings(min_blur_px=0))
    assert raised.value.reason is ebb.Reason.TOO_SMALL
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    with pytest.raises(ebb.Broken, match=r"broken\.jpg: the file is empty"):
        ebb.register(broken, scene(1))
