"""Hand-held motion: the rendered sample captures' truth, and points projected one by one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from ebb.arrays import Size
from ebb.errors import UsageError
from ebb.simulation.hand_motion import CameraPose, intrinsics, pose_homography

TRUTH = json.loads((Path(__file__).parents[3] / "data" / "sample" / "truth.json").read_text(encoding="utf-8"))
angles = st.floats(-20, 20)


@pytest.mark.parametrize("pair", TRUTH["pairs"], ids=lambda pair: pair["id"])
def test_agrees_with_the_sample_truth(pair: dict) -> None:
    """Blender rendered the sample captures; their truth was written down independently."""
    pose = CameraPose(
        rotation_deg=tuple(pair["rotation_deg"]),
        translation_m=tuple(pair["t"]),
        focal_ratio=pair["focal_ratio"],
    )
    size, focal_px = Size(pair["width"], pair["height"]), pair["K1"][0][0]
    np.testing.assert_allclose(intrinsics(focal_px, size), pair["K1"])
    np.testing.assert_allclose(pose.rotation, pair["R"], atol=1e-6)
    H = pose_homography(pose, focal_px, size, pair["focus_m"])
    corners = np.array([[0, 0, 1], [size.width, 0, 1], [0, size.height, 1], [*size, 1]]).T
    ours, theirs = H @ corners, np.array(pair["H"]) @ corners
    np.testing.assert_allclose(ours[:2] / ours[2], theirs[:2] / theirs[2], atol=2e-3)


@settings(deadline=None, max_examples=30)
@given(angles, angles, angles)
def test_rotation_agrees_with_scipy(pitch: float, yaw: float, roll: float) -> None:
    ours = CameraPose(rotation_deg=(pitch, yaw, roll)).rotation
    np.testing.assert_allclose(
        ours, Rotation.from_euler("xyz", (pitch, yaw, roll), degrees=True).as_matrix(), atol=1e-12
    )


@settings(deadline=None, max_examples=30)
@given(angles, angles, angles, st.floats(0.9, 1.1), st.floats(0.5, 10))
def test_homography_moves_points_of_the_plane(
    pitch: float, yaw: float, roll: float, ratio: float, depth: float
) -> None:
    pose = CameraPose(rotation_deg=(pitch, yaw, roll), translation_m=(0.03, -0.02, 0.01), focal_ratio=ratio)
    size = Size(600, 400)
    point = np.array([0.1, -0.05, depth])
    seen = intrinsics(900, size) @ point
    moved = intrinsics(900 * ratio, size) @ (pose.rotation @ point + pose.translation_m)
    mapped = pose_homography(pose, 900, size, depth) @ (seen / seen[2])
    np.testing.assert_allclose(mapped[:2] / mapped[2], moved[:2] / moved[2], atol=1e-6)


def test_no_motion_is_the_identity() -> None:
    np.testing.assert_allclose(pose_homography(CameraPose(), 500, Size(30, 20)), np.eye(3), atol=1e-12)
    assert CameraPose().only_turns
    assert not CameraPose(translation_m=(0, 0.001, 0)).only_turns


def test_centre_is_the_position_of_the_second_camera() -> None:
    pose = CameraPose(rotation_deg=(3, -4, 5), translation_m=(0.1, 0.2, 0.3))
    np.testing.assert_allclose(pose.rotation @ pose.centre + pose.translation_m, 0, atol=1e-12)


def test_no_focal_length() -> None:
    with pytest.raises(UsageError, match="must be positive"):
        intrinsics(0, Size(30, 20))
