"""Simulated pairs with dense ground truth for the alignment study.

A group consists of two scenes. Each scene gives one wide photo and five pairs: three that must align, an
aperture series; one with a defect; and one with the shallow photo of the other scene. The scenes are plain or
made harder (:mod:`benchmarks.study_conditions`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.study_conditions import Condition, changed_scene, draw, scene_of_shallow, shallow_shot
from ebb.arrays import Size
from ebb.simulation.develop import develop
from ebb.simulation.hand_motion import CameraPose, intrinsics
from ebb.simulation.plan import PairKind, PairPlan, ShotPlan, Stream, plan_pair
from ebb.simulation.scenes import Scene, make_scene
from ebb.simulation.sensor import Exposure, corner_loss, expose
from ebb.simulation.simulate import APS_C, focal_length_px, optical_image
from ebb.srgb import encode_srgb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ebb.arrays import Rgb8

SIZE = Size(1024, 684)
PORTRAIT_SHARE = 0.35
MAX_SHIFT, MAX_ROLL_DEG, MAX_RATIO, MAX_EV = 0.06, 2.0, 0.04, 1.5
"""Limits of the motion and of the difference in exposure; the shift is a share of the frame's sides."""

HAND_M = 0.0008
"""Largest sideways motion in each direction, in metres; half of the pairs have it."""

STEP_M = (0.002, 0.08)
"""Range of sideways steps in metres."""

WIDE_ISO, SHALLOW_ISO = (100, 200, 400, 800, 1600), (100, 200, 400)
POOR_SHARE, POOR_CONTRAST = 0.2, (0.1, 0.5)
"""Share of the scenes whose contrast is reduced, and the range of the remaining share of contrast."""

MOVED_POOR_SHARE = 0.6
"""The same for smooth subjects that moved, in the study of those alone."""

WRONG = (PairKind.MOVED_SUBJECT, PairKind.MISSED_FOCUS, PairKind.PARALLAX, PairKind.OVEREXPOSED)
GOOD_PER_SCENE = 3
PAIRS_PER_GROUP = 2 * (GOOD_PER_SCENE + 2)
STRIDE = 4
MOVED = 0.05
"""Relative change of distance from which a pixel counts as changed."""


@dataclass(frozen=True)
class StudyPair:
    """Two photos and their ground truth, in pixels of the photos.

    Attributes:
        kind: Kind of defect.
        wide: (height, width, 3).
        shallow: Likewise.
        condition: What makes the scene harder.
        texture: Factor on the contrast of the scene.
        plan: Motion and settings.
        ev: Exposure of the shallow photo relative to the wide photo in EV.
        points_wide: (N, 2), every fourth pixel of the wide photo.
        points_shallow: (N, 2), their positions in the shallow photo.
        coc_px: (N,), their blur diameters in the shallow photo, at 1024 px height.
        changed: Fraction of the frame where the shallow photo shows another object.
    """

    kind: PairKind
    wide: Rgb8
    shallow: Rgb8
    condition: Condition
    texture: float
    plan: PairPlan
    ev: float
    points_wide: NDArray[np.float64]
    points_shallow: NDArray[np.float64]
    coc_px: NDArray[np.float64]
    changed: float

    @property
    def height(self) -> int:
        """Height of both photos."""
        return len(self.wide)


@dataclass(frozen=True)
class _Place:
    """A scene, its wide photo and its random values."""

    plan: PairPlan
    scene: Scene
    condition: Condition
    texture: float
    wide: Rgb8
    rng: np.random.Generator


def pairs_of_group(seed: int, group: int, frame: Size = SIZE) -> Iterator[StudyPair]:
    """The ten pairs of a group; equal arguments give equal pairs."""
    rng = np.random.default_rng([seed, group, 1])
    size = frame if rng.random() > PORTRAIT_SHARE else Size(frame.height, frame.width)
    places = [_place(seed, 2 * group + number, size) for number in (0, 1)]
    firsts = []
    for place in places:
        for number in range(GOOD_PER_SCENE):
            pair = _pair(place, _plan(place, PairKind.GOOD, number))
            firsts += [pair] if number == 0 else []
            yield pair
        yield _pair(place, _plan(place, WRONG[place.plan.index % len(WRONG)]))
    for this, other in (firsts, firsts[::-1]):
        yield dataclasses.replace(this, kind=PairKind.UNRELATED, shallow=other.shallow, changed=1.0)


def moved_smooth_subject(seed: int, index: int) -> StudyPair:
    """A pair whose smooth subject moved; three in five have reduced contrast."""
    place = _place(seed, index, SIZE, Condition.SMOOTH_SUBJECT, MOVED_POOR_SHARE)
    return _pair(place, _plan(place, PairKind.MOVED_SUBJECT))


def _place(
    seed: int, index: int, size: Size, condition: Condition | None = None, poor_share: float = POOR_SHARE
) -> _Place:
    plan = dataclasses.replace(plan_pair(seed, index, bad_share=0), size=size, orientation=1)
    rng = np.random.default_rng([seed, index, 2])
    texture = float(rng.uniform(*POOR_CONTRAST)) if rng.random() < poor_share else 1.0
    plan = dataclasses.replace(
        plan, wide=dataclasses.replace(plan.wide, iso=int(rng.choice(WIDE_ISO)), gain_ev=0.0)
    )
    condition = condition or draw(np.random.default_rng([seed, index, 4]))
    scene = _scene(plan, texture, 0.0, condition)
    focal_px = focal_length_px(plan, APS_C, scene.focus_m)
    light = optical_image(scene, CameraPose(), plan, plan.wide, focal_px, APS_C)
    return _Place(
        plan, scene, condition, texture, _developed(light, plan, plan.wide, plan.rng(Stream.WIDE_NOISE)), rng
    )


