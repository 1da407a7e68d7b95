"""Samples of the lens model: photos with exact depth for training, and whole held-out scenes with the truth.

The photo is the scene through a pinhole with photon noise, in 8-bit sRGB, in half of the scenes from a JPEG
file. The truth of a held-out scene is the scene through the aperture, without noise where it is blurred and
with the photo's own noise and compression where it is in focus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ebb.bokeh.highlights import raise_highlights
from ebb.bokeh.renderer import render_shallow
from ebb.srgb import decode_srgb, encode_srgb, srgb_curve
from ebb_train.lens.band import LIMIT_PX
from ebb_train.lens.depth_errors import HARD, STRENGTHS, DepthErrors, corrupt_depth
from ebb_train.lens.exact_render import all_in_focus, render_surfaces, visible_coc
from ebb_train.lens.surface_scenes import SurfaceScene, make_surface_scene

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8, RgbLinear
    from ebb.bokeh.aperture import Aperture
    from ebb_train.pixels import Floats

Number = TypeVar("Number", np.uint8, np.float32)

BORDER_PX = 16
"""Pixels cut off on each side, as the renderer mirrors the photo at its borders."""
FULL_SCALE_E = (3_000.0, 25_000.0)
"""Range of electrons at white, for photon noise: ISO 800 to ISO 100."""
HIGHLIGHT_GAINS = (1.0, 4.0)
"""Radiance of clipped pixels that the renderer assumes, drawn per scene."""
CLEAN = 0.2
"""Probability of exact depth in a training patch."""
MILDEST = 0.2
"""Mildest errors of a training patch relative to the largest."""
_JPEG, _JPEG_QUALITY = 0.5, (88, 99)


@dataclass(frozen=True, kw_only=True)
class HeldOutScene:
    """One scene, its truth, and wrong depth of several strengths; maps have the size of the whole frame."""

    photo: Rgb8
    """(H, W, 3), sRGB, in focus everywhere."""
    truth: Rgb8
    """(H − 2 border, W − 2 border, 3), sRGB, exactly rendered."""
    exact_coc: NDArray[np.float32]
    """(H, W), exact signed blur diameter in pixels of the visible surface."""
    wrong: Mapping[str, InverseDepth]
    """(H, W), wrong inverse depth by the name of its strength."""
    focus: Mapping[str, float]
    """Inverse depth in focus by strength: that of the subject, as the wrong map has it."""
    gain_px: float
    """Blur diameter in pixels per unit of inverse depth."""
    aperture: Aperture
    light: RgbLinear
    """(H, W, 3), linear light of the photo, with the radiance of clipped pixels that the renderer assumes."""

    def render(self, depth: InverseDepth, strength: str) -> Floats:
        """Layered render with a map of depth, focused as for a strength, without the border; in [0, 1]."""
        limit = 3 * LIMIT_PX
        coc = np.clip(self.gain_px * (self.focus[strength] - depth), -limit, limit).astype(np.float32)
        return inner(srgb_curve(render_shallow(self.light, coc, aperture=self.aperture, workers=1)))


def training_errors(rng: np.random.Generator) -> DepthErrors:
    """Errors of a training patch: none, or a random fraction of the largest."""
    if rng.random() < CLEAN:
        return STRENGTHS["none"]
    return HARD.scaled(rng.uniform(MILDEST, 1))


def make_training_photo(rng: np.random.Generator, side: int) -> tuple[Rgb8, InverseDepth]:
    """Generate a photo (H, W, 3) and its exact inverse depth (H, W) in [0, 1].

    Args:
        rng: Random generator; its state determines the photo.
        side: Side of the square in pixels.
    """
    scene = make_surface_scene(rng, side)
    clean = all_in_focus(scene.surfaces, (side, side))
    depth = _exact_depth(scene, visible_coc(scene.surfaces, (side, side)))
    return _photograph(clean, rng), depth


def make_held_out_scene(
    rng: np.random.Generator,
    side: int,
    strengths: Sequence[str],
    largest_radius_px: float | None = None,
) -> HeldOutScene:
    """Generate a scene, its truth and wrong depth.

    Args:
        rng: Random generator; its state determines the scene.
        side: Side of the square frame in pixels, including the border that is cut off.
        strengths: Names in :data:`~ebb_train.lens.depth_errors.STRENGTHS`.
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
    exact = _exact_depth(scene, coc)
    wrong = {name: corrupt_depth(exact, STRENGTHS[name], rng) for name in strengths}
    return HeldOutScene(
        photo=photo,
        truth=inner(encode_srgb(truth)),
        exact_coc=coc,
        wrong=wrong,
        focus={name: scene.focus + _moved(exact, depth, coc) for name, depth in wrong.items()},
        gain_px=scene.gain_px,
        aperture=scene.aperture,
        light=light,
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


def _exact_depth(scene: SurfaceScene, coc: NDArray[np.float32]) -> InverseDepth:
    return np.asarray(np.clip(scene.focus - coc / np.float32(scene.gain_px), 0, 1), np.float32)


def _moved(exact: InverseDepth, wrong: InverseDepth, coc: NDArray[np.float32]) -> float:
    """Median error of the depth of the subject in focus."""
    on_subject = np.abs(coc) < 0.5
    return float(np.median(wrong[on_subject] - exact[on_subject])) if on_subject.any() else 0.0


def inner(array: NDArray[Number]) -> NDArray[Number]:
    """Cut off the border."""
    return np.ascontiguousarray(array[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX])


def pack(photo: Rgb8, depth: InverseDepth) -> NDArray[np.uint8]:
    """Planes of a training photo, (5, H, W): its colours, then the high and the low byte of its depth."""
    steps = np.rint(depth * np.float32(65535)).astype(np.uint16)
    high, low = (steps >> 8).astype(np.uint8), (steps & 255).astype(np.uint8)
    return np.ascontiguousarray(np.stack([*np.moveaxis(photo, -1, 0), high, low]))


def unpack(planes: NDArray[np.uint8]) -> tuple[Rgb8, InverseDepth]:
    """Photo and depth of a window of stored planes (5, h, w)."""
    depth = (planes[3].astype(np.float32) * 256 + planes[4]) / np.float32(65535)
    return np.ascontiguousarray(np.moveaxis(planes[:3], 0, -1)), np.asarray(depth, np.float32)
