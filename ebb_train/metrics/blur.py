"""Blur of a photo at each pixel, relative to a sharp photo of the same scene.

The sharp photo is blurred with discs of known diameters. Where one of them leaves as much detail as the other
photo has, that is its blur. Detail is the energy of gradients in four octaves, averaged over a neighbourhood:
photos that are a pixel or two out of step still compare, where a difference of pixels would take the step for
blur. Where the sharp photo has no detail nothing can be measured; such places take the value of trusted
neighbours of their colour.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.bokeh.aperture import blur_kernel
from ebb.srgb import to_light

if TYPE_CHECKING:
    from ebb_train.metrics.inputs import UnitImage

Map2d: TypeAlias = NDArray[np.float32]
"""(h, w)."""

COCS_PX = (0.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.3, 16.0, 22.6, 32.0, 45.0)
"""Diameters of the discs; measured values lie between them."""

OCTAVES = (1, 2, 4, 8)
"""Pixels over which a picture is averaged before its gradients are taken."""

GRID = 4
"""Pixels each way for one measurement."""

_NEIGHBOURHOOD = 1.0
"""Deviation of the Gaussian over which energies are averaged, in measurements or pixels of the octave."""

_EXPOSURE_SHARE = 1 / 16
"""Exposure is compared over this share of the height."""

_FINEST_SIGMA = 3.0
"""Deviation, in pixels, of a blur that is not worth doing at a finer scale."""

_LARGEST_GAIN = 4.0
_NOISE_PERCENTILE = 10
"""Quantile of the gradient energy that is taken for noise."""

_NOISE_TIMES = 8.0
"""Energy below so many times that of noise says little; of 1 … 16 this finds focus about best (measured)."""

_LEAST_NOISE = 1e-6
"""Variance of half a grey level of 8 bits, about."""

_MISFIT = 0.3
"""Squared difference of log energies at which trust has fallen to 1 / e."""

_SMALL_COC_PX = 2.0
_SMOOTHNESS, _COLOUR_STEP = 20.0, 8.0
_LUMINANCE = (0.2126, 0.7152, 0.0722)


class BlurMap(NamedTuple):
    """Measured blur, on a grid of cells of :data:`GRID` pixels."""

    coc_px: Map2d
    """Diameter of the blur disc in pixels of the photo, 0 … 45."""
    trust: Map2d
    """From 0, no evidence, to 1, certain."""


class SharpPhoto:
    """A photo that is sharp everywhere, to measure the blur of others of the same size against.

    Args:
        photo: (H, W, 3), sRGB-encoded, [0, 1].
    """

    def __init__(self, photo: UnitImage) -> None:
        self._photo = photo
        self._light = _luminance(photo)

    @cached_property
    def _energies(self) -> NDArray[np.float32]:
        """Detail that each disc leaves, (discs, octaves, h, w)."""
        return np.stack([_energies(_blurred(self._light, coc)) for coc in COCS_PX])

    @cached_property
    def _noise(self) -> float:
        return _noise(self._light)

    def measure(self, other: UnitImage) -> BlurMap:
        """Compare the detail of another photo of the scene with what each disc leaves.

        Args:
            other: The same shape; its exposure may differ, also from place to place.
        """
        light = _luminance(other)
        even = light / self._exposure_of(light)
        found = _energies(even)
        noise = max(_noise(even), self._noise, _LEAST_NOISE)
        floor = (_NOISE_TIMES * noise / np.square(OCTAVES, dtype=np.float32))[:, None, None]
        discs = np.log(self._energies + floor)
        misfit = ((discs - np.log(found + floor)) ** 2).sum(axis=1)
        seen = (discs[0] - discs[-1]).sum(axis=0)
        trust = np.clip((seen - 1) / 3, 0, 1) * np.exp(-misfit.min(axis=0) / _MISFIT)
        return BlurMap(_lowest(misfit), trust.astype(np.float32))

    def spread(self, blur: BlurMap) -> Map2d:
        """Blur at every pixel, (H, W): measurements weighed by their trust, spread within even colours."""
        import cv2

        height, width = blur.coc_px.shape
        small = cv2.resize(self._photo.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        guide = np.asarray(np.rint(small * 255), np.uint8)
        smoother = cv2.ximgproc.createFastGlobalSmootherFilter(guide, _SMOOTHNESS, _COLOUR_STEP)
        trust = blur.trust + np.float32(1e-3)
        octaves = smoother.filter(np.log2(1 + blur.coc_px) * trust) / smoother.filter(trust)
        size = self._photo.shape[1::-1]
        spread = cv2.resize(np.exp2(octaves) - 1, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(spread, np.float32)

    def _exposure_of(self, light: Map2d) -> Map2d:
        """Ratio of another photo's light to this one's, smoothed."""
        sigma = self._light.shape[0] * _EXPOSURE_SHARE
        broad = [smoothed(plane, sigma) + np.float32(1e-3) for plane in (light, self._light)]
        return np.asarray((broad[0] / broad[1]).clip(1 / _LARGEST_GAIN, _LARGEST_GAIN), np.float32)


def smoothed(values: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of (H, W) or (H, W, C); a wide one of a reduced picture, as it has nothing finer."""
    import cv2

    height, width = values.shape[:2]
    reduction = max(1, int(sigma / _FINEST_SIGMA))
    size = (max(1, width // reduction), max(1, height // reduction))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA) if reduction > 1 else values
    small = cv2.GaussianBlur(small, (0, 0), sigma / reduction)
    blurred = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR) if reduction > 1 else small
    return np.asarray(blurred, np.float32)


def _luminance(picture: UnitImage) -> Map2d:
    """Linear light, (H, W)."""
    return np.asarray(to_light(picture.astype(np.float32)) @ np.array(_LUMINANCE, np.float32), np.float32)


def _blurred(light: Map2d, coc_px: float) -> Map2d:
    """Light blurred by a disc; small discs by three pixels of the same variance, coc² / 16."""
    import cv2

    if coc_px <= _SMALL_COC_PX:
        variance = coc_px**2 / 16
        kernel = np.array([variance / 2, 1 - variance, variance / 2], np.float32)
        blurred = cv2.sepFilter2D(light, -1, kernel, kernel)
    else:
        blurred = cv2.filter2D(light, -1, blur_kernel(coc_px))
    return np.asarray(blurred, np.float32)


def _energies(light: Map2d) -> NDArray[np.float32]:
    """Squared gradients of the square root of light, averaged: (octaves, h, w)."""
    import cv2

    shown = np.sqrt(light.clip(0, 1))
    height, width = (max(1, side // GRID) for side in light.shape)
    energies = []
    for octave in OCTAVES:
        size = (max(1, light.shape[1] // octave), max(1, light.shape[0] // octave))
        coarse = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
        step = np.array([[-0.5, 0, 0.5]], np.float32)
        energy = cv2.filter2D(coarse, -1, step) ** 2 + cv2.filter2D(coarse, -1, step.T) ** 2
        way = cv2.INTER_AREA if octave <= GRID else cv2.INTER_LINEAR
        cells = cv2.resize(energy, (width, height), interpolation=way)
        energies.append(cv2.GaussianBlur(cells, (0, 0), _NEIGHBOURHOOD * max(1, octave / GRID)))
    return np.stack(energies)


def _noise(light: Map2d) -> float:
    """Variance of the noise in the square root of light, by what is left of it without its slopes.

    Immerkær, "Fast noise variance estimation" (CVIU 1996), where a picture is emptiest. White noise of
    variance v has gradients of energy v / n² when n x n pixels are averaged.
    """
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rest = cv2.filter2D(np.sqrt(light.clip(0, 1)), -1, mask) ** 2 / np.float32(36)
    size = (max(1, light.shape[1] // GRID), max(1, light.shape[0] // GRID))
    cells = cv2.GaussianBlur(cv2.resize(rest, size, interpolation=cv2.INTER_AREA), (0, 0), 1)
    return float(np.percentile(cells, _NOISE_PERCENTILE))


def _lowest(misfit: NDArray[np.float32]) -> Map2d:
    """Diameter of least misfit, between the discs by a parabola through the best and its neighbours."""
    best = misfit.argmin(axis=0).clip(1, len(COCS_PX) - 2)
    before, here, after = (np.take_along_axis(misfit, best[None] + k, axis=0)[0] for k in (-1, 0, 1))
    curvature = np.maximum(before - 2 * here + after, 1e-9)
    position = best + (0.5 * (before - after) / curvature).clip(-1, 1)
    return np.asarray(np.interp(position, np.arange(len(COCS_PX)), COCS_PX), np.float32)
