"""DNG files of a Bayer sensor."""

from __future__ import annotations

import io
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ebb.formats.exif_writer import ShotInfo
from ebb.simulation.dng import write_dng
from ebb.simulation.sensor import SRGB_TO_XYZ, Exposure, Sensor

BLACK, WHITE = 512, 16000
PATTERNS = {"RGGB": (0, 1, 1, 2), "BGGR": (2, 1, 1, 0), "GRBG": (1, 0, 2, 1), "GBRG": (1, 2, 0, 1)}


def bayer_dng(
    mosaic: NDArray[Any],
    *,
    pattern: str = "RGGB",
    black: tuple[int, ...] = (BLACK,),
    neutral: tuple[int, int] = (1, 1),
    active: tuple[int, int, int, int] | None = None,
    time: str = "",
) -> bytes:
    """An uncompressed DNG of a camera with sRGB's colours, by another library's TIFF writer.

    Args:
        mosaic: (height, width), sensor numbers.
        pattern: Colours of the 2 x 2 cell.
        black: One level, or those of a square pattern.
        neutral: Red and blue are multiplied by these to make white neutral.
        active: Top, left, bottom and right of the part that is a picture.
        time: When it was shot, if anything is to be said about it.
    """
    matrix = np.rint(10_000 * np.linalg.inv(SRGB_TO_XYZ)).astype(int)
    colour = [value for number in matrix.ravel().tolist() for value in (number, 10_000)]
    side = round(len(black) ** 0.5)
    tags = [
        (271, 2, 0, "Test", True),
        (272, 2, 0, "Test", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, PATTERNS[pattern], True),
        (50706, 1, 4, (1, 4, 0, 0), True),
        (50708, 2, 0, "Test", True),
        *([(50713, 3, 2, (side, side), True)] if side > 1 else []),
        (50714, 3, len(black), black if side > 1 else black[0], True),
        (50717, 3, 1, WHITE, True),
        (50721, 10, 9, colour, True),
        (50728, 5, 3, (1, neutral[0], 1, 1, 1, neutral[1]), True),
        *([(50829, 4, 4, active, True)] if active else []),
        *([(306, 2, 0, time, True)] if time else []),
    ]
    stream = io.BytesIO()
    tifffile.imwrite(stream, mosaic.astype(np.uint16), photometric="cfa", extratags=tags)
    return stream.getvalue()


def mosaic_of(
    light: NDArray[np.float64],
    *,
    pattern: str = "RGGB",
    black: tuple[int, ...] = (BLACK,) * 4,
    neutral: tuple[int, int] = (1, 1),
) -> NDArray[np.float64]:
    """Sensor numbers of linear light (height, width, 3), without noise, not rounded, clipped at white."""
    out = np.empty(light.shape[:2])
    balance = (neutral[0], 1, neutral[1])
    for index, colour in enumerate(PATTERNS[pattern]):
        cell = np.s_[index // 2 :: 2, index % 2 :: 2]
        out[cell] = black[index] + light[(*cell, colour)] / balance[colour] * (WHITE - black[0])
    return np.minimum(out, WHITE)


def simulated_dng(numbers: NDArray[np.uint16]) -> bytes:
    """A DNG of the simulated camera, as ``Exposure()`` exposes it."""
    info = ShotInfo(
        captured_at=datetime(2024, 6, 1),
        exposure_time_s=Fraction(1, 60),
        f_number=1.8,
        iso=100,
        focal_length_mm=50.0,
        orientation=1,
    )
    return write_dng(numbers, info, Sensor(), Exposure())
