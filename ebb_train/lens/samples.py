"""Training samples of the repair network: a photo, its layered renders with wrong depth, and the truth.

The photo is the scene through a pinhole with photon noise, in 8-bit sRGB, in half of the scenes from a JPEG
file. The truth is the scene through the aperture, without noise where it is blurred and with the photo's own
noise and compression where it is in focus: the network is to repair edges, not to remove noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ebb.bokeh.highlights import raise_highlights
from ebb.bokeh.renderer import render_shallow
from ebb.srgb import decode_srgb, encode_srgb
from ebb_train.lens.band import LIMIT_PX
from ebb_train.lens.depth_errors import HARD, STRENGTHS, DepthErrors, corrupt_depth
from ebb_train.lens.exact_render import all_in_focus, render_surfaces, visible_coc
from ebb_train.lens.surface_scenes import SurfaceScene, make_surface_scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8, RgbLinear

Number = TypeVar("Number", np.uint8, np.float32)

BORDER_PX = 16
"""Pixels cut off on each side, as the renderer mirrors the photo at its borders."""
COC_STEP_PX = 0.25
"""Rounding of stored blur diameters."""
FULL_SCALE_E = (3_000.0, 25_000.0)
"""Range of electrons at white, for photon noise: ISO 800 to ISO 100."""
HIGHLIGHT_GAINS = (1.0, 4.0)
"""Radiance of clipped pixels that the renderer assumes, drawn per scene."""
CLEAN = 0.2
"""Probability of exact depth in a training sample."""
MILDEST = 0.2
"""Mildest errors of a training sample relative to the largest."""
_JPEG, _JPEG_QUALITY = 0.5, (88, 99)


@dataclass(frozen=True, kw_only=True)
class LensSample:
    """One scene; all maps have the size of the frame without its border."""

    photo: Rgb8
    """(H, W, 3), sRGB, in focus everywhere."""
    truth: Rgb8
    """(H, W, 3), sRGB, exactly rendered."""
    exact_coc: NDArray[np.float32]
    """(H, W), exact signed blur diameter in pixels of the visible surface."""
    layered: tuple[Rgb8, ...]
    """(H, W, 3) each, sRGB, layered renders with the corrupted depths."""
    coc: tuple[NDArray[np.float32], ...]
    """(H, W) each, the blur diameters they were rendered with."""


def training_errors(rng: np.random.Generator) -> DepthErrors:
    """Errors of a training sample: none, or a random fraction of the largest."""
    if rng.random() < CLEAN:
        return STRENGTHS["none"]
    return HARD.scaled(rng.uniform(MILDEST, 1))


def make_sample(
    rng: np.random.Generator,
    side: int,
    errors: Sequence[DepthErrors | None],
    largest_radius_px: float | None = None,
) -> LensSample:
    """Generate a scene and render it.

    Args:
        rng: Random generator; its state determines the sample.
        side: Side of the square frame in pixels, including the border that is cut off.
        errors: Of the depth of each layered render; None: drawn by :func:`training_errors`.
        largest_radius_px: Largest blur radius of the scene; None: random.
    """
    scene = make_surface_scene(rng, side, largest_radius_px)
    shape = (side, side)
    clean = all_in_focus(scene.surfaces, shape)
    coc = visible_coc(scene.surfaces, shape)
    photo = _photograph(clean, rng)
    light = decode_srgb(photo)
    truth = render_surfaces(scene.surfaces, shape, scene.aperture)
    truth += (light - np.clip(clean, 0, 1)) * np.clip(2 - np.abs(coc), 0, 1)[..., None]
    raise_highlights(light, photo, float(rng.choice(HIGHLIGHT_GAINS)))
    renders, diameters = [], []
    for chosen in errors:
        wrong = _wrong_coc(scene, coc, training_errors(rng) if chosen is None else chosen, rng)
        rendered = render_shallow(light, wrong, aperture=scene.aperture, workers=1)
        renders.append(_inner(encode_srgb(rendered)))
        diameters.append(_inner(wrong))
    return LensSample(
        photo=_inner(photo),
        truth=_inner(encode_srgb(truth)),
        exact_coc=_inner(coc),
        layered=tuple(renders),
        coc=tuple(diameters),
    )


def _photograph(clean: RgbLinear, rng: np.random.Generator) -> Rgb8:
    """Add photon noise, and encode in 8 bits, in half of the cases by JPEG."""
    import cv2

    full = float(np.exp(rng.uniform(*np.log(FULL_SCALE_E))))
    noisy = rng.poisson(np.clip(clean, 0, 4) * full).astype(np.float32) / np.float32(full)
    photo = encode_srgb(noisy)
    if rng.random() >= _JPEG:
        return photo
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*_JPEG_QUALITY))]
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(photo[..., ::-1]), quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])


def _wrong_coc(
    scene: SurfaceScene, coc: NDArray[np.float32], errors: DepthErrors, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Blur diameters from corrupted depth, focused on the subject as that depth has it."""
    exact: InverseDepth = np.clip(scene.focus - coc / np.float32(scene.gain_px), 0, 1).astype(np.float32)
    if errors == DepthErrors():
        return coc
    wrong = corrupt_depth(exact, errors, rng)
    on_subject = np.abs(coc) < 0.5
    moved = float(np.median(wrong[on_subject] - exact[on_subject])) if on_subject.any() else 0.0
    limit = 3 * LIMIT_PX
    return np.asarray(np.clip(scene.gain_px * (scene.focus + moved - wrong), -limit, limit), np.float32)


def _inner(array: NDArray[Number]) -> NDArray[Number]:
    return np.ascontiguousarray(array[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX])


def pack(sample: LensSample) -> NDArray[np.uint8]:
    """Planes of a sample, (C, H, W): photo, truth, exact coc, then layered and coc of each render."""
    planes = [sample.photo, sample.truth, encode_coc(sample.exact_coc)]
    for layered, coc in zip(sample.layered, sample.coc, strict=True):
        planes += [layered, encode_coc(coc)]
    return np.ascontiguousarray(np.dstack(planes).transpose(2, 0, 1))


def encode_coc(coc_px: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Blur diameters as bytes in steps of :data:`COC_STEP_PX`; 128 is 0."""
    return np.asarray(np.clip(np.rint(coc_px / np.float32(COC_STEP_PX)) + 128, 0, 255), np.uint8)


def decode_coc(stored: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Blur diameters in pixels from bytes."""
    return (stored.astype(np.float32) - 128) * np.float32(COC_STEP_PX)
