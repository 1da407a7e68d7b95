from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy.signal import correlate

from ebb.bokeh.aperture import Aperture, blur_kernel
from ebb.bokeh.convolution import CpuBackend, TorchBackend, choose_backend
from ebb.errors import MissingDependency, UsageError


@pytest.mark.parametrize("coc", [0.5, 2.0, 6.0, 8.3, 25.0])
@pytest.mark.parametrize("count", [4, 7])
@pytest.mark.parametrize("device", [None, "cpu"])
def test_blur_is_scipys_correlation(coc: float, count: int, device: str | None) -> None:
    planes = np.random.default_rng(3).random((count, 61, 44), dtype=np.float32)
    kernel = blur_kernel(coc, Aperture(5, 20))
    backend = choose_backend(device)
    result = backend.fetch(backend.blur(backend.load(planes), kernel))
    expected = np.stack([correlate(plane, kernel, mode="valid") for plane in planes])
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=2e-6)


def test_bright_neighbour_plane_does_not_leak() -> None:
    planes = np.zeros((2, 60, 60), np.float32)
    planes[0, 30, 30] = 1000
    blurred = CpuBackend().blur(planes, blur_kernel(20))
    assert np.abs(blurred[1]).max() < 1e-4
    assert blurred[0].sum() == pytest.approx(1000, rel=1e-5)


def test_stack_joins_planes() -> None:
    planes = [np.full((2, 3), value, np.float32) for value in (1, 2)]
    for device in (None, "cpu"):
        backend = choose_backend(device)
        stacked = backend.fetch(backend.stack([backend.load(plane) for plane in planes]))
        np.testing.assert_array_equal(stacked, np.stack(planes))


def test_choice() -> None:
    assert isinstance(choose_backend(None), CpuBackend)
    assert isinstance(choose_backend("cpu"), TorchBackend)


def test_unknown_device() -> None:
    with pytest.raises(UsageError, match="cannot compute on 'toaster'"):
        choose_backend("toaster")


def test_missing_torch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[depth\]'"):
        choose_backend("cuda")
