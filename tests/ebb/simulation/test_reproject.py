"""The second view, against scenes whose every point is known by formula."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.arrays import Size
from ebb.errors import UsageError
from ebb.simulation.hand_motion import CameraPose, intrinsics, pose_homography
from ebb.simulation.reproject import View, second_view

SIZE, MARGIN, FOCAL = Size(192, 128), 24, 420.0
WHOLE = Size(SIZE.width + 2 * MARGIN, SIZE.height + 2 * MARGIN)
FIRST = intrinsics(FOCAL, WHOLE)
TURN = CameraPose(rotation_deg=(0.4, -0.6, 1.0), focal_ratio=1.02)
STEP = CameraPose(rotation_deg=(0.3, 0.2, -0.4), translation_m=(0.03, -0.01, 0.005), focal_ratio=0.99)


def pixel_rays(size: Size, K: np.ndarray) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size.width), np.arange(size.height))
    return np.tensordot(np.linalg.inv(K), np.stack([x, y, np.ones_like(x)]), axes=1)


def pattern(points: np.ndarray) -> np.ndarray:
    """Colour of a world point: smooth waves of about ten pixels."""
    x, y = points[0] * 90, points[1] * 90
    waves = [np.sin(x + 0.4 * y), np.sin(y - 0.3 * x), np.sin(0.7 * x) * np.sin(0.7 * y)]
    return (0.5 + 0.3 * np.stack(waves, axis=-1)).astype(np.float32)


def plane_view(size: Size, K: np.ndarray, pose: CameraPose, normal: np.ndarray) -> View:
    """What a camera sees of the plane normal · X = 1 (first camera's axes): ray tracing."""
    rays = np.tensordot(pose.rotation.T, pixel_rays(size, K), axes=1)
    centre = pose.centre[:, None, None]
    depth = (1 - normal @ pose.centre) / np.tensordot(normal, rays, axes=1)
    return View(pattern(centre + depth * rays), depth.astype(np.float32))


def seen(view: View, pose: CameraPose) -> View:
    return second_view(view, pose, FIRST, intrinsics(FOCAL * pose.focal_ratio, SIZE), SIZE)


@pytest.mark.parametrize("pose", [TURN, STEP], ids=["turn", "step"])
@pytest.mark.parametrize(
    "normal", [(0, 0, 0.5), (0.3, 0.2, 0.6), (0, 1.2, 0.7)], ids=["facing", "slanted", "ground"]
)
def test_planes(pose: CameraPose, normal: tuple[float, float, float]) -> None:
    plane = np.array(normal, float)
    expected = plane_view(SIZE, intrinsics(FOCAL * pose.focal_ratio, SIZE), pose, plane)
    found = seen(plane_view(WHOLE, FIRST, CameraPose(), plane), pose)
    assert found.rgb.dtype == found.depth_m.dtype == np.float32
    np.testing.assert_allclose(1 / found.depth_m, 1 / expected.depth_m, atol=6e-3)
    assert np.sqrt(np.mean((found.rgb - expected.rgb) ** 2)) < 0.004


def test_a_rotation_is_the_homography() -> None:
    """A turn moves the sky as the homography says, whatever the depth."""
    height, width = WHOLE.height, WHOLE.width
    y, x = np.mgrid[:height, :width].astype(np.float32)
    ramp = View(np.dstack([x, y, x]) / 1000, np.full((height, width), np.inf, np.float32))
    found = seen(ramp, TURN)
    H = pose_homography(TURN, FOCAL, SIZE)
    back = np.linalg.inv(H) @ np.array([50.0, 40.0, 1.0])
    np.testing.assert_allclose(found.rgb[40, 50, :2] * 1000, back[:2] / back[2] + MARGIN, atol=0.03)
    assert np.isinf(found.depth_m).all()


@pytest.fixture
def card() -> View:
    """A red card at 1 m in front of a green and blue wall at 4 m."""
    wall = plane_view(WHOLE, FIRST, CameraPose(), np.array([0, 0, 0.25]))
    wall.rgb[..., 0] = 0
    wall.rgb[50:126, 90:150] = (1, 0, 0)
    wall.depth_m[50:126, 90:150] = 1
    return wall


@pytest.mark.parametrize("side", [-1, 1])
def test_card_in_front_of_a_wall(card: View, side: int) -> None:
    """The card moves by f·t/Z; what it uncovers is wall, not card."""
    pose = CameraPose(translation_m=(side * 0.05, 0, 0))
    found = seen(card, pose)
    shift = side * 0.05 * FOCAL
    left, right = round(90 - MARGIN + shift), round(150 - MARGIN + shift)
    row = 88 - MARGIN
    np.testing.assert_allclose(found.depth_m[row, left + 1 : right - 1], 1)
    assert (found.depth_m[row, : left - 1] > 3.9).all()
    assert (found.depth_m[row, right + 1 :] > 3.9).all()
    np.testing.assert_allclose(
        found.rgb[row, left + 2 : right - 2], [[1, 0, 0]] * (right - left - 4), atol=0.02
    )
    outside = np.r_[found.rgb[row, : left - 2], found.rgb[row, right + 2 :]]
    assert outside[:, 0].max() < 0.05, "red has leaked into the wall"
    assert outside[:, 1:].min() > 0.1, "a hole was left open"


def test_lights_are_moved_without_dark_rings() -> None:
    rgb = np.full((WHOLE.height, WHOLE.width, 3), 0.2, np.float32)
    rgb[80:83, 100:103] = 50
    found = seen(View(rgb, np.full(rgb.shape[:2], 5, np.float32)), TURN)
    assert found.rgb.min() > 0.08
    assert found.rgb.max() > 30


def test_without_motion_the_view_is_unchanged(card: View) -> None:
    found = second_view(card, CameraPose(), FIRST, FIRST, WHOLE)
    np.testing.assert_allclose(found.rgb, card.rgb, atol=1e-4)
    np.testing.assert_allclose(found.depth_m, card.depth_m)


def test_sizes_must_agree() -> None:
    view = View(np.zeros((4, 6, 3), np.float32), np.ones((4, 5), np.float32))
    with pytest.raises(UsageError, match="photo and depth must have the same size"):
        second_view(view, TURN, FIRST, FIRST, SIZE)


@settings(deadline=None, max_examples=15)
@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(0.98, 1.02))
def test_hand_held_rotations_are_the_homography(pitch: float, yaw: float, roll: float, ratio: float) -> None:
    """Anywhere in the frame, for any turn of a hand: the view shows what the homography says, to 0.05 px."""
    height, width = WHOLE.height, WHOLE.width
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pose = CameraPose(rotation_deg=(pitch, yaw, roll), focal_ratio=ratio)
    found = seen(View(np.dstack([x, y, x]) / 1000, np.full((height, width), 3, np.float32)), pose)
    points = np.array([[12, 9, 1], [96, 64, 1], [180, 20, 1], [30, 118, 1.0]]).T
    back = np.linalg.inv(pose_homography(pose, FOCAL, SIZE)) @ points
    sampled = found.rgb[points[1].astype(int), points[0].astype(int), :2] * 1000
    np.testing.assert_allclose(sampled, (back[:2] / back[2]).T + MARGIN, atol=0.05)


