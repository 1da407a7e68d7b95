"""Simulation of one pair: two camera files and their ground truth.

The steps are those of a camera: reprojection to the pose of the shot, defocus blur, diffraction, lens and
low-pass filter, vignetting, exposure, mosaic, noise, file. The reference for a developed file is the optical
image (:func:`optical_image`), as recorded by an ideal sensor without mosaic and noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.arrays import Size
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.thin_lens import Lens, PixelGrid, coc_px, image_distance_mm
from ebb.errors import UsageError
from ebb.formats.exif_writer import ShotInfo, exif_block
from ebb.formats.jpeg import encode_jpeg
from ebb.formats.png import encode_grey16
from ebb.simulation.develop import as_stored, develop
from ebb.simulation.dng import write_dng
from ebb.simulation.hand_motion import CameraPose, intrinsics
from ebb.simulation.plan import PairKind, Stream
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.reproject import View, second_view
from ebb.simulation.scenes import Scene, make_scene
from ebb.simulation.sensor import Exposure, Sensor, corner_loss, expose
from ebb.simulation.truth import PairTruth, pair_truth
from ebb.srgb import encode_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.simulation.plan import PairPlan, ShotPlan
    from ebb.simulation.reproject import DepthMetres

DEPTH_SCALE = 16384
"""Values of depth files are this constant divided by the depth in metres, rounded; 0 is infinity."""

APS_C = Sensor()


class ScenePair(NamedTuple):
    """Scenes of the wide and of the shallow shot."""

    wide: Scene
    shallow: Scene


@dataclass(frozen=True, kw_only=True)
class SimulatedPair:
    """Two camera files (None if missing), the depth of the wide shot, and the ground truth."""

    wide_file: bytes | None
    shallow_file: bytes | None
    depth_file: bytes
    """16-bit PNG, upright: :data:`DEPTH_SCALE` divided by the depth in metres."""
    truth: PairTruth


def planned_scenes(plan: PairPlan, sensor: Sensor = APS_C) -> ScenePair:
    """Generate the scenes of a plan: they differ if the subject moves or the shots are unrelated."""
    focal_px = focal_length_px(plan, sensor, np.inf)
    scene = make_scene(plan.rng(Stream.SCENE), plan.size, focal_px=focal_px)
    if plan.kind is PairKind.UNRELATED:
        return ScenePair(scene, make_scene(plan.rng(Stream.OTHER_SCENE), plan.size, focal_px=focal_px))
    if plan.kind is PairKind.MOVED_SUBJECT:
        rng, shift = plan.rng(Stream.SCENE), plan.subject_shift
        return ScenePair(scene, make_scene(rng, plan.size, focal_px=focal_px, subject_shift=shift))
    return ScenePair(scene, scene)


def focal_length_px(plan: PairPlan, sensor: Sensor, focus_m: float) -> float:
    """Focal length of the wide shot in pixels: distance from lens to sensor if focused at ``focus_m``."""
    lens = Lens(plan.focal_length_mm, plan.wide.f_number)
    return image_distance_mm(lens, focus_m) / PixelGrid(sensor.width_mm, max(plan.size)).pitch_mm


def simulate_pair(scenes: ScenePair, plan: PairPlan, sensor: Sensor = APS_C) -> SimulatedPair:
    """Simulate a pair.

    Args:
        scenes: Scenes of both shots, of the plan's size.
        plan: Settings of both shots and the motion between them.
        sensor: Sensor of both shots.

    Returns:
        Files and ground truth; they depend on the arguments only.

    Raises:
        UsageError: a scene does not have the size of the plan.
    """
    for scene in scenes:
        if scene.size != plan.size:
            raise UsageError(
                f"scene and plan must have the same size, not {tuple(scene.size)} and {tuple(plan.size)}"
            )
    focus = (scenes.wide.focus_m * plan.wide.focus_ratio, scenes.shallow.focus_m * plan.shallow.focus_ratio)
    focal_px = focal_length_px(plan, sensor, scenes.wide.focus_m)
    wide = optical_image(scenes.wide, CameraPose(), plan, plan.wide, focal_px, sensor)
    shallow = optical_image(scenes.shallow, plan.pose, plan, plan.shallow, focal_px, sensor)
    return SimulatedPair(
        wide_file=None if plan.missing == "wide" else _file(wide, plan, plan.wide, sensor),
        shallow_file=None if plan.missing == "shallow" else _file(shallow, plan, plan.shallow, sensor),
        depth_file=encode_depth(_inner(scenes.wide.depth_m, scenes.wide.margin)),
        truth=pair_truth(plan, focal_px, focus),
    )


def optical_image(
    scene: Scene, pose: CameraPose, plan: PairPlan, shot: ShotPlan, focal_px: float, sensor: Sensor
) -> RgbLinear:
    """Image formed by the optics, integrated over the pixels, before vignetting and exposure.

    Args:
        scene: The scene, as seen from ``CameraPose()``.
        pose: Pose of the camera.
        plan: Size of the frame and focal length.
        shot: F-number and focus.
        focal_px: Focal length of the scene's view in pixels.
        sensor: Size and point spread of the sensor.

    Returns:
        (plan.size.height, plan.size.width, 3), upright, linear light.
    """
    # A border is rendered as well, as light from outside the frame is blurred into it.
    border = scene.margin // 2
    size = Size(plan.size.width + 2 * border, plan.size.height + 2 * border)
    view = _seen_from(scene, pose, focal_px, border, size)
    lens, pixels = Lens(plan.focal_length_mm, shot.f_number), PixelGrid(sensor.width_mm, max(plan.size))
    coc = coc_px(lens, pixels, scene.focus_m * shot.focus_ratio, view.depth_m)
    photo = render_shallow(view.rgb, coc * np.float32(pose.focal_ratio), exact=True, workers=1)
    return _inner(spread_light(photo, focus_kernel(sensor, lens, pixels)), border)


def _seen_from(scene: Scene, pose: CameraPose, focal_px: float, border: int, size: Size) -> View:
    """View of the scene from a pose; the view of the wide shot is cropped without resampling."""
    if pose == CameraPose():
        cut = scene.margin - border
        return View(_inner(scene.rgb, cut), _inner(scene.depth_m, cut))
    height, width = scene.depth_m.shape
    first = intrinsics(focal_px, Size(width, height))
    second = intrinsics(focal_px * pose.focal_ratio, size)
    return second_view(View(scene.rgb, scene.depth_m), pose, first, second, size)


def _inner(image: NDArray[np.float32], border: int) -> NDArray[np.float32]:
    """Crop a border."""
    return np.ascontiguousarray(image[border : image.shape[0] - border, border : image.shape[1] - border])


def _file(photo: RgbLinear, plan: PairPlan, shot: ShotPlan, sensor: Sensor) -> bytes:
    """Camera file of one shot."""
    stream = Stream.WIDE_NOISE if shot is plan.wide else Stream.SHALLOW_NOISE
    exposure = Exposure(
        iso=shot.iso,
        gain_ev=shot.gain_ev,
        white_balance=plan.white_balance,
        corner_loss=corner_loss(shot.f_number),
    )
    info = ShotInfo(
        captured_at=shot.captured_at,
        exposure_time_s=shot.exposure_time_s,
        f_number=shot.f_number,
        iso=shot.iso,
        focal_length_mm=plan.focal_length_mm,
        orientation=plan.orientation,
    )
    mosaic = expose(as_stored(photo, plan.orientation), sensor, exposure, plan.rng(stream))
    if plan.file_format == "dng":
        return write_dng(mosaic, info, sensor, exposure)
    developed = encode_srgb(develop(mosaic, sensor, plan.white_balance))
    return encode_jpeg(developed, exif=exif_block(info, developed.shape[1], developed.shape[0]))


def encode_depth(depth_m: DepthMetres) -> bytes:
    """16-bit PNG of :data:`DEPTH_SCALE` / depth; distances beyond 32 km are 0."""
    return encode_grey16(np.clip(np.rint(DEPTH_SCALE / depth_m), 0, 65535).astype(np.uint16))
