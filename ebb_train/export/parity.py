"""Parity of an exported file with the network in PyTorch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ebb.tables import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ebb_train.export.settings import Precision


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Difference between two pictures with values of about [0, 1]."""

    input: str
    """Name of the input."""
    real: bool
    """Whether the input is a photo or resembles one, unlike noise or a constant."""
    max: float
    """Largest absolute difference."""
    mean: float
    """Mean absolute difference."""
    psnr: float
    """10 · log10(1 / mean squared difference), dB; infinite if they are equal."""
    constant: bool = False
    """Whether the input has one value everywhere."""


@dataclass(frozen=True, kw_only=True)
class ParityLimit:
    """Largest difference from PyTorch that a file may have."""

    max: float = math.inf
    constant_max: float = math.inf
    """The same for constant inputs: instance normalisation multiplies the rounding errors of flat maps by up
    to 1 / √ε = 32."""
    psnr: float = 0.0
    real_only: bool = False
    """Whether the limit applies to photos only; differences for noise are only reported."""

    def holds(self, parity: Parity) -> bool:
        """Whether the differences are within the limit; NaN is not."""
        if self.real_only and not parity.real:
            return True
        largest = self.constant_max if parity.constant else self.max
        return parity.max <= largest and parity.psnr >= self.psnr

    def __str__(self) -> str:
        on = " on photos" if self.real_only else ""
        if self.max == math.inf:
            return f"{self.psnr:g} dB PSNR{on}"
        return f"{self.max:g} at most{on}, {self.constant_max:g} for constant inputs"


LIMITS: Mapping[Precision, ParityLimit] = {
    "fp32": ParityLimit(max=1e-4, constant_max=1e-3),
    "fp16": ParityLimit(psnr=60),
    "dynamic-int8": ParityLimit(psnr=30, real_only=True),
    "int8": ParityLimit(psnr=25, real_only=True),
}
"""Limits by precision. fp32: a fortieth of an 8-bit step, a quarter for constant inputs. int8 files are
calibrated on photos, so noise is excluded."""


def parity_table(found: Sequence[Parity]) -> str:
    """Table of the differences from PyTorch, one line per input."""
    rows = [(p.input, f"{p.max:.1e}", f"{p.mean:.1e}", f"{p.psnr:.1f}") for p in found]
    return table(("compared with PyTorch", "max", "mean", "PSNR dB"), rows)


def not_written(limit: object) -> str:
    """Text after the name of a file that exceeds its limit."""
    return f": NOT WRITTEN, too far from PyTorch (limit: {limit})"


def compare(
    name: str,
    found: NDArray[np.float32],
    wanted: NDArray[np.float32],
    *,
    real: bool = True,
    constant: bool = False,
) -> Parity:
    """Compare two pictures of one shape, in float64."""
    difference = np.abs(found.astype(np.float64) - wanted)
    mean_square = float(np.mean(difference**2))
    return Parity(
        input=name,
        real=real,
        constant=constant,
        max=float(difference.max()),
        mean=float(difference.mean()),
        psnr=-10 * math.log10(mean_square) if mean_square else math.inf,
    )
