"""In-camera processing of sensor values to an RGB image, for JPEG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.errors import UsageError
from ebb.simulation.sensor import RGGB

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import RgbLinear
    from ebb.simulation.sensor import BayerArray, Sensor

_GREEN = 1
_FROM_CROSS = np.array(
    [[0, 0, -2, 0, 0], [0, 0, 4, 0, 0], [-2, 4, 8, 4, -2], [0, 0, 4, 0, 0], [0, 0, -2, 0, 0]], np.float32
) / np.float32(16)
_FROM_ROW = np.array(
    [[0, 0, 1, 0, 0], [0, -2, 0, -2, 0], [-2, 8, 10, 8, -2], [0, -2, 0, -2, 0], [0, 0, 1, 0, 0]], np.float32
) / np.float32(16)
_FROM_DIAGONALS = np.array(
    [[0, 0, -3, 0, 0], [0, 4, 0, 4, 0], [-3, 0, 12, 0, -3], [0, 4, 0, 4, 0], [0, 0, -3, 0, 0]], np.float32
) / np.float32(16)

_STEPS = {1: (1, 1), 2: (1, -1), 3: (-1, -1), 4: (-1, 1), 5: (1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}
"""EXIF Orientation → steps through rows and columns of the upright photo; from 5 on, after transposition."""


def develop(mosaic: BayerArray, sensor: Sensor, white_balance: tuple[float, float, float]) -> RgbLinear:
    """Invert :func:`ebb.simulation.sensor.expose`: black level, white balance, demosaicing, linear sRGB.

    Args:
        mosaic: (height, width), RGGB.
        sensor: Levels and colour matrix of the sensor.
        white_balance: Multipliers of red, green and blue.

    Returns:
        (height, width, 3), clipped to [0, 1].
    """
    scale = 1 / np.float32(sensor.white_level - sensor.black_level)
    signal = np.maximum(mosaic.astype(np.float32) - sensor.black_level, 0) * scale
    for row, column, plane in RGGB:
        signal[row::2, column::2] *= np.float32(white_balance[plane])
    camera = demosaic(np.minimum(signal, 1))
    return np.clip(camera @ np.linalg.inv(sensor.srgb_to_camera).T.astype(np.float32), 0, 1)


def demosaic(signal: NDArray[np.float32]) -> RgbLinear:
    """Interpolate the two missing colours of each pixel.

    Bilinear interpolation with a correction from the Laplacian of the measured colour: Malvar, He and Cutler,
    "High-quality linear interpolation for demosaicing of Bayer-patterned color images", ICASSP 2004, fig. 2.

    Args:
        signal: (height, width), RGGB, white-balanced.

    Returns:
        (height, width, 3).
    """
    import cv2

    def filtered(kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.filter2D(signal, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.float32)

    across, opposite = filtered(_FROM_ROW), filtered(_FROM_DIAGONALS)
    along, green = filtered(_FROM_ROW.T), filtered(_FROM_CROSS)
    rgb = np.empty((*signal.shape, 3), np.float32)
    for row, column, plane in RGGB:
        cell = np.s_[row::2, column::2]
        if plane == _GREEN:
            # Red is left and right of green pixels in even rows, above and below in odd rows.
            red, blue = (across, along) if row == 0 else (along, across)
            rgb[cell] = np.dstack([red[cell], signal[cell], blue[cell]])
        else:
            rgb[*cell, plane], rgb[*cell, _GREEN], rgb[*cell, 2 - plane] = (
                signal[cell],
                green[cell],
                opposite[cell],
            )
    return rgb


def as_stored(upright: NDArray[np.float32], orientation: int) -> NDArray[np.float32]:
    """Apply the inverse of an EXIF orientation to an upright photo.

    Args:
        upright: (height, width) or (height, width, channels).
        orientation: EXIF Orientation, 1 … 8.

    Returns:
        The pixels as stored in the file, contiguous; 5 … 8 swap width and height.

    Raises:
        UsageError: the orientation is not 1 … 8.
    """
    if orientation not in _STEPS:
        raise UsageError(f"EXIF orientation must be 1 to 8, not {orientation}")
    row_step, column_step = _STEPS[orientation]
    turned = np.swapaxes(upright, 0, 1) if orientation >= 5 else upright
    return np.ascontiguousarray(turned[::row_step, ::column_step])
