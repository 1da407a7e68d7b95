"""Procedural scenes with exact depth.

A scene consists of a ground plane in perspective, a background of sky or a wall, distant houses or trees with
lights, objects at many depths, one of which is the subject in focus, and in some scenes leaves close to the
camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.errors import UsageError
from ebb.simulation import shapes, textures
from ebb.simulation.scenery import RgbdCanvas, paint_backdrop, paint_ground
from ebb.simulation.shapes import SUPERSAMPLING, Pinhole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.simulation.reproject import DepthMetres
    from ebb.simulation.textures import Noise

MARGIN = 0.08
"""Margin around the frame for the motion of the second shot, relative to the frame's longer side."""

_NOISE_SIZE = 1024
_SMALLEST = 64
_BRIGHT, _BRIGHT_PERCENTILE = 0.8, 97
_FOCUS_M = (1.2, 4.0)
_NEAR_LEAVES = 0.5
"""Probability of leaves close to the camera."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Colour and depth of a scene."""

    rgb: RgbLinear
    """(height + 2 margin, width + 2 margin, 3), linear light; lights exceed 1."""
    depth_m: DepthMetres
    """Depth of each pixel of ``rgb``; the sky is at infinity."""
    focus_m: float
    """Distance of the subject in metres."""
    margin: int = 0
    """Margin around the frame in pixels."""

    @property
    def size(self) -> Size:
        """Size of the frame, without the margin."""
        height, width = self.depth_m.shape
        return Size(width - 2 * self.margin, height - 2 * self.margin)


def margin_px(size: Size) -> int:
    """Margin of a scene around a frame of the given size, in pixels."""
    return round(MARGIN * max(size))


def make_scene(rng: np.random.Generator, size: Size, *, focal_px: float, subject_shift: float = 0.0) -> Scene:
    """Generate a scene.

    Args:
        rng: Random generator; its state determines the scene.
        size: Size of the upright frame; a margin of :data:`MARGIN` is added on every side.
        focal_px: Focal length in pixels.
        subject_shift: Horizontal displacement of the subject relative to the frame's width; the rest of the
            scene does not depend on it.

    Returns:
        The scene, in linear light.

    Raises:
        UsageError: the frame is smaller than 64 pixels.
    """
    if min(size) < _SMALLEST:
        raise UsageError(
            f"a scene must have at least {_SMALLEST} pixels a side, not {size.width} x {size.height}"
        )
    margin = margin_px(size)
    canvas = RgbdCanvas(Size(size.width + 2 * margin, size.height + 2 * margin))
    focus_m = float(np.exp(rng.uniform(*np.log(_FOCUS_M))))
    far_m = focus_m * rng.uniform(5, 12)
    camera = _camera(rng, size, margin, focal_px, focus_m)
    noise = textures.fractal_noise(rng, _NOISE_SIZE)
    paint_backdrop(canvas, camera, rng, noise, far_m)
    paint_ground(canvas, camera, rng, noise, far_m)
    stage = _Stage(canvas, camera, rng, noise)
    frame_m = size.width / focal_px
    _paint_things(stage, focus_m, far_m, frame_m, subject_shift)
    _expose_well(canvas)
    return Scene(rgb=canvas.rgb, depth_m=canvas.depth_m, focus_m=focus_m, margin=margin)


def _expose_well(canvas: RgbdCanvas) -> None:
    """Scale the radiance so that the bright parts of the scene are just below diffuse white."""
    bright = float(np.percentile(canvas.rgb[::4, ::4].max(axis=2), _BRIGHT_PERCENTILE))
    canvas.rgb *= np.float32(_BRIGHT / max(bright, 1e-3))


@dataclass(frozen=True)
class _Stage:
    """Arguments shared by the functions that paint objects."""

    canvas: RgbdCanvas
    camera: Pinhole
    rng: np.random.Generator
    noise: Noise


def _camera(rng: np.random.Generator, size: Size, margin: int, focal_px: float, focus_m: float) -> Pinhole:
    """Camera with a random pitch; the subject is in the lower half of the frame."""
    horizon = rng.uniform(-0.4, 0.45) * size.height
    foot = rng.uniform(0.72, 0.9) * size.height
    full = Size(size.width + 2 * margin, size.height + 2 * margin)
    return Pinhole(
        focal_px=SUPERSAMPLING * focal_px,
        centre_x=full.width - 0.5,
        horizon_y=SUPERSAMPLING * (margin + horizon),
        height_m=(foot - horizon) * focus_m / focal_px,
        width=SUPERSAMPLING * full.width,
        height=SUPERSAMPLING * full.height,
    )


