from __future__ import annotations

import numpy as np
import pytest

from ebb.bokeh.matting import split_edges, without_highlights

RED, BLUE = np.float32([0.8, 0.2, 0.1]), np.float32([0.1, 0.3, 0.9])


def edge_photo(offset: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Red in front of blue, edge at column 10 + offset: photo, coc, true opacity."""
    share = np.clip(10.5 + offset - np.arange(20), 0, 1).astype(np.float32)
    alpha = np.tile(share, (16, 1))
    photo = alpha[..., None] * RED + (1 - alpha[..., None]) * BLUE
    return photo.astype(np.float32), np.where(alpha >= 0.5, 0, 10).astype(np.float32), alpha


@pytest.mark.parametrize("offset", [0.0, 0.2, 0.45, 0.55, 0.8])
def test_plain_colours_are_separated_exactly(offset: float) -> None:
    photo, coc, alpha = edge_photo(offset)
    matte = split_edges(photo, coc)
    np.testing.assert_allclose(matte.opacity[:, :10], 1, atol=0.02)
    split = np.abs(matte.opacity - 1) > 1e-6
    np.testing.assert_allclose(matte.opacity[split], alpha[split], atol=0.02)
    np.testing.assert_allclose(matte.rgb[split], np.broadcast_to(RED, photo.shape)[split], atol=0.03)
    beneath = matte.beneath
    np.testing.assert_allclose(
        matte.behind_rgb[beneath], np.broadcast_to(BLUE, photo.shape)[beneath], atol=0.03
    )
    assert set(np.unique(matte.behind_coc[beneath])) == {10.0}


def test_the_composite_equals_the_photo() -> None:
    photo, coc, _ = edge_photo(0.3)
    photo += np.random.default_rng(1).uniform(0, 0.05, photo.shape).astype(np.float32)
    matte = split_edges(photo, coc)
    share = matte.opacity[..., None]
    mixture = share * matte.rgb + (1 - share) * matte.behind_rgb
    np.testing.assert_allclose(mixture[matte.beneath], photo[matte.beneath], atol=0.06)


def test_alike_colours_follow_the_outline() -> None:
    photo = np.full((16, 20, 3), 0.5, np.float32)
    coc = np.zeros((16, 20), np.float32)
    coc[:, 10:] = 10
    matte = split_edges(photo, coc)
    row = matte.opacity[8]
    np.testing.assert_allclose(row[9] + row[10], 1, atol=1e-5)  # straight edges share evenly
    assert 0.05 < row[10] < 0.25
    np.testing.assert_allclose(matte.rgb, photo, atol=1e-5)


def test_highlights_and_smooth_surfaces_are_not_divided() -> None:
    photo, coc, _ = edge_photo(0.3)
    photo[8, 9:12] = 30.0
    matte = split_edges(photo, coc)
    np.testing.assert_array_equal(matte.rgb[8, 9:12], photo[8, 9:12])
    assert (matte.opacity[8, 9:12] == 1).all()
    slope = np.tile(np.arange(20, dtype=np.float32) * 0.7, (16, 1))
    matte = split_edges(photo, slope)
    np.testing.assert_array_equal(matte.rgb, photo)
    assert not matte.beneath.any()
    assert (matte.opacity == 1).all()


def test_lamps_are_removed_and_skies_are_kept() -> None:
    photo = np.full((40, 40, 3), 0.3, np.float32)
    photo[:20] = 3.0  # sky
    photo[30:33, 10:13] = 50.0  # lamp
    photo[8, 8] = 90.0  # lamp in the sky
    calm = without_highlights(photo)
    assert (calm[:20] == 3).all()
    assert (calm[30:33, 10:13] == 1).all()
    np.testing.assert_array_equal(calm[21:29], photo[21:29])
