"""Take one pair of photos of a scene: two camera files and the truth about them.

Light goes through the same steps as in a camera: the scene seen from the shot's pose, blur by depth,
diffraction, lens and low-pass filter, fall-off, exposure, mosaic, noise, file. The noise-free scene that a
developed file can be compared with is the image these optics form (:func:`optical_image`): what a sensor
without a mosaic and without noise would record.
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
"""Depth files hold this over the depth in metres, rounded; 0 is the sky."""

APS_C = Sensor()


class ScenePair(NamedTuple):
    """What stands in front of the camera at the wide and at the shallow shot."""

    wide: Scene
    shallow: Scene


@dataclass(frozen=True, kw_only=True)
class SimulatedPair:
    """Two camera files, the depth of the wide shot, and the truth. ``None``: a file that is missing."""

    wide_file: bytes | None
    shallow_file: bytes | None
    depth_file: bytes
    """16-bit PNG, upright: :data:`DEPTH_SCALE` / metres."""
    truth: PairTruth


def planned_scenes(plan: PairPlan, sensor: Sensor = APS_C) -> ScenePair:
    """Make up the scenes of a plan: one, or two when the subject moves or the shots are unrelated."""
    focal_px = focal_length_px(plan, sensor, np.inf)
    scene = make_scene(plan.rng(Stream.SCENE), plan.size, focal_px=focal_px)
    if plan.kind is PairKind.UNRELATED:
        return ScenePair(scene, make_scene(plan.rng(Stream.OTHER_SCENE), plan.size, focal_px=focal_px))
    if plan.kind is PairKind.MOVED_SUBJECT:
        rng, shift = plan.rng(Stream.SCENE), plan.subject_shift
        return ScenePair(scene, make_scene(rng, plan.size, focal_px=focal_px, subject_shift=shift))
    return ScenePair(scene, scene)


def focal_length_px(plan: PairPlan, sensor: Sensor, focus_m: float) -> float:
    """Focal length of the wide shot in pixels: distance from lens to sensor when focused at ``focus_m``."""
    lens = Lens(plan.focal_length_mm, plan.wide.f_number)
    return image_distance_mm(lens, focus_m) / PixelGrid(sensor.width_mm, max(plan.size)).pitch_mm


def simulate_pair(scenes: ScenePair, plan: PairPlan, sensor: Sensor = APS_C) -> SimulatedPair:
    """Photograph a pair.

    Args:
        scenes: What the two shots show, of the plan's size.
        plan: Settings of both shots and the motion between them.
        sensor: The sensor of both.

    Returns:
        Files and truth; equal arguments give equal bytes.

    Raises:
        UsageError: a scene does not have the size of the plan.
    """
    for scene in scenes:
        if scene.size != plan.size:
            raise UsageError(
                f"a scene of {scene.size} for a photo of {plan.size}", hint="sizes must be equal"
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
    """Light that the pixels collect, in all three colours, before fall-off and exposure.

    Args:
        scene: What is photographed; its own view is that of ``CameraPose()``.
        pose: Where it is photographed from.
        plan: Frame and lens.
        shot: F-number and focus.
        focal_px: Focal length of the scene's own view, in pixels.
        sensor: Size and sharpness.

    Returns:
        Upright, (plan.size.height, plan.size.width, 3), linear.
    """
    # A border of blurred surroundings, so that what lies just outside the frame spreads into it.
    border = scene.margin // 2
    size = Size(plan.size.width + 2 * border, plan.size.height + 2 * border)
    view = _seen_from(scene, pose, focal_px, border, size)
    lens, pixels = Lens(plan.focal_length_mm, shot.f_number), PixelGrid(sensor.width_mm, max(plan.size))
    coc = coc_px(lens, pixels, scene.focus_m * shot.focus_ratio, view.depth_m)
    photo = render_shallow(view.rgb, coc * np.float32(pose.focal_ratio), workers=1)
    return _inner(spread_light(photo, focus_kernel(sensor, lens, pixels)), border)


def _seen_from(scene: Scene, pose: CameraPose, focal_px: float, border: int, size: Size) -> View:
    """The scene from a pose; the wide shot's own view is cut out, not resampled."""
    if pose == CameraPose():
        cut = scene.margin - border
        return View(_inner(scene.rgb, cut), _inner(scene.depth_m, cut))
    height, width = scene.depth_m.shape
    first = intrinsics(focal_px, Size(width, height))
    second = intrinsics(focal_px * pose.focal_ratio, size)
    return second_view(View(scene.rgb, scene.depth_m), pose, first, second, size)


def _inner(image: NDArray[np.float32], border: int) -> NDArray[np.float32]:
    """Cut a border off."""
    return np.ascontiguousarray(image[border : image.shape[0] - border, border : image.shape[1] - border])


def _file(photo: RgbLinear, plan: PairPlan, shot: ShotPlan, sensor: Sensor) -> bytes:
    """Record light as the camera file of one shot."""
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
    """16-bit PNG of :data:`DEPTH_SCALE` / depth, upright; the sky and beyond 32 km is 0."""
    return encode_grey16(np.clip(np.rint(DEPTH_SCALE / depth_m), 0, 65535).astype(np.uint16))
