"""Convolution with aperture kernels on the CPU (OpenCV) or a GPU (PyTorch)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from ebb.pytorch import open_device

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray

SMALL_KERNEL = 7
"""Largest kernel for which direct convolution is faster than the Fourier transform (measured)."""


class Backend(Protocol):
    """Array operations on one device.

    Returned arrays support the operations of a float32 NumPy array that the renderer needs (arithmetic,
    slices, ``clip``, ``abs``, ``any``), but may be PyTorch tensors.
    """

    def load(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy an array to the device."""

    def stack(self, planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Stack (H, W) planes to (C, H, W)."""

    def blur(self, planes: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Correlate (C, H, W) planes with a (k, k) kernel, valid region: (C, H − k + 1, W − k + 1)."""

    def fetch(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy an array to NumPy."""


class CpuBackend:
    """NumPy arrays and OpenCV. Thread-safe."""

    def load(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the array itself."""
        return array

    fetch = load

    def stack(self, planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Stack planes."""
        return np.stack(planes)

    def blur(self, planes: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Correlate directly with small kernels, otherwise by Fourier transform."""
        size = len(kernel)
        if size == 1:
            return planes
        if size <= SMALL_KERNEL:
            return _blur_direct(planes, kernel)
        return _blur_fourier(planes, kernel)


def _blur_direct(planes: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    import cv2

    half = len(kernel) // 2
    inner = (slice(half, -half), slice(half, -half))
    return np.stack([cv2.filter2D(plane, -1, kernel)[inner] for plane in planes]).astype(np.float32)


def _blur_fourier(planes: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlate two planes at a time, as the real and imaginary part of one image; the kernel is real."""
    import cv2

    count, height, width = planes.shape
    rows, columns = cv2.getOptimalDFTSize(height), cv2.getOptimalDFTSize(width)
    size = len(kernel)
    padded_kernel = np.zeros((rows, columns), np.float32)
    padded_kernel[:size, :size] = kernel
    transfer = cv2.dft(padded_kernel, flags=cv2.DFT_COMPLEX_OUTPUT)
    result = np.empty((count, height - size + 1, width - size + 1), np.float32)
    for first in range(0, count, 2):
        pair = np.zeros((rows, columns, 2), np.float32)
        for part, plane in enumerate(planes[first : first + 2]):
            pair[:height, :width, part] = plane
        spectrum = cv2.mulSpectrums(cv2.dft(pair, nonzeroRows=height), transfer, 0, conjB=True)
        blurred = cv2.idft(spectrum, flags=cv2.DFT_SCALE)
        for part in range(min(2, count - first)):
            result[first + part] = blurred[: result.shape[1], : result.shape[2], part]
    return result


class TorchBackend:
    """PyTorch tensors on any device, typed as arrays.

    Raises:
        MissingDependency: PyTorch is not installed.
        UsageError: the device does not exist.
    """

    def __init__(self, device: str) -> None:
        self.device = open_device(device)

    def load(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy to the device."""
        import torch

        return _disguise(torch.from_numpy(np.ascontiguousarray(array)).to(self.device))

    def stack(self, planes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Stack planes."""
        import torch

        return _disguise(torch.stack(cast("list[torch.Tensor]", list(planes))))

    def blur(self, planes: NDArray[np.float32], kernel: NDArray[np.float32]) -> NDArray[np.float32]:
        """Correlate by real Fourier transform."""
        import torch

        size = len(kernel)
        if size == 1:
            return planes
        tensor = cast("torch.Tensor", planes)
        height, width = tensor.shape[-2:]
        transfer = torch.fft.rfft2(torch.tensor(kernel).to(self.device), s=(height, width)).conj()
        blurred = torch.fft.irfft2(torch.fft.rfft2(tensor) * transfer, s=(height, width))
        return _disguise(blurred[:, : height - size + 1, : width - size + 1])

    def fetch(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Copy to the CPU."""
        return np.asarray(cast("torch.Tensor", array).cpu().numpy(), np.float32)


def _disguise(tensor: torch.Tensor) -> NDArray[np.float32]:
    return cast("NDArray[np.float32]", tensor)


def choose_backend(device: str | None) -> Backend:
    """OpenCV for ``None``, otherwise PyTorch on the given device.

    Raises:
        MissingDependency: PyTorch is not installed.
        UsageError: the device does not exist.
    """
    return CpuBackend() if device is None else TorchBackend(device)
