"""Focus from tiles."""

import numpy as np
import pytest

from ebb.quality.sharpness import SHARP_DISC_PX, measure_focus


def tiles(count: int = 100) -> dict[str, np.ndarray]:
    return {
        "in_focus": np.arange(count) < 20,
        "places": np.column_stack([np.arange(count) % 10, np.arange(count) // 10]),
        "unexplained": np.full(count, 0.01),
        "kept": np.full(count, 0.9),
        "smooth_changes": np.zeros(count, bool),
        "discs_px": np.where(np.arange(count) < 10, 0.9, 1.1) * SHARP_DISC_PX,
        "contrast_wide": np.where(np.arange(count) < 60, 0.05, 0.001),
        "contrast_shallow": np.where(np.arange(count) < 20, 0.04, 0.001),
        "correlation": np.where(np.arange(count) < 20, 0.97, 0.1),
        "misses_px": np.full(min(count, 20), 0.03),
    }


def test_a_good_pair() -> None:
    found = measure_focus(**tiles())
    assert found.focus_share == 0.1
    assert (found.sharpness_wide, found.sharpness_shallow) == (0.05, 0.04)
    assert found.residual_px == pytest.approx(0.03)
    assert found.residual_p95_px == pytest.approx(0.03)
    assert (found.focus_correlation, found.focus_mismatch) == (0.97, 0.0)


def test_sharp_things_that_differ_are_a_mismatch() -> None:
    moved = tiles()
    moved["correlation"][:10], moved["unexplained"][:10] = 0.0, 0.8
    found = measure_focus(**moved)
    assert found.focus_mismatch == 0.5
    assert found.changed_in_focus == 0.0  # a row of tiles: leaves, or the edge of a blurred light


def test_a_solid_region_that_differs_has_changed() -> None:
    """Of 10 x 10 tiles, 4 x 3 show another object, which is plain in the wide photo."""
    moved = tiles()
    column, row = moved["places"].T
    thing = (column >= 4) & (column < 8) & (row >= 4) & (row < 7)
    moved["contrast_shallow"][thing], moved["correlation"][thing], moved["unexplained"][thing] = (
        0.05,
        0.1,
        0.9,
    )
    assert measure_focus(**moved).changed_in_focus == pytest.approx(0.12)


def test_a_smooth_subject_that_moved_has_changed() -> None:
    """It has hardly any fine detail; its coarser detail is sharp and not in the wide photo."""
    moved = tiles()
    column, row = moved["places"].T
    thing = (column >= 4) & (column < 8) & (row >= 4) & (row < 7)
    moved["unexplained"][thing] = 0.7
    assert measure_focus(**moved).changed_in_focus == pytest.approx(0.12)
    moved["kept"][thing] = 0.4  # blurred leaves in the wind
    assert measure_focus(**moved).changed_in_focus == 0


def test_changes_of_smooth_things_count_with_those_of_detail() -> None:
    moved = tiles()
    column, row = moved["places"].T
    moved["smooth_changes"][(column >= 4) & (column < 6) & (row >= 4) & (row < 7)] = True
    assert measure_focus(**moved).changed_in_focus == 0
    moved["unexplained"][(column >= 6) & (column < 8) & (row >= 4) & (row < 7)] = 0.7
    assert measure_focus(**moved).changed_in_focus == pytest.approx(0.12)


def test_differences_explained_by_blur_are_not_changes() -> None:
    """Grain in the shadows is strong relative to its level and uncorrelated, but not another object."""
    noisy = tiles()
    noisy["contrast_shallow"][20:50], noisy["correlation"][20:50] = 0.05, 0.1
    found = measure_focus(**noisy)
    assert (found.focus_mismatch, found.changed_in_focus) == (0.0, 0.0)


def test_plain_areas_are_neither_sharp_nor_blurred() -> None:
    """Sky around a subject: half of the tiles with measurable blur are sharp."""
    sky = tiles()
    sky["unexplained"][20:] = np.nan
    assert measure_focus(**sky).focus_share == 0.5


def test_noise_is_not_a_mismatch() -> None:
    noisy = tiles()
    noisy["contrast_wide"][:], noisy["contrast_shallow"][:], noisy["correlation"][:] = 0.02, 0.02, 0.0
    assert np.isnan(measure_focus(**noisy).focus_mismatch)


def test_nothing_in_focus() -> None:
    blurred = tiles() | {"in_focus": np.zeros(100, bool), "discs_px": np.full(100, np.inf)}
    found = measure_focus(**blurred)
    assert found.focus_share == 0
    assert np.isnan([found.residual_px, found.sharpness_shallow, found.focus_correlation]).all()
    none = {name: values[:0] for name, values in tiles().items()}
    assert measure_focus(**none).focus_share == 0