def test_a_sideways_step_does_not_move_the_sky(card: View) -> None:
    card.depth_m[card.depth_m == 4] = np.inf
    found = seen(card, CameraPose(translation_m=(0.05, 0, 0)))
    row = 4
    np.testing.assert_allclose(found.rgb[row], card.rgb[row + MARGIN, MARGIN:-MARGIN], atol=0.01)
    assert np.isinf(found.depth_m[row]).all()


def test_a_step_forward_brings_everything_nearer_by_the_step() -> None:
    facing = np.array([0, 0, 0.5])
    found = seen(plane_view(WHOLE, FIRST, CameraPose(), facing), CameraPose(translation_m=(0, 0, -0.1)))
    np.testing.assert_allclose(found.depth_m, 1.9, rtol=1e-4)


def test_nearer_surfaces_move_more() -> None:
    """Displacement is f·t/Z: the ratio of two depths, measured where the pattern went."""
    moved = []
    for depth in (1.0, 2.0):
        rgb = np.zeros((WHOLE.height, WHOLE.width, 3), np.float32)
        rgb[70:90, 100:120] = 0.8
        found = seen(
            View(rgb, np.full(rgb.shape[:2], depth, np.float32)), CameraPose(translation_m=(0.02, 0, 0))
        )
        weight = found.rgb[..., 0].sum(axis=0)
        moved.append((weight * np.arange(SIZE.width)).sum() / weight.sum() - (109.5 - MARGIN))
    assert moved == pytest.approx([FOCAL * 0.02, FOCAL * 0.01], abs=0.05)


def test_the_inverse_motion_restores_the_view() -> None:
    """The inverse motion restores a slanted plane, but for two resamplings."""
    plane = np.array([0.3, 0.2, 0.6])
    first = plane_view(WHOLE, FIRST, CameraPose(), plane)
    pose = CameraPose(translation_m=(0.02, 0.01, 0.0))
    there = second_view(first, pose, FIRST, FIRST, WHOLE)
    again = second_view(there, CameraPose(translation_m=(-0.02, -0.01, 0.0)), FIRST, FIRST, WHOLE)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert np.sqrt(np.mean((again.rgb[inner] - first.rgb[inner]) ** 2)) < 0.008
    np.testing.assert_allclose(again.depth_m[inner], first.depth_m[inner], rtol=0.01)


def test_beyond_the_margin_pixels_are_filled() -> None:
    turned = CameraPose(rotation_deg=(8, -8, 3), translation_m=(0.02, 0, 0))
    found = seen(plane_view(WHOLE, FIRST, CameraPose(), np.array([0, 0, 0.5])), turned)
    assert np.isfinite(found.rgb).all()
    assert found.rgb.min() > 0.1
    assert (found.depth_m > 0).all()


def test_a_gap_at_the_border_is_filled_from_its_neighbours(card: View) -> None:
    """After a wide step the second view begins where nothing was seen: wall goes on there."""
    found = second_view(card, CameraPose(translation_m=(0.3, 0, 0)), FIRST, FIRST, WHOLE)
    assert np.isfinite(found.rgb).all()
    assert found.depth_m.min() >= 0.99
    np.testing.assert_allclose(found.depth_m[:40, :20], 4, rtol=1e-3)
