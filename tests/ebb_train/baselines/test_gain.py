"""One exposure for all photos."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.progress import SilentProgress
from ebb.srgb import decode_srgb, encode_srgb
from ebb_train.baselines.exposure import ExposureGains
from ebb_train.baselines.gain import Gain, build
from ebb_train.data.sources import Photos
from tests.helpers.datasets import photos


def test_light_is_multiplied() -> None:
    wide = np.full((4, 6, 3), 100, np.uint8)
    picture = Gain(ExposureGains(2.0, 2.0)).render(wide, None)
    np.testing.assert_allclose(
        decode_srgb(np.rint(picture * 65535).astype(np.uint16)), 2 * decode_srgb(wide), rtol=1e-3
    )


def test_a_gain_of_1_changes_nothing() -> None:
    wide = photos(0)[0]
    np.testing.assert_array_equal(np.rint(Gain(ExposureGains()).render(wide, None) * 255), wide)


def test_the_gain_of_the_train_pairs_is_found() -> None:
    wide = photos(1)[0] // 2
    pair = Photos("a", wide, encode_srgb(decode_srgb(wide) * np.float32(1.3)), None)
    model = build(lambda: [pair], SilentProgress())
    gain = pytest.approx(1.3, abs=0.02)
    assert model.metadata() == {"model": "gain", "gain": gain, "corner_gain": gain, "calibrated_on": 1}


def test_without_train_pairs_it_is_the_identity() -> None:
    assert build(list, SilentProgress()).metadata() == {
        "model": "gain",
        "gain": 1.0,
        "corner_gain": 1.0,
        "calibrated_on": 0,
    }
