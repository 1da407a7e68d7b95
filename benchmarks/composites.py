"""Capture pairs of any size with the texture of real photos and exactly known motion.

A scene is a plane of 3 x 3 pictures: the sample captures, their mirror images and their negatives, which SIFT
distinguishes, so that nothing repeats. The wide photo shows the plane through the lens at f/16. The shallow
photo is taken at f/1.8 by a camera that was rotated and focused slightly nearer; four of the nine pictures
are out of focus. Diffraction, low-pass filter, mosaic, noise and file are those of ebb simulate.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ebb.arrays import Size
from ebb.bokeh.thin_lens import Lens, PixelGrid
from ebb.formats.exif_writer import ShotInfo
from ebb.photo.decode import decode
from ebb.simulation.dng import write_dng
from ebb.simulation.hand_motion import CameraPose, pose_homography
from ebb.simulation.point_spread import focus_kernel, spread_light
from ebb.simulation.sensor import Exposure, Sensor, corner_loss, expose
from ebb.srgb import decode_srgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Light = NDArray[np.float32]

CAPTURES = Path(__file__).parents[1] / "data" / "sample" / "captures"
PICTURES = (("IMG_0301.DNG", 1), ("IMG_0304.DNG", 1), ("IMG_0305.JPG", 1), ("IMG_0307.JPG", 1))
CELL = Size(1728, 1152)
BLUR_PX = 14.0
"""Standard deviation of the blur out of focus, in pixels of an 18-megapixel frame."""
FOCAL_MM = 50.0
START = datetime(2024, 6, 1, 9, 0, 0)  # noqa: DTZ001 (a camera's clock has no zone)


def make(folder: Path, size: Size, pairs: int, seed: int = 3) -> None:
    """Write capture pairs and ``truth.json`` (wide file → H_shallow_to_wide), unless they exist."""
    if (folder / "truth.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for index in range(pairs):
        wide, shallow, H = photograph(
            size, np.random.default_rng([seed, index]), START + index * timedelta(hours=1)
        )
        names = f"IMG_{2 * index + 1:04d}.DNG", f"IMG_{2 * index + 2:04d}.DNG"
        (folder / names[0]).write_bytes(wide)
        (folder / names[1]).write_bytes(shallow)
        truth[names[0]] = H.ravel().tolist()
    (folder / "truth.json").write_text(json.dumps(truth) + "\n", encoding="utf-8")


def photograph(
    size: Size, rng: np.random.Generator, when: datetime
) -> tuple[bytes, bytes, NDArray[np.float64]]:
    """Both camera files of one pair, and the motion between them."""
    sharp, blurred = scene(size, rng)
    pitch, yaw, roll = (float(angle) for angle in rng.uniform(-0.3, 0.3, 3))
    pose = CameraPose(rotation_deg=(pitch, yaw, roll), focal_ratio=float(rng.uniform(0.99, 1.01)))
    focal_px = FOCAL_MM / Sensor().width_mm * size.width
    H_wide_to_shallow = pose_homography(pose, focal_px, size, 3.0)
    seen = cv2.warpPerspective(
        blurred, H_wide_to_shallow, size, flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    wide = file(sharp, 16.0, Fraction(1, 10), 800, when, rng)
    shallow = file(np.asarray(seen), 1.8, Fraction(1, 100), 100, when + timedelta(seconds=4), rng)
    return wide, shallow, np.linalg.inv(H_wide_to_shallow)


def scene(size: Size, rng: np.random.Generator) -> tuple[Light, Light]:
    """Linear light of the plane, in focus everywhere and with four of its pictures out of focus."""
    cells = []
    for name, orientation in PICTURES:
        photo = decode((CAPTURES / name).read_bytes(), Path(name).suffix, orientation)
        light = decode_srgb(photo[: CELL.height, : CELL.width])
        cells += [light, light[:, ::-1], 0.9 - 0.8 * light, 0.9 - 0.8 * light[:, ::-1]]
    chosen = rng.permutation(len(cells))[:9]
    sharp = np.vstack([np.hstack([cells[index] for index in chosen[row : row + 3]]) for row in (0, 3, 6)])
    sharp = np.ascontiguousarray(np.clip(0.9 * sharp + 0.02, 0, 1)[: size.height, : size.width])
    soft = cv2.GaussianBlur(sharp, (0, 0), BLUR_PX * size.height / 3456)
    rows, columns = np.indices(sharp.shape[:2])
    cell = 3 * (3 * rows // size.height) + 3 * columns // size.width
    return sharp, np.where((cell % 2 == 1)[..., None], soft, sharp).astype(np.float32)


def file(
    light: Light, f_number: float, time_s: Fraction, iso: int, when: datetime, rng: np.random.Generator
) -> bytes:
    """Camera file of an optical image."""
    sensor = Sensor()
    lens, pixels = Lens(FOCAL_MM, f_number), PixelGrid(sensor.width_mm, light.shape[1])
    exposure = Exposure(iso=iso, corner_loss=corner_loss(f_number))
    mosaic = expose(spread_light(light, focus_kernel(sensor, lens, pixels)), sensor, exposure, rng)
    info = ShotInfo(
        captured_at=when,
        exposure_time_s=time_s,
        f_number=f_number,
        iso=iso,
        focal_length_mm=FOCAL_MM,
        orientation=1,
    )
    return write_dng(mosaic, info, sensor, exposure)
