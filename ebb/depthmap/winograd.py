"""Wide convolutions with about half the multiplications, by minimal filtering along the rows.

Four outputs of a filter with four taps need 7 products instead of 16 (Winograd, "Arithmetic Complexity of
Computations", 1980; Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016): with
``taps`` g and seven neighbouring inputs d, the outputs are ``Aᵀ [(G g) ⊙ (Bᵀ d)]``. A kernel of 7 or 11
columns consists of two or three such filters side by side, which share the transformed inputs ``Bᵀ d``.
Between the two transforms are ordinary convolutions over a grid four times narrower, for which processors are
fastest. Kernel rows are not transformed: with one direction only, the error is a few units in the last place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253
from torch.nn import functional  # noqa: TID253

if TYPE_CHECKING:
    from numpy.typing import NDArray

OUTPUTS = 4
TAPS = 4
PRODUCTS = OUTPUTS + TAPS - 1
POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5)
"""Points at which the polynomials are evaluated, besides infinity; small numbers give small rounding
errors."""


def filtering_matrices(
    points: tuple[float, ...] = POINTS,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Aᵀ (m x n), G (n x m) and Bᵀ (n x n) of minimal filtering F(m, m): n = 2 m − 1 products, n − 1 points.

    The product of two polynomials of degree m − 1 follows from its values at n points; correlation is the
    transpose of that product. Rows of Bᵀ are scaled to a largest entry of 1, and G contains the inverse
    scale.
    """
    products = len(points) + 1
    taps = (products + 1) // 2
    to_products = _evaluate(points, taps)
    interpolate = np.linalg.inv(_evaluate(points, products)).T
    scale = np.abs(interpolate).max(axis=1, keepdims=True)
    return _evaluate(points, taps).T, to_products * scale, interpolate / scale


def _evaluate(points: tuple[float, ...], num_coefficients: int) -> NDArray[np.float64]:
    """Matrix from coefficients of a polynomial to its values; at infinity, the leading coefficient."""
    finite = np.vander(points, num_coefficients, increasing=True)
    return np.vstack([finite, np.eye(num_coefficients)[-1]])


class WinogradConv(nn.Module):
    """``conv`` (k x k) on one photo, channels innermost, its input padded by :meth:`margins`."""

    bias: Tensor
    to_outputs: Tensor
    from_inputs: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        to_outputs, to_products, from_inputs = filtering_matrices()
        self.size = conv.kernel_size[1]
        self.blocks = -(-self.size // TAPS)
        taps = functional.pad(conv.weight.double(), (0, self.blocks * TAPS - self.size))
        taps = taps.view(*taps.shape[:3], self.blocks, TAPS)
        kernels = torch.einsum("pk,ochbk->pochb", torch.from_numpy(to_products), taps)
        self.kernels = nn.ParameterList(kernel.float() for kernel in kernels)
        self.register_buffer("bias", cast("Tensor", conv.bias).clone())
        self.register_buffer("to_outputs", torch.from_numpy(to_outputs).float())
        self.register_buffer("from_inputs", torch.from_numpy(from_inputs).float())

    def margins(self, width: int) -> tuple[int, int]:
        """Columns of zeros to the left and right of the input."""
        num_inputs = -(-width // OUTPUTS) + self.blocks - 1
        left = self.size // 2
        return left, num_inputs * OUTPUTS + TAPS - 1 - width - left

    def forward(self, x: Tensor, width: int) -> Tensor:
        """Map (H, W + margins, C) to (H − k + 1, W, C'), bias added."""
        products = self._multiply(self._transform(x))
        outputs = (self.to_outputs @ products.flatten(1)).view(OUTPUTS, *products.shape[1:])
        return outputs.permute(1, 2, 0, 3).flatten(1, 2)[:, :width] + self.bias

    def _transform(self, x: Tensor) -> Tensor:
        """Bᵀ d for every group of four outputs: (7, H, groups + blocks − 1, C)."""
        row, column, channel = x.stride()
        shape = (PRODUCTS, x.shape[0], (x.shape[1] - TAPS + 1) // OUTPUTS, x.shape[2])
        neighbours = x.as_strided(shape, (column, row, OUTPUTS * column, channel))
        return (self.from_inputs @ neighbours.flatten(1)).view(shape)

    def _multiply(self, transformed: Tensor) -> Tensor:
        """The seven convolutions: (7, H, groups + blocks − 1, C) to (7, H − k + 1, groups, C')."""
        images = transformed.permute(0, 3, 1, 2)
        products = [
            functional.conv2d(image[None], kernel)[0]
            for image, kernel in zip(images, self.kernels, strict=True)
        ]
        return torch.stack([product.permute(1, 2, 0) for product in products])
