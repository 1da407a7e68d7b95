"""A simulated pair, developed by LibRaw and read by ExifRead, is what the truth says."""

import dataclasses
import io

import cv2
import exifread
import numpy as np
import pytest
import rawpy

from ebb.arrays import Size
from ebb.errors import UsageError
from ebb.simulation.hand_motion import CameraPose
from ebb.simulation.plan import BAD_KINDS, PairKind, PairPlan, plan_pair
from ebb.simulation.sensor import corner_loss, vignetting
from ebb.simulation.simulate import (
    APS_C,
    DEPTH_SCALE,
    SimulatedPair,
    encode_depth,
    focal_length_px,
    optical_image,
    planned_scenes,
    simulate_pair,
)
from ebb.srgb import encode_srgb

SIZE = Size(384, 256)


def plan_of(kind: PairKind = PairKind.GOOD, index: int = 0, *, seed: int = 0, jpeg: bool = False) -> PairPlan:
    return plan_pair(
        seed,
        index,
        size=SIZE,
        bad_share=float(kind is not PairKind.GOOD),
        bad_kinds=[kind],
        file_format="jpeg" if jpeg else "dng",
    )


def take(plan: PairPlan) -> SimulatedPair:
    return simulate_pair(planned_scenes(plan), plan)


def develop_file(file: bytes) -> np.ndarray:
    with rawpy.imread(io.BytesIO(file)) as raw:
        return raw.postprocess(
            use_camera_wb=True,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            gamma=(2.4, 12.92),
            output_bps=16,
        )


