"""The layered renderer behind a depth map: discs, no bleeding, calibrated from pairs."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.srgb import decode_srgb
from ebb_train.baselines.calibration import BLURS
from ebb_train.baselines.exposure import ExposureGains
from ebb_train.baselines.gaussian import Gaussian
from ebb_train.baselines.layered import Layered, build
from ebb_train.data.sources import Photos
from ebb_train.metrics.similarity import psnr
from tests.helpers.doubles import RecordedProgress

BLUR = 0.1


def red_box(side: int = 160) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """A red box in focus before a grey wall with one lamp."""
    wide = np.full((side, side, 3), 90, np.uint8)
    wide[60:110, 50:110] = (220, 20, 20)
    wide[20:23, 79:82] = 255
    depth = np.full((side // 2, side // 2), 20, np.uint8)
    depth[30:55, 25:55] = 200
    return wide, depth


def test_the_subject_does_not_bleed_into_the_background() -> None:
    wide, depth = red_box()
    beside = np.s_[70:100, 112:116]

    def redness(picture: np.ndarray) -> float:  # type: ignore[type-arg]
        return float((picture[..., 0] - picture[..., 1])[beside].mean())

    assert redness(Layered(BLUR).render(wide, depth)) < 0.01
    assert redness(Gaussian(BLUR).render(wide, depth)) > 0.05


def test_a_lamp_becomes_a_disc_of_the_expected_size() -> None:
    wide, depth = red_box()
    light = decode_srgb(np.rint(Layered(BLUR, highlights=16).render(wide, depth) * 255).astype(np.uint8))
    lit = light[:45, 50:110, 1] > decode_srgb(np.array([90], np.uint8)) + 0.1
    diameter = BLUR * 160 * (200 - 20) / 255
    assert np.sqrt(4 * lit.sum() / np.pi) == pytest.approx(diameter, abs=2.5)
    inside = light[21 - 3 : 21 + 4, 80 - 3 : 80 + 4, 1]
    assert np.ptp(inside) < 0.05 * inside.mean()


def test_highlights_are_multiplied_by_their_setting() -> None:
    wide, depth = red_box()
    plain, bright = (Layered(BLUR, highlights=boost).render(wide, depth) for boost in (1, 8))
    assert bright[21, 80, 1] > plain[21, 80, 1] + 0.1
    np.testing.assert_allclose(bright[120:], plain[120:], atol=1e-3)


def test_calibration_recovers_the_parameters_of_the_pairs() -> None:
    wide, depth = red_box()
    made = Layered(BLURS[9], ExposureGains(), 4.0).render(wide, depth)
    pair = Photos("a", wide, np.rint(made * 255).astype(np.uint8), depth)
    progress = RecordedProgress()
    found = build(lambda: [pair], progress)
    assert (found.blur, found.highlights, found.calibrated_on) == (BLURS[9], 4.0, 1)
    assert psnr(found.render(wide, depth), made) > 35
    assert progress.stages == ["calibrate layered 34", "done"]
    assert len(progress.items) == 34
