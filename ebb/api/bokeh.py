"""Synthetic bokeh from a photo and its inverse depth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ebb.api.photos import pixels_of, to_8_bits
from ebb.bokeh.aperture import DISC
from ebb.bokeh.depth_upsampling import upsample_depth
from ebb.bokeh.focus import estimate_focus
from ebb.bokeh.highlights import raise_highlights
from ebb.bokeh.renderer import render_shallow
from ebb.bokeh.thin_lens import PixelGrid, coc_px_per_dioptre, relative_coc_px
from ebb.errors import UsageError
from ebb.srgb import encode, light_of_codes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ebb.api.photos import PhotoLike
    from ebb.arrays import InverseDepth, Rgb, Rgb8
    from ebb.bokeh.aperture import Aperture
    from ebb.bokeh.thin_lens import Lens

FULL_FRAME_MM = 36.0
"""Longer side of a 35 mm frame."""

Focus: TypeAlias = "float | tuple[float, float] | None"


def render_bokeh(
    photo: PhotoLike,
    inverse_depth: ArrayLike,
    *,
    focus: Focus = None,
    max_blur_px: float | None = None,
    lens: Lens | None = None,
    sensor_width_mm: float = FULL_FRAME_MM,
    aperture: Aperture = DISC,
    cats_eye: float = 0.0,
    highlights: float = 1.0,
    strength: float = 1.0,
    exact: bool = False,
    device: str | None = None,
    workers: int = 0,
) -> Rgb8:
    """Render a shallow depth of field from an all-in-focus photo and its inverse depth.

    The photo is divided into layers by depth. Each layer is blurred in linear light with a kernel of the
    aperture's shape, and the layers are composited from back to front (:mod:`ebb.bokeh.layers`). The blur
    diameter is linear in inverse depth: c = gain · (focus − depth) (Potmesil and Chakravarty, ACM TOG 1982).
    Exactly one of ``max_blur_px`` and ``lens`` sets the gain.

    Args:
        photo: A file, a :class:`Photo`, or pixels (H, W, 3): sRGB, uint8, uint16, or floats in [0, 1].
        inverse_depth: (h, w), any numeric type, larger is nearer. It may have any resolution but must cover
            the same field of view; a smaller map is upsampled with the photo as the guide.
        focus: Depth that is in focus: a value of ``inverse_depth``, or a point (x, y) in pixels of the photo.
            None: estimated from the depth map.
        max_blur_px: Largest blur diameter in the photo, in pixels; for relative inverse depth.
        lens: Focal length and f-number; for ``inverse_depth`` in dioptres (1/m).
        sensor_width_mm: Longer side of the sensor in millimetres; used with ``lens`` only.
        aperture: Shape of the aperture; a disc by default.
        cats_eye: Strength of mechanical vignetting towards the corners, in [0, 1].
        highlights: Scene radiance of clipped pixels relative to white, ≥ 1; above 1 they become bright discs.
        strength: Factor on all blur diameters, ≥ 0; 0 returns the photo unchanged.
        exact: Blur every layer at full size. By default, layers with a large blur are blurred at reduced
            size, which takes less time and differs by less than a grey level on average.
        device: PyTorch device such as ``cuda``, always exact; None: OpenCV on the CPU.
        workers: Number of threads; 0: one per core. The result does not depend on it.

    Returns:
        (H, W, 3), uint8, sRGB.

    Raises:
        UsageError: an argument has the wrong shape or is out of range, the point of focus is outside the
            photo, or not exactly one of ``max_blur_px`` and ``lens`` is given.
        MissingDependency: ``device`` is given and PyTorch is not installed.
        InvalidInput: the photo's file cannot be read.
        Broken: the photo's file is not a photo, or is damaged.

    Examples:
        >>> import ebb, numpy as np
        >>> photo = np.zeros((48, 64, 3), np.uint8)
        >>> photo[20:28, 50:54] = 255  # a light in the background
        >>> depth = np.tile(np.linspace(1, 0, 32), (24, 1))  # near at the left, far at the right
        >>> picture = ebb.render_bokeh(photo, depth, focus=(0, 24), max_blur_px=9)
        >>> picture.shape, int(picture[16, 52].max()) > 0  # the light is blurred
        ((48, 64, 3), True)
    """
    pixels = pixels_of(photo)
    depth = full_size_depth(pixels, inverse_depth)
    focus_depth = _focus_depth(depth, focus)
    if not (math.isfinite(strength) and strength >= 0):
        raise UsageError(f"strength must be at least 0, not {strength:g}")
    if not (math.isfinite(highlights) and highlights >= 1):
        raise UsageError(f"highlights must be at least 1, not {highlights:g}")
    gain = _gain(depth, focus_depth, max_blur_px, lens, sensor_width_mm)
    coc = relative_coc_px(depth, focus_depth, strength * gain)
    if not coc.any():
        return to_8_bits(pixels).copy()
    light = light_of_codes(int(np.iinfo(pixels.dtype).max))[pixels]
    raise_highlights(light, pixels, highlights)
    found = render_shallow(
        light, coc, aperture=aperture, cats_eye=cats_eye, exact=exact, device=device, workers=workers
    )
    return np.asarray(encode(found, 255), np.uint8)


def full_size_depth(pixels: Rgb, inverse_depth: ArrayLike) -> InverseDepth:
    """Resample inverse depth to the size of its photo, keeping its range of values.

    Raises:
        UsageError: the map is not a finite array (h, w).
    """
    import cv2

    depth = np.asarray(inverse_depth, np.float32)
    if depth.ndim != 2 or not depth.size:
        raise UsageError(f"inverse depth must have the shape (height, width), not {depth.shape}")
    if not np.isfinite(depth).all():
        raise UsageError("inverse depth must be finite", hint="infinity is 0 in inverse depth")
    height, width = pixels.shape[:2]
    if depth.shape == (height, width):
        return depth
    if depth.shape[0] >= height and depth.shape[1] >= width:
        return np.asarray(cv2.resize(depth, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    low, high = float(depth.min()), float(depth.max())
    unit = (depth - low) / np.float32((high - low) or 1)
    return low + (high - low) * upsample_depth(to_8_bits(pixels), unit)


def _focus_depth(depth: InverseDepth, focus: Focus) -> float:
    if isinstance(focus, tuple):
        x, y = focus
        height, width = depth.shape
        if not (0 <= x < width and 0 <= y < height):
            raise UsageError(f"the focus ({x:g}, {y:g}) is outside the photo of {width} x {height} pixels")
        return float(depth[int(y), int(x)])
    if focus is not None:
        return float(focus)
    low, high = float(depth.min()), float(depth.max())
    codes = np.rint((depth - low) * np.float32(255 / ((high - low) or 1))).astype(np.uint8)
    return low + estimate_focus(codes) * (high - low)


def _gain(
    depth: NDArray[np.float32],
    focus_depth: float,
    max_blur_px: float | None,
    lens: Lens | None,
    sensor_width_mm: float,
) -> float:
    """Blur diameter in pixels per unit of inverse depth."""
    if (max_blur_px is None) == (lens is None):
        raise UsageError("give exactly one of max_blur_px and lens")
    if lens is not None:
        if focus_depth < 0 or depth.min() < 0:
            raise UsageError("with a lens, inverse depth is in dioptres and must be at least 0 (infinity)")
        distance_m = 1 / focus_depth if focus_depth else math.inf
        return coc_px_per_dioptre(lens, PixelGrid(sensor_width_mm, max(depth.shape)), distance_m)
    largest = float(np.abs(relative_coc_px(depth, focus_depth, 1.0)).max())
    if max_blur_px is None or not (math.isfinite(max_blur_px) and max_blur_px >= 0):
        raise UsageError(f"max_blur_px must be a diameter of at least 0 pixels, not {max_blur_px}")
    return max_blur_px / largest if largest else 0.0
