"""Resampling of photos in linear light, with one filter and one rounding.

Before a photo is reduced, it is low-pass filtered with the Lanczos-3 kernel scaled to the output pixel (the
filter of common high-quality resizers; C. Duchon, "Lanczos filtering in one and two dimensions", J. Appl.
Meteorology 18, 1979). The filter is evaluated with exact polyphase weights on a grid that is twice as dense
as the output and parallel to the photo's axes. On this grid the photo is band-limited to half the Nyquist
frequency, so that interpolation at the positions given by a homography preserves sharpness, and both photos
of a pair pass through the same filter, independently of their motion.

Averaging in linear light corresponds to a sensor with pixels of the output's size. Averaging encoded values
would darken highlights smaller than a pixel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ebb.geometry.pixel_grid import jacobian
from ebb.srgb import encode, light_of_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Homography, Rgb, Rgb8, RgbLinear, Size

Gain = tuple[float, float, float]
"""Divisors of the light of red, green and blue."""

NEUTRAL: Gain = (1.0, 1.0, 1.0)

LOBES = 3
"""Lobes of the Lanczos window, i.e. its radius in output pixels."""

_OVERSAMPLING = 2
_MARGIN = 4  # dense samples read by Lanczos-4 interpolation beyond the outermost position
_BLOCK = 16  # dense samples per matrix product: a compromise between BLAS efficiency and sparsity
_UINT16_PER_LEVEL = 257.0


class ColourPlane(NamedTuple):
    """Samples of one colour on a regular grid over a photo."""

    samples: NDArray[Any]
    """(rows, columns)."""
    x: float = 0.0
    """Position of the first sample in photo pixels."""
    y: float = 0.0
    pitch: int = 1
    """Distance between samples in photo pixels."""
    light: NDArray[np.float32] | None = None
    """Table from codes to values; None if the samples are values."""


class SampleGrid(NamedTuple):
    """Equidistant positions along one axis of a photo: start + i·step, in photo pixels."""

    start: float
    step: float
    num_samples: int
    pixel: float
    """Size of an output pixel, which determines the width of the filter."""

    def over(self, origin: float, pitch: int) -> SampleGrid:
        """The same positions on an axis with the given origin and unit."""
        start = (self.start - origin) / pitch
        return SampleGrid(start, self.step / pitch, self.num_samples, self.pixel / pitch)


class FilterBand(NamedTuple):
    """Weights from a range of photo samples to a range of grid samples."""

    grid: slice
    photo: slice
    weights: NDArray[np.float32]
    """(grid samples, photo samples); the rows sum to 1."""


def resample(photo: Rgb, H_out_to_photo: Homography, size: Size, gain: Gain = NEUTRAL) -> Rgb8:
    """Resample a photo to 8 bits: output pixel p shows the position ``H_out_to_photo`` · p of ``photo``.

    If the output is coarser than the photo, frequencies above the output's Nyquist frequency are removed;
    otherwise the photo is interpolated. The border is replicated outside the photo, so the output should map
    to its inside.

    Args:
        photo: (height, width, 3), uint8 or uint16, sRGB.
        H_out_to_photo: Approximately a scale and translation, possibly with rotations by 90° and mirroring:
            the filter is separable along the photo's axes, and its width is that at the centre of the frame.
        size: Size of the output.
        gain: Divisors of the light of red, green and blue.

    Returns:
        (size.height, size.width, 3), uint8, clipped and rounded.
    """
    light = light_of_codes(int(np.iinfo(photo.dtype).max))
    planes = [[ColourPlane(photo[..., channel], light=light)] for channel in range(3)]
    return as_photo(gather(planes, H_out_to_photo, size), gain)


def as_photo(light: RgbLinear, gain: Gain = NEUTRAL) -> Rgb8:
    """Divide linear light by the gain of each channel and encode it as 8-bit sRGB, clipped at white."""
    balanced = light if gain == NEUTRAL else light / np.array(gain, np.float32)
    return cast("Rgb8", encode(np.asarray(balanced, np.float32), 255))


def gather(channels: Sequence[Sequence[ColourPlane]], H_out_to_photo: Homography, size: Size) -> RgbLinear:
    """Resample planes with individual sample grids as described in :func:`resample`.

    Args:
        channels: Planes of each of the three channels, which are averaged.
        H_out_to_photo: As in :func:`resample`.
        size: Size of the output.

    Returns:
        (size.height, size.width, 3), float32, not clipped.
    """
    import cv2

    columns, rows = _dense_grids(H_out_to_photo, size)
    dense = on_grid(channels, columns, rows)
    H_dense_to_photo = np.array(
        [[columns.step, 0, columns.start], [0, rows.step, rows.start], [0, 0, 1]], np.float64
    )
    out = cv2.warpPerspective(
        dense,
        np.linalg.solve(H_dense_to_photo, H_out_to_photo),
        size,
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(out, np.float32)


def on_grid(channels: Sequence[Sequence[ColourPlane]], columns: SampleGrid, rows: SampleGrid) -> RgbLinear:
    """Filter planes to a grid that is parallel to their axes.

    Returns:
        (rows, columns, 3), float32, not clipped.
    """
    import cv2

    return np.asarray(cv2.merge([_mean(planes, columns, rows) for planes in channels]), np.float32)


def _mean(planes: Sequence[ColourPlane], columns: SampleGrid, rows: SampleGrid) -> NDArray[np.float32]:
    """Mean of the filtered planes of one channel, (rows, columns)."""
    total, *others = (_filter(plane, columns, rows) for plane in planes)
    if others:
        for other in others:
            total += other
        total /= np.float32(len(planes))
    return total


def _dense_grids(H_out_to_photo: Homography, size: Size) -> tuple[SampleGrid, SampleGrid]:
    """Columns and rows that cover the output at twice its density, aligned with its central pixel."""
    middle = np.array([size.width // 2, size.height // 2, 1.0])
    projected = H_out_to_photo @ middle
    anchor = projected[:2] / projected[2]
    pixels = np.linalg.norm(jacobian(H_out_to_photo, middle[0], middle[1]), axis=1)
    steps = pixels / _OVERSAMPLING
    right, bottom = size.width - 1, size.height - 1
    corners = H_out_to_photo @ np.array(
        [[0, right, 0, right], [0, 0, bottom, bottom], [1, 1, 1, 1]], np.float64
    )
    corners = corners[:2] / corners[2]
    before = np.ceil((anchor - corners.min(axis=1)) / steps).astype(int) + _MARGIN
    after = np.ceil((corners.max(axis=1) - anchor) / steps).astype(int) + _MARGIN
    columns, rows = (
        SampleGrid(
            float(anchor[axis] - before[axis] * steps[axis]),
            float(steps[axis]),
            int(before[axis] + after[axis] + 1),
            float(pixels[axis]),
        )
        for axis in (0, 1)
    )
    return columns, rows


def _filter(plane: ColourPlane, columns: SampleGrid, rows: SampleGrid) -> NDArray[np.float32]:
    """Filtered plane on the grid, (rows, columns)."""
    height, width = plane.samples.shape
    horizontal = _bands(columns.over(plane.x, plane.pitch), width)
    left = min(band.photo.start for band in horizontal)
    right = max(band.photo.stop for band in horizontal)

    tall = np.empty((rows.num_samples, right - left), np.float32)
    for band in _bands(rows.over(plane.y, plane.pitch), height):
        lines = plane.samples[band.photo, left:right]
        values = lines.astype(np.float32) if plane.light is None else plane.light[lines]
        np.matmul(band.weights, values, out=tall[band.grid])

    dense = np.empty((rows.num_samples, columns.num_samples), np.float32)
    for band in horizontal:
        dense[:, band.grid] = tall[:, band.photo.start - left : band.photo.stop - left] @ band.weights.T
    return dense


@lru_cache(maxsize=8)
def _bands(grid: SampleGrid, length: int) -> tuple[FilterBand, ...]:
    """Weights of the scaled Lanczos kernel for an axis of ``length`` photo samples, in blocks.

    Taps outside the photo are omitted and the others normalised, which avoids dark borders.
    """
    reach = LOBES * max(grid.pixel, 1.0)
    whole_blocks = np.arange(-(-grid.num_samples // _BLOCK) * _BLOCK)
    positions = grid.start + grid.step * np.minimum(whole_blocks, grid.num_samples - 1)
    centres = np.clip(positions, -0.5, length - 0.5).reshape(-1, _BLOCK)
    begins = np.maximum(np.ceil(centres[:, 0] - reach).astype(int), 0)
    ends = np.minimum(np.floor(centres[:, -1] + reach).astype(int) + 1, length)
    taps = begins[:, None] + np.arange((ends - begins).max())
    weights = _lanczos((taps[:, None, :] - centres[:, :, None]) / reach) * (taps < ends[:, None])[:, None, :]
    weights = (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)
    bands = []
    for block, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        grid_samples = slice(block * _BLOCK, min((block + 1) * _BLOCK, grid.num_samples))
        rows = weights[block, : grid_samples.stop - grid_samples.start, : end - begin]
        bands.append(FilterBand(grid_samples, slice(begin, end), rows))
    return tuple(bands)


def _lanczos(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """sinc(3x)·sinc(x), 0 beyond |x| = 1; sin 3t = 3 sin t - 4 sin³ t saves one sine."""
    t = np.maximum(np.abs(offsets), 1e-9) * np.pi
    sine = np.sin(t)
    return np.asarray((sine / t) ** 2 * (1 - 4 / 3 * sine**2) * (np.abs(offsets) < 1))


def to_gray8(photo: Rgb) -> Gray8:
    """Luma of the encoded values, ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, uint8."""
    import cv2

    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    if gray.dtype == np.uint16:
        gray = cv2.convertScaleAbs(gray, alpha=1 / _UINT16_PER_LEVEL)
    return np.asarray(gray, np.uint8)


def reduced(photo: Rgb, size: Size) -> Rgb:
    """Reduce a photo by area averages of encoded values, for measurements."""
    import cv2

    return cast("Rgb", cv2.resize(photo, size, interpolation=cv2.INTER_AREA))


def enlarged(photo: Rgb, size: Size) -> Rgb:
    """Enlarge a photo by Lanczos interpolation of encoded values, for measurements."""
    import cv2

    return cast("Rgb", cv2.resize(photo, size, interpolation=cv2.INTER_LANCZOS4))
