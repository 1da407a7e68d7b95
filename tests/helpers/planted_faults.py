"""Faults of known size, planted in a picture: one for each detector, at two strengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from ebb.bokeh.aperture import blur_kernel
from ebb.srgb import from_light, to_light

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebb_train.artefacts.scene import JudgedScene, Picture


def soft_focus(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """The subject blurred by a Gaussian of 1.2 or 1.8 pixels."""
    soft = cv2.GaussianBlur(picture, (0, 0), 0.6 + 0.6 * strength)
    return np.where((np.abs(scene.coc_px) < 2)[..., None], soft, picture)


def missing_blur(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """Discs of the blurred region as sharp as the photo, about a tenth or a third of it."""
    height, width = scene.coc_px.shape
    side = height // 4
    down, right = np.indices((height, width))
    radius = side * (0.2 if strength == 1 else 0.35)
    discs = (down % side - side / 2) ** 2 + (right % side - side / 2) ** 2 < radius**2
    return np.where((scene.blurred & discs)[..., None], scene.photo, picture)


def halo(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """Blur without layers: every pixel takes the mean of the photo over 2.5 or 4 times its own disc."""
    light = to_light(scene.photo)
    sizes = np.array([0.0, 3, 5, 8, 12, 18, 27, 40, 60])
    place = np.interp(np.abs(scene.coc_px), sizes, np.arange(len(sizes)))
    found = np.zeros_like(light)
    for number, size in enumerate(sizes):
        weight = np.maximum(1 - np.abs(place - number), 0)[..., None]
        if weight.any():
            found += weight * (
                cv2.filter2D(light, -1, blur_kernel(float(size) * (1 + 1.5 * strength))) if size else light
            )
    return from_light(found.clip(0, 1)).astype(np.float32)


def grid(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """A checkerboard of one or two grey levels."""
    down, right = np.indices(scene.coc_px.shape)
    return (picture + strength / 255 * np.where((down + right) % 2, 1, -1)[..., None]).astype(np.float32)


def drift(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """A fifth or two fifths of a stop more red light."""
    light = to_light(picture) * np.array([2 ** (0.2 * strength), 1, 1], np.float32)
    return from_light(light.clip(0, 1))


def seams(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """Tiles of 200 pixels that differ by three or five grey levels."""
    down, right = np.indices(scene.coc_px.shape) // 200
    return (
        (picture + (1 + 2 * strength) / 255 * ((down + right) % 2)[..., None]).astype(np.float32).clip(0, 1)
    )


def broken(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """A black and a constant square, or one of NaN as well."""
    found, side = picture.copy(), max(64, picture.shape[0] // 12)
    top, left = np.unravel_index(np.argmax(cv2.blur(picture.max(axis=2), (side, side))), scene.coc_px.shape)
    top, left = (
        int(np.clip(at - side // 2, 0, limit - side))
        for at, limit in zip((top, left), scene.coc_px.shape, strict=True)
    )
    found[top : top + side, left : left + side] = 0
    if strength == 2:
        found[: side // 2, : side // 2] = np.nan
    return found


def overshoot(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """Linear light, sharpened by 1.5 or 3 times what a Gaussian of two pixels takes away."""
    light = to_light(picture)
    return from_light((light + 1.5 * strength * (light - cv2.GaussianBlur(light, (0, 0), 2))).clip(0, 1))


def repeats(scene: JudgedScene, picture: Picture, strength: int) -> Picture:
    """Noise of a deviation of 1.25 or 2.5 grey levels that repeats every 20 pixels, where there is blur."""
    noise = np.tile(np.random.default_rng(7).normal(size=(20, 20)), (3, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)[20:40, 20:40]
    rows, columns = (-(-side // 20) for side in scene.coc_px.shape)
    tiled = np.tile(smooth / smooth.std(), (rows, columns))[: scene.coc_px.shape[0], : scene.coc_px.shape[1]]
    shown = np.where(scene.blurred, tiled, 0)[..., None] * 1.25 * strength / 255
    return (picture + shown).astype(np.float32).clip(0, 1)


FAULTS: Mapping[str, Callable[[JudgedScene, Picture, int], Picture]] = {
    plant.__name__: plant
    for plant in (soft_focus, missing_blur, halo, grid, drift, seams, broken, overshoot, repeats)
}
