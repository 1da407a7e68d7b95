"""The repair network: small corrections of a layered render near depth edges.

The network is a U-net of two sizes over the operations of :mod:`ebb_train.models.blocks`, all of which
TFLite's GPU delegate takes. It sees photo, layered render, blur diameter, band of depth edges and strength.
For every pixel p it gives a residual r, a weight w and shares s of the photo and of displaced renders::

    result(p) = layered(p) + w · (s₀ photo(p) + Σₖ sₖ layered(p + oₖ) − layered(p) + r)

The weight is a sigmoid times the band, so that pixels outside the band are exactly those of the layered
render. The shares are a softmax. The photo restores what the renderer blurred although it is in focus; the
displaced renders replace what it left sharp, or blurred wrongly, beside a displaced edge of the depth (as in
kernel-predicting networks: Bako et al., "Kernel-predicting convolutional networks for denoising Monte Carlo
renderings", SIGGRAPH 2017). Photo and renders are taken at the photo's own size, whatever the network's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ebb.errors import InvalidInput
from ebb_train.models.blocks import Declaration, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.blocks import Layer, Maps, Operations

REPAIR = "lens-repair"
"""The network a weights file is for, as its note names it."""

SIZE_MULTIPLE = 4
"""Height and width of the input are multiples of this."""

OFFSETS = tuple(
    (dy, dx)
    for near, far in ((2, 3), (5, 7))
    for dy, dx in (
        *((-far, 0), (far, 0), (0, -far), (0, far)),
        *((-near, -near), (-near, near), (near, -near), (near, near)),
    )
)
"""Displacements oₖ (rows, columns) in pixels of the network's input."""

SHARES = 1 + len(OFFSETS)
"""Number of shares: the photo's and those of the displaced renders."""

PLANES = 9
"""Input: photo 3, change by the layered renderer 3, signed blur radius, band and strength, 1 each."""


@dataclass(frozen=True, kw_only=True)
class RepairConfig:
    """Size of a repair network.

    Raises:
        InvalidInput: a value is not positive.
    """

    fine: int = 32
    """Maps at half the input's size."""
    coarse: int = 48
    """Maps at a quarter of the input's size."""
    blocks: int = 4
    """Residual blocks of two convolutions at a quarter of the size."""
    threshold: float = 0.0
    """Weight τ up to which a pixel is kept: after training, (w − τ) / (1 − τ), at least 0, is applied."""

    def __post_init__(self) -> None:
        if min(self.fine, self.coarse, self.blocks) < 1 or not 0 <= self.threshold < 1:
            raise InvalidInput(
                f"a repair network must have positive sizes and a threshold below 1, not {self}"
            )

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], path: Path | None = None) -> RepairConfig:
        """Read plain values.

        Raises:
            InvalidInput: unknown, missing or invalid values.
        """
        try:
            return cls(**values)
        except TypeError as error:
            raise InvalidInput(f"not the config of a repair network: {values}", path=path) from error


def corrections(net: Operations[Maps], config: RepairConfig, planes: Maps) -> tuple[Maps, Maps, Maps]:
    """Residual (3 channels), and logits of weight (1) and shares (17)."""
    fine = net.conv("fine", net.space_to_depth(planes), 3, config.fine, norm=False)
    x = net.conv("coarse", net.space_to_depth(fine), 3, config.coarse, norm=False)
    for i in range(config.blocks):
        y = net.conv(f"block_{i}.0", x, 3, config.coarse, norm=False)
        x = net.add(net.conv(f"block_{i}.1", y, 3, config.coarse, norm=False), x)
    both = net.concat(fine, net.up("up", x, config.fine))
    merged = net.conv("merge", both, 3, config.fine, norm=False)
    residual = net.depth_to_space(net.linear("residual", merged, 12))
    weight = net.depth_to_space(net.linear("weight", merged, 4))
    shares = net.depth_to_space(net.linear("shares", merged, 4 * SHARES))
    return residual, weight, shares


def repair_maps(net: Operations[Maps], config: RepairConfig, planes: Maps) -> Maps:
    """Residual (3 channels), weight before threshold and band (1), and shares (17)."""
    residual, weight, shares = corrections(net, config, planes)
    return net.concat(residual, net.sigmoid(weight), net.softmax(shares))


def repair_layers(config: RepairConfig, height: int = 4, width: int = 4) -> list[Layer]:
    """All layers, for an input of the given size."""
    net = Declaration()
    corrections(net, config, Shape(PLANES, height, width))
    return net.layers