def test_developed_photo_is_the_scene_upright() -> None:
    """ISO 100, portrait, in focus in the middle of the frame, with the fall-off and exposure of the plan.

    The bound is set by LibRaw: without any noise, its demosaicing of these leaves and tiles reaches 38 dB.
    """
    plan = plan_pair(0, 7, size=Size(960, 640), bad_share=0)
    assert plan.orientation == 8
    plan = dataclasses.replace(plan, wide=dataclasses.replace(plan.wide, iso=100))
    scenes = planned_scenes(plan)
    light = optical_image(
        scenes.wide, CameraPose(), plan, plan.wide, focal_length_px(plan, APS_C, scenes.wide.focus_m), APS_C
    )
    light *= vignetting(*plan.size, corner_loss(16.0))[..., None] * 2**plan.wide.gain_ev
    file = simulate_pair(scenes, plan).wide_file
    assert file is not None
    found = develop_file(file)
    assert found.shape == light.shape == (960, 640, 3)
    # Where a colour clips, the camera cannot know the scene, nor can demosaicing beside it.
    clipped = cv2.dilate((light.max(axis=2) > 0.95).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    margin = scenes.wide.margin
    relative = scenes.wide.depth_m[margin:-margin, margin:-margin] / scenes.wide.focus_m
    middle = np.zeros(clipped.shape, bool)
    middle[240:720, 160:480] = True
    kept = middle & ~clipped & (np.abs(relative - 1) < 0.1)
    assert kept.sum() > 5000
    difference = found[kept] / 65535 - encode_srgb(light)[kept] / 255
    assert -10 * np.log10(np.mean(difference**2)) >= 36.5


@pytest.mark.parametrize("jpeg", [False, True])
def test_exif_is_that_of_the_plan(jpeg: bool) -> None:
    plan = plan_of(index=3, jpeg=jpeg)
    pair = take(plan)
    for file, shot in ((pair.wide_file, plan.wide), (pair.shallow_file, plan.shallow)):
        tags = exifread.process_file(io.BytesIO(file), details=False)
        assert tags["EXIF FNumber"].values[0] == pytest.approx(shot.f_number)
        assert tags["EXIF ExposureTime"].values[0] == shot.exposure_time_s
        assert tags["EXIF ISOSpeedRatings"].values == [shot.iso]
        taken = f"{shot.captured_at:%Y:%m:%d %H:%M:%S}"
        assert str(tags["EXIF DateTimeOriginal"]) == taken
        assert str(tags["EXIF SubSecTimeOriginal"]) == f"{shot.captured_at.microsecond // 1000:03d}"
        assert tags["Image Orientation"].values == [plan.orientation]
        assert tags["EXIF FocalLength"].values[0] == 50


def test_sharp_scene_moves_by_the_homography() -> None:
    """The shallow shot at f/16 without fall-off or noise, warped back by the truth, is the wide shot."""
    plan = plan_of(index=5, seed=3)
    scene = planned_scenes(plan).wide
    focal = focal_length_px(plan, APS_C, scene.focus_m)
    scene = dataclasses.replace(scene, depth_m=np.full_like(scene.depth_m, scene.focus_m))
    first = np.minimum(optical_image(scene, CameraPose(), plan, plan.wide, focal, APS_C), 1)
    second = np.minimum(optical_image(scene, plan.pose, plan, plan.wide, focal, APS_C), 1)
    truth = take(plan).truth
    assert truth.H_wide_to_shallow is not None
    H = np.reshape(truth.H_wide_to_shallow, (3, 3))
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(second, H, plan.size, flags=flags)
    inner = np.s_[40:-40, 40:-40]
    aligned, not_aligned = (np.abs(first - other)[inner].mean() for other in (back, second))
    assert aligned < 0.003
    assert not_aligned > 4 * aligned


def test_same_plan_same_bytes() -> None:
    one, same = take(plan_of(index=4)), take(plan_of(index=4))
    assert one == same
    assert one.wide_file != one.shallow_file


def test_depth_file_reads_back() -> None:
    depth = np.array([[0.5, 1.0, 4.0, np.inf]], np.float32)
    values = cv2.imdecode(np.frombuffer(encode_depth(depth), np.uint8), cv2.IMREAD_UNCHANGED)
    assert values.dtype == np.uint16
    assert values.tolist() == [[2 * DEPTH_SCALE, DEPTH_SCALE, DEPTH_SCALE // 4, 0]]


def brightness(file: bytes | None) -> float:
    assert file is not None
    return float(develop_file(file).mean() / 65535)


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_bad_pairs(kind: PairKind) -> None:
    plan = plan_of(kind, index=2)
    scenes = planned_scenes(plan)
    pair = simulate_pair(scenes, plan)
    assert pair.truth.expected == "rejected"
    assert (pair.wide_file is None, pair.shallow_file is None) == (
        plan.missing == "wide",
        plan.missing == "shallow",
    )
    assert (scenes.wide is scenes.shallow) == (kind not in (PairKind.UNRELATED, PairKind.MOVED_SUBJECT))
    if kind is PairKind.OVEREXPOSED:
        assert brightness(pair.shallow_file) > 1.5 * brightness(pair.wide_file)
    if kind is PairKind.MISSED_FOCUS:
        assert pair.truth.focus_m_shallow != pair.truth.focus_m_wide


def test_scene_of_another_size() -> None:
    plan = plan_of(index=4)
    other = dataclasses.replace(plan, size=Size(plan.size.width + 2, plan.size.height))
    with pytest.raises(UsageError, match="must have the same size"):
        simulate_pair(planned_scenes(plan), other)


def test_depth_file_is_that_of_the_wide_frame() -> None:
    plan = plan_of(index=1)
    scenes = planned_scenes(plan)
    values = cv2.imdecode(
        np.frombuffer(simulate_pair(scenes, plan).depth_file, np.uint8), cv2.IMREAD_UNCHANGED
    )
    margin = scenes.wide.margin
    inner = scenes.wide.depth_m[margin:-margin, margin:-margin]
    assert values.shape == inner.shape == (plan.size.height, plan.size.width)
    np.testing.assert_allclose(values / DEPTH_SCALE, 1 / inner, atol=0.51 / DEPTH_SCALE)


def test_the_wide_shot_is_sharp_and_the_shallow_one_where_it_is_focused() -> None:
    plan = dataclasses.replace(plan_of(index=6), pose=CameraPose())
    scene = planned_scenes(plan).wide
    focal = focal_length_px(plan, APS_C, scene.focus_m)
    detail = []
    for shot in (plan.wide, plan.shallow):
        light = np.minimum(optical_image(scene, CameraPose(), plan, shot, focal, APS_C), 1).mean(axis=2)
        detail.append(np.abs(cv2.Laplacian(light, cv2.CV_32F)))
    relative = scene.depth_m[scene.margin : -scene.margin, scene.margin : -scene.margin] / scene.focus_m
    near, far = np.abs(relative - 1) < 0.03, relative > 3
    assert detail[1][near].mean() > 0.6 * detail[0][near].mean()
    assert detail[1][far].mean() < 0.6 * detail[0][far].mean()


def test_blur_moves_light_but_loses_none() -> None:
    plan = dataclasses.replace(plan_of(index=6), pose=CameraPose())
    scene = planned_scenes(plan).wide
    focal = focal_length_px(plan, APS_C, scene.focus_m)
    wide, shallow = (
        optical_image(scene, CameraPose(), plan, shot, focal, APS_C).mean()
        for shot in (plan.wide, plan.shallow)
    )
    assert shallow == pytest.approx(wide, rel=0.03)


def test_focal_length_in_pixels_is_the_image_distance_over_the_pitch() -> None:
    """Focused at infinity f itself; nearer, 1/v = 1/f − 1/s."""
    plan = plan_of()
    assert focal_length_px(plan, APS_C, np.inf) == pytest.approx(50 / (22.3 / 384))
    assert focal_length_px(plan, APS_C, 1.0) == pytest.approx(1 / (1 / 50 - 1 / 1000) / (22.3 / 384))


def test_jpeg_and_dng_show_the_same_photo() -> None:
    """The JPEG is developed by the camera, the DNG by LibRaw: alike to a few per cent."""
    plan = dataclasses.replace(plan_of(index=2), orientation=1)
    dng = take(plan).wide_file
    jpeg = take(dataclasses.replace(plan, file_format="jpeg")).wide_file
    assert dng is not None
    assert jpeg is not None
    developed = develop_file(dng) / 65535
    decoded = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB) / 255
    assert np.abs(developed - decoded).mean() < 0.02
