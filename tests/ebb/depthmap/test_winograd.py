import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ebb.depthmap.winograd import OUTPUTS, PRODUCTS, TAPS, WinogradConv, filtering_matrices


def convolve(conv: WinogradConv, x: Tensor) -> Tensor:
    """With the columns of zeros it wants on both sides."""
    return conv(functional.pad(x, (0, 0, *conv.margins(x.shape[1]))), x.shape[1])


def test_matrices_filter_exactly() -> None:
    """Four outputs of a four-tap filter from seven products, against numpy's correlation."""
    to_outputs, to_products, from_inputs = filtering_matrices()
    rng = np.random.default_rng(0)
    for _ in range(20):
        taps, inputs = rng.standard_normal(TAPS), rng.standard_normal(PRODUCTS)
        outputs = to_outputs @ ((to_products @ taps) * (from_inputs @ inputs))
        np.testing.assert_allclose(outputs, np.correlate(inputs, taps, mode="valid"), atol=1e-12)
    assert to_outputs.shape == (OUTPUTS, PRODUCTS)
    assert np.abs(from_inputs).max() == 1.0


@pytest.mark.parametrize("size", [3, 5, 7, 11])
@pytest.mark.parametrize("width", [1, 6, 16, 21])
def test_is_the_convolution(size: int, width: int) -> None:
    generator = torch.Generator().manual_seed(10 * size + width)
    conv = nn.Conv2d(6, 5, size, padding=(0, size // 2))
    nn.init.kaiming_normal_(conv.weight, generator=generator)
    x = torch.randn(size + 3, width, 6, generator=generator)
    with torch.inference_mode():
        truth = conv.double()(x.double().permute(2, 0, 1)[None])[0].permute(1, 2, 0)
        result = convolve(WinogradConv(conv.float()), x)
    assert result.shape == (4, width, 5)
    torch.testing.assert_close(result.double(), truth, rtol=0, atol=3e-5)


def test_takes_a_part_of_the_channels_of_an_image() -> None:
    generator = torch.Generator().manual_seed(2)
    conv = nn.Conv2d(4, 3, 7)
    image = torch.randn(9, 12, 10, generator=generator)
    with torch.inference_mode():
        fast = WinogradConv(conv)
        padded = functional.pad(image, (0, 0, *fast.margins(12)))[:, :, 3:7]
        assert torch.equal(fast(padded, 12), fast(padded.clone(), 12))


def test_constant_image_gives_the_sum_of_the_taps() -> None:
    """Away from the border, where the padding does not reach."""
    conv = nn.Conv2d(2, 3, 7)
    with torch.inference_mode():
        result = convolve(WinogradConv(conv), torch.ones(7, 20, 2))[0, 3:-3]
        truth = conv.weight.sum((1, 2, 3)) + conv.bias
    torch.testing.assert_close(result, truth.expand_as(result), rtol=0, atol=2e-6)
