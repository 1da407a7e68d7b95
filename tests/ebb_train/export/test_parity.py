"""Differences between pictures, compared with scikit-image, and limits of each precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from ebb_train.export.parity import LIMITS, ParityLimit, compare


def test_figures() -> None:
    rng = np.random.default_rng(0)
    wanted = rng.random((1, 8, 8, 3), np.float32)
    found = wanted + rng.normal(0, 0.01, wanted.shape).astype(np.float32)
    parity = compare("noise", found, wanted, real=False)
    assert parity.max == pytest.approx(np.abs(found - wanted).max())
    assert parity.mean == pytest.approx(np.abs(found - wanted).mean(), rel=1e-5)
    assert parity.psnr == pytest.approx(peak_signal_noise_ratio(wanted, found, data_range=1), rel=1e-6)
    assert (parity.input, parity.real) == ("noise", False)


def test_equal_pictures() -> None:
    parity = compare("x", np.ones(3, np.float32), np.ones(3, np.float32))
    assert (parity.max, parity.psnr) == (0, math.inf)
    assert all(limit.holds(parity) for limit in LIMITS.values())


def test_nan_exceeds_every_limit() -> None:
    parity = compare("x", np.float32([0, math.nan]), np.zeros(2, np.float32))
    assert not any(limit.holds(parity) for limit in LIMITS.values())


def test_limits() -> None:
    found, wanted = np.float32([0.5 + 2e-4, 0.5]), np.float32([0.5, 0.5])
    near = compare("x", found, wanted, real=False)
    assert not LIMITS["fp32"].holds(near)
    assert LIMITS["fp16"].holds(near)
    far = compare("x", wanted + 0.1, wanted, real=False)
    assert not LIMITS["fp16"].holds(far)
    assert LIMITS["int8"].holds(far)  # noise is only reported
    assert not LIMITS["int8"].holds(compare("x", wanted + 0.1, wanted, real=True))


def test_constant_inputs_have_a_separate_limit() -> None:
    wanted = np.float32([0.5, 0.5])
    assert LIMITS["fp32"].holds(compare("x", wanted + 5e-4, wanted, real=False, constant=True))
    assert not LIMITS["fp32"].holds(compare("x", wanted + 5e-4, wanted, real=False))
    assert not LIMITS["fp32"].holds(compare("x", wanted + 2e-3, wanted, real=False, constant=True))


def test_limits_as_text() -> None:
    assert str(LIMITS["fp32"]) == "0.0001 at most, 0.001 for constant inputs"
    assert str(LIMITS["fp16"]) == "60 dB PSNR"
    assert str(ParityLimit(psnr=30, real_only=True)) == "30 dB PSNR on photos"
