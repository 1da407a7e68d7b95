"""Terms of losses against other libraries and NumPy; SSIM itself is in test_losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel

from ebb.errors import InvalidInput
from ebb_train.loss_terms import MS_SSIM_FLOOR, fft_l1, ms_ssim, sobel_l1, ssim, ssim_parts
from ebb_train.metrics.similarity import ms_ssim as exact_ms_ssim

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def pictures(height: int, width: int, noise: float = 0.2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth picture, and it with noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(2, 3, height // 8 + 1, width // 8 + 1, generator=generator, dtype=torch.double)
    target = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic").clamp(0, 1)
    return target + noise * torch.randn(target.shape, generator=generator, dtype=torch.double), target


def test_parts_multiply_to_ssim() -> None:
    preds, target = pictures(20, 24)
    luminance, structure = ssim_parts(preds, target)
    assert luminance.shape == structure.shape == (2, 3, 10, 14)
    assert (luminance * structure).mean() == ssim(preds, target)
    assert luminance.max() <= 1


@pytest.mark.parametrize("noise", [0.02, 0.2])
def test_ms_ssim_is_that_of_the_metrics(noise: float) -> None:
    """Which is checked against other libraries; sizes that halve evenly agree."""
    preds, target = pictures(176, 192, noise)
    pairs = [[each.permute(1, 2, 0).numpy() for each in pair] for pair in zip(preds, target, strict=True)]
    expected = np.mean([exact_ms_ssim(*pair) for pair in pairs])
    assert ms_ssim(preds, target).item() == pytest.approx(expected, abs=1e-9)
    assert ms_ssim(target, target).item() == pytest.approx(1, abs=1e-12)


def test_fewer_scales_of_small_pictures() -> None:
    """One scale is SSIM of each channel; two need twice the window."""
    preds, target = pictures(16, 21)
    luminance, structure = ssim_parts(preds, target)
    assert ms_ssim(preds, target).item() == pytest.approx(
        ((luminance * structure).mean((2, 3)) ** 1.0001).mean().item()
    )
    preds, target = pictures(24, 22)
    _, fine = ssim_parts(preds, target)
    halves = (torch.nn.functional.avg_pool2d(each, 2) for each in (preds, target))
    luminance, structure = ssim_parts(*halves)
    share = 0.0448 / (0.0448 + 0.2856)
    factors = fine.mean((2, 3)) ** share * (luminance * structure).mean((2, 3)) ** (1 - share)
    assert ms_ssim(preds, target).item() == pytest.approx((factors**1.0001).mean().item())
    with pytest.raises(InvalidInput, match="SSIM of 21 x 10 pixels"):
        ms_ssim(*pictures(10, 21))


def test_negative_contrast_gives_numbers() -> None:
    """An inverted picture has contrasts below zero, whose powers would not be numbers."""
    _, target = pictures(48, 48)
    preds = (1 - target).requires_grad_()
    assert (ssim_parts(preds, target)[1].mean((2, 3)) < 0).any()
    value = ms_ssim(preds, target)
    value.backward()
    assert preds.grad is not None
    assert preds.grad.isfinite().all()
    assert MS_SSIM_FLOOR / 2 < value < 0.1


def test_sobel_is_that_of_scipy() -> None:
    preds, target = pictures(9, 12)
    planes = (preds - target).flatten(0, 1).numpy()
    slopes = [sobel(plane, axis)[1:-1, 1:-1] / 8 for plane in planes for axis in (0, 1)]
    expected = np.mean(np.abs(slopes))
    assert sobel_l1(preds, target).item() == pytest.approx(expected, rel=1e-12)


def test_sobel_of_a_ramp_is_its_slope() -> None:
    ramp = 0.25 * torch.arange(8.0).expand(1, 1, 5, 8)
    assert sobel_l1(ramp, torch.zeros_like(ramp)).item() == pytest.approx(0.25 / 2), "none down, 0.25 across"


def test_fft_is_that_of_numpy() -> None:
    preds, target = pictures(7, 10)
    spectrum = np.fft.rfft2((preds - target).numpy(), norm="ortho")
    expected = (np.abs(spectrum.real).mean() + np.abs(spectrum.imag).mean()) / 2
    assert fft_l1(preds, target).item() == pytest.approx(expected, rel=1e-12)


def test_fft_does_not_grow_with_the_picture() -> None:
    small, large = (fft_l1(*pictures(side, side, 0.1)).item() for side in (16, 128))
    assert large == pytest.approx(small, rel=0.1)


@pytest.mark.parametrize("term", [sobel_l1, fft_l1, ms_ssim])
def test_gradients(term: object) -> None:
    preds, target = (each[:1, :1] for each in pictures(12, 13))
    assert torch.autograd.gradcheck(lambda values: term(values, target), preds.requires_grad_())
