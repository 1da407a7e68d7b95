from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ebb.bokeh.inpainting import EDGE_SLOPE, find_surfaces

SIZE = (48, 64)


def subject_before_wall(near: float, far: float) -> tuple[np.ndarray, np.ndarray]:
    coc = np.full(SIZE, far, np.float32)
    coc[12:36, 20:44] = near
    photo = np.where(coc[..., None] == near, np.float32([0.9, 0.1, 0.1]), np.float32([0.1, 0.4, 0.8]))
    return photo.astype(np.float32), coc


def test_covered_pixels_are_those_within_geometric_reach() -> None:
    photo, coc = subject_before_wall(-4, 14)
    surfaces = find_surfaces(photo, coc)
    y, x = np.nonzero(surfaces.coc == -4)
    distance, _ = cKDTree(np.stack([y, x], axis=1)).query(np.argwhere(np.ones(SIZE)))
    distance = distance.reshape(SIZE)
    far = surfaces.coc == 14
    assert not surfaces.exposed[far & (distance < 18 / 2)].any()  # all that geometry says …
    assert surfaces.exposed[far & (distance > 18 / EDGE_SLOPE * 1.1 + 1)].all()  # … and a margin, no more
    assert surfaces.exposed[surfaces.coc == -4].all()


def test_hidden_surface_is_the_wall_continued() -> None:
    photo, coc = subject_before_wall(0, 12)
    surfaces = find_surfaces(photo, coc)
    hidden = surfaces.hidden
    assert hidden[12:36, 20:24].all()  # the band rays look into: 6 px and a margin
    assert hidden[12:36, 20:26].mean() > 0.9
    assert not hidden[22:26, 30:34].any()  # the middle of the subject never shows its back
    np.testing.assert_allclose(surfaces.hidden_coc[hidden], 12)
    wall = np.broadcast_to(np.float32([0.1, 0.4, 0.8]), photo.shape)
    np.testing.assert_allclose(surfaces.hidden_rgb[hidden], wall[hidden], atol=1e-3)
    assert (surfaces.hidden_rgb[~hidden] == 0).all()


def test_slopes_and_flat_scenes_have_no_hidden_surface() -> None:
    photo = np.random.default_rng(0).random((*SIZE, 3), dtype=np.float32)
    slope = (np.indices(SIZE)[1] * 1.2 - 30).astype(np.float32)
    for coc in (slope, np.full(SIZE, 7, np.float32)):
        surfaces = find_surfaces(photo, coc)
        assert surfaces.exposed.all()
        assert not surfaces.hidden.any()
        np.testing.assert_array_equal(surfaces.rgb, photo)
        np.testing.assert_array_equal(surfaces.coc, coc)


def test_a_highlight_beside_an_edge_gets_no_hidden_twin() -> None:
    photo, coc = subject_before_wall(0, 12)
    photo[20:23, 16:18] = 500.0
    surfaces = find_surfaces(photo, coc)
    assert surfaces.hidden_rgb.max() <= 1
    assert surfaces.rgb[21, 16].max() == 500


def test_the_farther_of_two_surfaces_continues_behind_both() -> None:
    photo, coc = subject_before_wall(0, 12)
    coc[12:36, 44:56] = 5  # a middle surface beside the near one
    surfaces = find_surfaces(photo, coc)
    middle = surfaces.hidden & (surfaces.coc == 5)
    assert middle.any()
    np.testing.assert_allclose(surfaces.hidden_coc[middle], 12)
    assert set(np.unique(surfaces.hidden_coc[surfaces.hidden & (surfaces.coc == 0)])) <= {5.0, 12.0}


def test_mirrored_input_gives_mirrored_output() -> None:
    rng = np.random.default_rng(5)
    photo, coc = subject_before_wall(-3, 9)
    photo = rng.random(photo.shape, dtype=np.float32)
    straight, mirrored = find_surfaces(photo, coc), find_surfaces(photo[:, ::-1], coc[:, ::-1])
    np.testing.assert_array_equal(straight.hidden, mirrored.hidden[:, ::-1])
    np.testing.assert_allclose(straight.hidden_rgb, mirrored.hidden_rgb[:, ::-1], atol=1e-5)