def _scene(plan: PairPlan, texture: float, subject_shift: float, condition: Condition) -> Scene:
    """The scene of a plan under a condition, its contrast reduced about its mean."""
    focal_px = focal_length_px(plan, APS_C, np.inf)
    scene = make_scene(plan.rng(Stream.SCENE), plan.size, focal_px=focal_px, subject_shift=subject_shift)
    mean = scene.rgb.mean(axis=(0, 1))
    scene = dataclasses.replace(scene, rgb=(mean + texture * (scene.rgb - mean)).astype(np.float32))
    return changed_scene(scene, condition, np.random.default_rng([plan.seed, plan.index, 5]))


def _plan(place: _Place, kind: PairKind, number: int = 0) -> PairPlan:
    """Draw motion, exposure and defect of a shallow photo; ``number`` is its place in the series."""
    rng, focal_px = place.rng, focal_length_px(place.plan, APS_C, place.scene.focus_m)
    shift = rng.uniform(-MAX_SHIFT, MAX_SHIFT, 2) * place.plan.size
    yaw, pitch = np.degrees(np.arctan(shift / focal_px))
    roll = rng.uniform(-MAX_ROLL_DEG, MAX_ROLL_DEG)
    moved = rng.uniform(-HAND_M, HAND_M, 3) * (rng.random() < 0.5)
    if kind is PairKind.PARALLAX:
        moved[0] = rng.choice([-1, 1]) * rng.uniform(*STEP_M)
    ratio = float(rng.uniform(1 - MAX_RATIO, 1 + MAX_RATIO))
    far = float(rng.choice([rng.uniform(0.5, 0.65), rng.uniform(1.8, 3.0)]))
    gain_ev = float(rng.uniform(3.0, 4.0) if kind is PairKind.OVEREXPOSED else rng.uniform(-MAX_EV, MAX_EV))
    side = float(rng.choice([-1, 1]) * rng.uniform(0.2, 0.35))
    return dataclasses.replace(
        place.plan,
        kind=kind,
        pose=CameraPose(
            rotation_deg=(float(pitch), float(yaw), float(roll)),
            translation_m=(float(moved[0]), float(moved[1]), float(moved[2])),
            focal_ratio=ratio,
        ),
        shallow=dataclasses.replace(
            shallow_shot(place.plan.shallow, place.condition, number),
            iso=int(rng.choice(SHALLOW_ISO)),
            gain_ev=gain_ev,
            focus_ratio=far if kind is PairKind.MISSED_FOCUS else 1.0,
        ),
        subject_shift=side if kind is PairKind.MOVED_SUBJECT else 0.0,
    )


def _pair(place: _Place, plan: PairPlan) -> StudyPair:
    scene, changed = place.scene, 0.0
    if plan.subject_shift:
        scene = _scene(plan, place.texture, plan.subject_shift, place.condition)
        with np.errstate(invalid="ignore", divide="ignore"):  # sky on sky: NaN, not a change
            changed = float((np.abs(np.log(scene.depth_m / place.scene.depth_m)) > MOVED).mean())
    focal_px = focal_length_px(plan, APS_C, place.scene.focus_m)
    seen = scene_of_shallow(scene, place.condition, place.rng)
    light = optical_image(seen, plan.pose, plan, plan.shallow, focal_px, APS_C)
    points_wide, points_shallow, coc_px = _truth(place.scene, plan, focal_px)
    return StudyPair(
        kind=plan.kind,
        wide=place.wide,
        shallow=_developed(light, plan, plan.shallow, place.rng),
        condition=place.condition,
        texture=place.texture,
        plan=plan,
        ev=plan.shallow.gain_ev - plan.wide.gain_ev,
        points_wide=points_wide,
        points_shallow=points_shallow,
        coc_px=coc_px,
        changed=changed,
    )


def _developed(light: NDArray[np.float32], plan: PairPlan, shot: ShotPlan, rng: np.random.Generator) -> Rgb8:
    """Develop an optical image: sensor, noise, demosaicing, sRGB."""
    exposure = Exposure(
        iso=shot.iso,
        gain_ev=shot.gain_ev,
        white_balance=plan.white_balance,
        corner_loss=corner_loss(shot.f_number),
    )
    return encode_srgb(develop(expose(light, APS_C, exposure, rng), APS_C, plan.white_balance))


def _truth(
    scene: Scene, plan: PairPlan, focal_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Wide pixels, their positions in the shallow photo, and their blur diameters at 1024 px height."""
    inner = slice(scene.margin, -scene.margin or None, STRIDE)
    inverse = 1 / scene.depth_m[inner, inner].astype(np.float64)
    rows, columns = np.mgrid[: plan.size.height : STRIDE, : plan.size.width : STRIDE]
    pixels = np.column_stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    K1, K2 = (intrinsics(focal_px * ratio, plan.size) for ratio in (1.0, plan.pose.focal_ratio))
    rays = np.linalg.inv(K1) @ pixels.T
    seen = K2 @ (plan.pose.rotation @ rays + np.array(plan.pose.translation_m)[:, None] * inverse.ravel())
    aperture_m = plan.focal_length_mm / plan.shallow.f_number / 1000
    coc = focal_px * aperture_m * np.abs(inverse.ravel() - 1 / (scene.focus_m * plan.shallow.focus_ratio))
    return pixels[:, :2], (seen[:2] / seen[2]).T, coc * 1024 / plan.size.height
