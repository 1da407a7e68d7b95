"""Simulated scenes at several apertures, with the exact motion between the wide photo and every other one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

from ebb.arrays import Size
from ebb.simulation.hand_motion import CameraPose
from ebb.simulation.plan import PairPlan, plan_pair
from ebb.simulation.simulate import SimulatedPair, planned_scenes, simulate_pair
from ebb.simulation.truth import PairTruth

FRAME = Size(480, 320)
F_NUMBERS = (8.0, 2.8, 1.8)
POSES = {
    8.0: CameraPose(rotation_deg=(0.15, -0.2, 0.3)),
    4.0: CameraPose(rotation_deg=(0.1, 0.1, 0.0)),
    2.8: CameraPose(rotation_deg=(-0.25, 0.1, -0.2), focal_ratio=1.006),
    1.8: CameraPose(rotation_deg=(0.1, 0.35, 0.1), focal_ratio=0.994),
}
"""F-number → pose of that shot; the camera turns and breathes, so that one homography is exact."""


@lru_cache(maxsize=32)
def _simulated(scene: int, f_number: float) -> SimulatedPair:
    plan = _plan(scene, f_number)
    return simulate_pair(planned_scenes(plan), plan)


def _plan(scene: int, f_number: float) -> PairPlan:
    plan = plan_pair(5, scene, bad_share=0, size=FRAME, file_format="jpeg")
    order = 1 + sorted(POSES, reverse=True).index(f_number)
    shallow = replace(
        plan.shallow,
        name=_name(scene, order),
        captured_at=plan.wide.captured_at + timedelta(seconds=4 * order),
        f_number=f_number,
        exposure_time_s=plan.shallow.exposure_time_s * Fraction(f_number / 1.8) ** 2,
    )
    wide = replace(plan.wide, name=_name(scene, 0))
    return replace(plan, pose=POSES[f_number], wide=wide, shallow=shallow, orientation=1, size=FRAME)


def _name(scene: int, order: int) -> str:
    return f"IMG_{100 * (scene + 1) + order:04d}.JPG"


def write_series(folder: Path, scene: int, f_numbers: tuple[float, ...] = F_NUMBERS) -> list[PairTruth]:
    """Write the wide photo, f/16, with its depth file, and one photo for each f-number.

    Returns:
        The truth of each pair, in the order of ``f_numbers``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truths = []
    for f_number in f_numbers:
        pair = _simulated(scene, f_number)
        files = (
            (pair.truth.wide, pair.wide_file),
            (pair.truth.shallow, pair.shallow_file),
            (pair.truth.depth, pair.depth_file),
        )
        for name, data in files:
            assert data is not None
            (folder / name).write_bytes(data)
        truths.append(pair.truth)
    return truths