def _paint_things(stage: _Stage, focus_m: float, far_m: float, frame_m: float, shift: float) -> None:
    """Paint objects on the ground from back to front; ``frame_m`` is the frame's width at 1 m."""
    rng = stage.rng
    others = np.exp(rng.uniform(np.log(0.75 * focus_m), np.log(0.8 * far_m), int(rng.integers(9, 16))))
    others = np.where(np.abs(others / focus_m - 1) < 0.12, others * 1.3, others)
    depths = np.sort(np.append(others, focus_m))[::-1]
    for depth in depths:
        across = rng.uniform(-0.5, 0.5) * frame_m * depth
        share = rng.uniform(0.12, 0.3)
        if depth == focus_m:
            across, share = (0.4 * across / depth + shift * frame_m) * depth, rng.uniform(0.32, 0.45)
        _paint_thing(stage, np.array([across, stage.camera.height_m, depth]), share * frame_m * depth)
    if rng.random() < _NEAR_LEAVES:
        near = focus_m * rng.uniform(0.45, 0.65)
        corner = np.array([rng.choice([-0.5, 0.5]), rng.uniform(-0.3, 0.3), 1]) * (frame_m, frame_m, 1)
        extent = np.array([0.06, 0.12, 0.03]) * frame_m * near
        stage.canvas.paste(shapes.foliage(stage.camera, rng, stage.noise, corner * near, extent, 40))


def _paint_thing(stage: _Stage, foot: NDArray[np.float64], size_m: float) -> None:
    """Paint an object of a random kind on the ground, with its shadow."""
    stage.canvas.darken(stage.camera, foot, 0.5 * size_m)
    kind = int(stage.rng.integers(0, len(_THINGS)))
    _THINGS[kind](stage, foot, size_m)


def _paint_ball(stage: _Stage, foot: NDArray[np.float64], size_m: float) -> None:
    rng, radius = stage.rng, 0.4 * size_m
    side = max(16, int(1.6 * np.pi * stage.camera.focal_px * radius / foot[2]) // 2)
    texture = _surface(stage, side, side)
    light = np.array([rng.choice([-0.6, 0.6]), -0.5, 0.62])
    centre = foot - (0, radius, 0)
    stage.canvas.paste(shapes.sphere(stage.camera, centre, radius, texture, light))


def _paint_post(stage: _Stage, foot: NDArray[np.float64], size_m: float) -> None:
    radius, height = size_m * stage.rng.uniform(0.12, 0.25), size_m * stage.rng.uniform(0.8, 1.8)
    scale = stage.camera.focal_px / foot[2]
    texture = _surface(stage, int(height * scale) + 8, int(np.pi * radius * scale) + 8)
    side = float(stage.rng.choice([-0.6, 0.6]))
    stage.canvas.paste(shapes.column(stage.camera, foot, radius, height, texture, side))


def _paint_bush(stage: _Stage, foot: NDArray[np.float64], size_m: float) -> None:
    extent = np.array([0.2, 0.2, 0.15]) * size_m
    centre = foot - (0, 0.4 * size_m, 0)
    stage.canvas.paste(shapes.foliage(stage.camera, stage.rng, stage.noise, centre, extent, 320))


def _paint_box(stage: _Stage, foot: NDArray[np.float64], size_m: float) -> None:
    """Paint the visible faces of a box."""
    rng = stage.rng
    wide, high, deep = size_m * rng.uniform((0.5, 0.4, 0.1), (1.0, 1.0, 0.5))
    turn = rng.uniform(-0.5, 0.5)
    along = 0.5 * wide * np.array([np.cos(turn), 0, np.sin(turn)])
    back = deep * np.array([-np.sin(turn), 0, np.cos(turn)])
    up = np.array([0, -high, 0])
    left, right = foot - along, foot + along
    scale = stage.camera.focal_px / foot[2]
    faces = [
        ([right, right + back], deep, 0.45),
        ([left + back, left], deep, 0.65),
        ([left, right], wide, 1.0),
    ]
    for (start, end), length, light in faces:
        facing = np.cross(end - start, up) @ (0.5 * (start + end))
        texture = _surface(stage, int(high * scale) + 8, int(length * scale) + 8)
        if facing >= 0:
            continue
        corners = np.stack([start + up, end + up, end, start])
        stage.canvas.paste(shapes.face(stage.camera, corners, texture, light))
    if high < stage.camera.height_m:
        top = np.stack([left + back, right + back, right, left]) + up
        texture = _surface(stage, int(deep * scale) + 8, int(wide * scale) + 8)
        stage.canvas.paste(shapes.face(stage.camera, top, texture, 0.85))


def _surface(stage: _Stage, height: int, width: int) -> RgbLinear:
    return textures.any_surface(stage.rng, stage.noise, height, width)


_THINGS: tuple[Callable[[_Stage, NDArray[np.float64], float], None], ...] = (
    _paint_ball,
    _paint_post,
    _paint_bush,
    _paint_box,
    _paint_box,
)
