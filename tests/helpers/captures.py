"""Small camera files for tests: textured scenes with a known motion between the two photos."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ebb.formats.exif_writer import ShotInfo, exif_block
from ebb.formats.jpeg import encode_jpeg

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
START = datetime(2021, 5, 1, 12, 0, 0)
SIZE = (480, 320)
SHIFT = (6.0, -4.0)
"""How far the shallow photo's content lies to the right of and below the wide photo's."""


def scene(seed: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Blobs at several scales with many SIFT keypoints, different for every seed."""
    rng = np.random.default_rng(seed)
    width, height = size
    total = np.zeros((height, width, 3), np.float32)
    for sigma, weight in ((1.2, 0.6), (4.0, 1.0), (16.0, 1.5)):
        noise = cv2.GaussianBlur(rng.standard_normal((height, width, 3)).astype(np.float32), (0, 0), sigma)
        total += weight * noise / noise.std()
    return np.clip(128 + 40 * total, 0, 255).astype(np.uint8)


def shot(
    image: NDArray[np.uint8], f_number: float, seconds: float, orientation: int = 1, **info: object
) -> bytes:
    """JPEG file of a shot, ``seconds`` after the first one of the day."""
    values = {
        "captured_at": START + timedelta(seconds=seconds),
        "exposure_time_s": Fraction(1, 60),
        "f_number": f_number,
        "iso": 100,
        "focal_length_mm": 50.0,
        "orientation": orientation,
        **info,
    }
    info = ShotInfo(**values)  # type: ignore[arg-type]
    return encode_jpeg(image, exif=exif_block(info, image.shape[1], image.shape[0]))


def write_pair(folder: Path, number: int, seed: int, seconds: float) -> tuple[Path, Path]:
    """A wide and a shallow photo of one scene, 5 s apart, the second one moved by :data:`SHIFT`.

    The left half of the shallow photo is in focus.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wide = scene(seed)
    motion = np.array([[1, 0, SHIFT[0]], [0, 1, SHIFT[1]]], np.float64)
    moved = cv2.warpAffine(wide, motion, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    paths = folder / f"IMG_{number:04d}.JPG", folder / f"IMG_{number + 1:04d}.JPG"
    paths[0].write_bytes(shot(wide, 16, seconds))
    moved[:, SIZE[0] // 2 :] = cv2.GaussianBlur(moved, (0, 0), 4.0)[:, SIZE[0] // 2 :]
    paths[1].write_bytes(shot(moved.astype(np.uint8), 1.8, seconds + 5))
    return paths


def write_depth(wide: Path) -> Path:
    """A depth file beside a wide photo: near at the bottom."""
    path = wide.with_name(f"{wide.stem}_depth.png")
    ramp = np.linspace(10, 200, SIZE[1])[:, None].repeat(SIZE[0], axis=1).astype(np.uint8)
    path.write_bytes(cv2.imencode(".png", ramp)[1].tobytes())
    return path


def write_card(folder: Path, num_pairs: int, *, gap: float = 600.0) -> None:
    """A camera card with pairs of different scenes, each with a depth file."""
    for i in range(num_pairs):
        write_depth(write_pair(folder, 2 * i + 1, seed=i, seconds=i * gap)[0])
