"""Conditions that make simulated scenes harder to align: smooth subjects, lights, wind, large discs.

Each condition changes a finished scene of ``ebb.simulation``, or its shallow photo.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.simulation.plan import ShotPlan
    from ebb.simulation.scenes import Scene


class Condition(StrEnum):
    """Conditions of a scene."""

    PLAIN = "plain"
    SMOOTH_SUBJECT = "smooth_subject"
    """Objects near the plane in focus have no texture, only outlines."""
    LIGHTS = "lights"
    """Many small lights in the background, up to 60 times diffuse white."""
    WIND = "wind"
    """The background moves between the shots by up to 6 px, smoothly over the frame."""
    LARGE_DISCS = "large_discs"
    """The shallow photos have f/1.0."""


SHARES = {
    Condition.PLAIN: 0.4,
    Condition.SMOOTH_SUBJECT: 0.15,
    Condition.LIGHTS: 0.15,
    Condition.WIND: 0.15,
    Condition.LARGE_DISCS: 0.15,
}
"""Share of the scenes."""

SERIES = (None, 2.8, 5.6)
"""F-numbers of the alignable shallow photos of a scene, an aperture series; ``None``: as planned."""

NEAR_FOCUS = 0.12
"""Largest relative difference in distance of points of the subject."""
SMOOTHING = 0.04
"""Standard deviation of the blur that removes the subject's texture, as a share of the height."""
FAR = 2.0
"""Smallest distance of the background, in multiples of that of the subject."""
NUM_LIGHTS, LIGHT_PX, RADIANCE = (20, 60), (1.0, 2.5), (3.0, 60.0)
"""Range of their number, radius, and radiance over diffuse white."""
WIND_PX, WIND_SCALE_PX = (1.0, 6.0), 40.0
"""Range of the largest displacement, and the length scale of its changes."""
LARGE_APERTURE = 1.0


def draw(rng: np.random.Generator) -> Condition:
    """Draw a random condition."""
    return list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]


def changed_scene(scene: Scene, condition: Condition, rng: np.random.Generator) -> Scene:
    """The scene of both shots under a condition."""
    if condition is Condition.SMOOTH_SUBJECT:
        return dataclasses.replace(scene, rgb=_smoothed(scene))
    if condition is Condition.LIGHTS:
        return dataclasses.replace(scene, rgb=_with_lights(scene, rng))
    return scene


def scene_of_shallow(scene: Scene, condition: Condition, rng: np.random.Generator) -> Scene:
    """The scene of the shallow photo, after motion by the wind."""
    if condition is not Condition.WIND:
        return scene
    return dataclasses.replace(scene, rgb=_blown(scene, rng))


def shallow_shot(shot: ShotPlan, condition: Condition, number: int) -> ShotPlan:
    """The f-number of a shallow photo of a series."""
    f_number = SERIES[number % len(SERIES)]
    if f_number is None:
        return (
            dataclasses.replace(shot, f_number=LARGE_APERTURE) if condition is Condition.LARGE_DISCS else shot
        )
    return dataclasses.replace(shot, f_number=f_number)


def _smoothed(scene: Scene) -> NDArray[np.float32]:
    near = (np.abs(scene.depth_m / scene.focus_m - 1) < NEAR_FOCUS).astype(np.float32)
    sigma = SMOOTHING * scene.size.height
    weight = cv2.GaussianBlur(near, (0, 0), sigma)[..., None]
    mean = cv2.GaussianBlur(scene.rgb * near[..., None], (0, 0), sigma) / np.maximum(weight, 1e-6)
    return np.where(near[..., None] > 0, mean, scene.rgb).astype(np.float32)


def _with_lights(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    rgb = scene.rgb.copy()
    rows, columns = np.nonzero(scene.depth_m > FAR * scene.focus_m)
    if not len(rows):
        return rgb
    y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    for _ in range(int(rng.integers(*NUM_LIGHTS))):
        place, radius = int(rng.integers(len(rows))), rng.uniform(*LIGHT_PX)
        near = np.s_[
            max(0, rows[place] - 6) : rows[place] + 7, max(0, columns[place] - 6) : columns[place] + 7
        ]
        away = np.hypot(y[near] - rows[place], x[near] - columns[place])
        cover = np.clip(radius + 0.5 - away, 0, 1)[..., None]
        color = rng.uniform(0.6, 1, 3) * np.exp(rng.uniform(*np.log(RADIANCE)))
        rgb[near] = (1 - cover) * rgb[near] + cover * color
    return rgb


def _blown(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    height, width = scene.depth_m.shape
    field = cv2.GaussianBlur(rng.normal(size=(height, width, 2)), (0, 0), WIND_SCALE_PX)
    field *= rng.uniform(*WIND_PX) / np.abs(field).max()
    far = cv2.GaussianBlur((scene.depth_m > FAR * scene.focus_m).astype(np.float64), (0, 0), 4)
    far *= scene.depth_m > FAR * scene.focus_m
    y, x = np.mgrid[:height, :width]
    where = (np.dstack([x, y]) + field * far[..., None]).astype(np.float32)
    moved = cv2.remap(scene.rgb, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.float32)
