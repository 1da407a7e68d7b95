"""A photo with a uniform blur of known diameter, and the blur measured in it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ebb.arrays import Rgb8
from ebb.bokeh.renderer import render_shallow
from ebb.srgb import decode_srgb, encode_srgb
from ebb_train.metrics.blur import SharpPhoto
from ebb_train.metrics.inputs import as_unit
from tests.helpers.rendered_pairs import synthetic_pair


@lru_cache(maxsize=1)
def sharp() -> Rgb8:
    """A photo in focus with much detail."""
    return synthetic_pair(2).wide


@lru_cache(maxsize=1)
def measure() -> SharpPhoto:
    """Measurement of blur against the sharp photo."""
    return SharpPhoto(as_unit(sharp(), "photo"))


def blurred(coc_px: float, exposure: float = 1.0) -> Rgb8:
    """The sharp photo, uniformly blurred."""
    light = decode_srgb(sharp())
    coc = np.full(light.shape[:2], coc_px, np.float32)
    return encode_srgb(render_shallow(light, coc) * np.float32(exposure))


def typical(photo: NDArray[np.uint8]) -> float:
    """Median of the measured blur where it is reliable."""
    found = measure().measure(as_unit(photo, "photo"))
    trusted = found.trust > 0.5
    assert trusted.mean() > 0.5
    return float(np.median(found.coc_px[trusted]))
