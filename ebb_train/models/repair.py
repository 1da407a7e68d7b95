"""The repair network: it moves the edges of a wrong depth map to those of the photo.

Around every pixel there is a lowest and a highest inverse depth, the values of the surfaces that meet at an
edge; :mod:`ebb_train.lens.planes` finds them. The pixel's share of their difference says to which surface it
belongs. The network sees the photo, the difference, the share of the wrong map, and the share that the
photo's colours speak for; it gives what is added to the logit of the share. The repaired map is::

    low + share · (high − low)

Its values are therefore those of surfaces that the map has, and without an edge nearby nothing changes.

The network is a U-net of three sizes (Ronneberger et al., "U-Net", MICCAI 2015) with residual blocks, over
the operations of :mod:`ebb_train.models.blocks`, all of which TFLite's GPU delegate takes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ebb.errors import InvalidInput
from ebb_train.models.blocks import Declaration, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.models.blocks import Layer, Maps, Operations

REPAIR = "depth-repair"
"""The network a weights file is for, as its note names it."""

SIZE_MULTIPLE = 8
"""Height and width of the input are multiples of this."""

PLANES = 8
"""Input: photo 3, difference of depths, share of the map, shares by colour 2, contrast of the colours."""


@dataclass(frozen=True, kw_only=True)
class RepairConfig:
    """Size of a repair network, and how its shares are used.

    Raises:
        InvalidInput: a value is out of range.
    """

    fine: int = 24
    """Maps at half the input's size."""
    middle: int = 40
    """Maps at a quarter of the size."""
    coarse: int = 56
    """Maps at an eighth of the size."""
    blocks: int = 2
    """Residual blocks at an eighth of the size."""
    steepness: float = 1.0
    """Factor of the distance of a share from ½ after training, so that edges are steps; at least 1."""
    least_change: float = 0.1
    """Change of the share up to which a pixel is kept after training, from 0 to 1."""
    least_mean: float = 0.0
    """Mean change at the edges of a map below which the whole map is kept, from 0 to 1."""

    def __post_init__(self) -> None:
        sizes = (self.fine, self.middle, self.coarse, self.blocks)
        if (
            min(sizes) < 1
            or self.steepness < 1
            or not (0 <= self.least_change <= 1 and 0 <= self.least_mean <= 1)
        ):
            raise InvalidInput(f"a repair network must have positive sizes and shares within [0, 1]: {self}")

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


def logit_change(net: Operations[Maps], config: RepairConfig, planes: Maps) -> Maps:
    """What is added to the logit of the share, 1 channel."""
    fine = net.conv("fine", net.space_to_depth(planes), 3, config.fine, norm=False)
    middle = net.conv("middle", net.space_to_depth(fine), 3, config.middle, norm=False)
    middle = _residual(net, "middle_block", middle, config.middle)
    coarse = net.conv("coarse", net.space_to_depth(middle), 3, config.coarse, norm=False)
    for i in range(config.blocks):
        coarse = _residual(net, f"block_{i}", coarse, config.coarse)
    middle = _merged(net, "middle", coarse, middle, config.middle)
    fine = _merged(net, "fine", middle, fine, config.fine)
    return net.depth_to_space(net.linear("logit", fine, 4))


def _residual(net: Operations[Maps], name: str, x: Maps, channels: int) -> Maps:
    return net.add(net.linear(f"{name}.1", net.conv(f"{name}.0", x, 3, channels, norm=False), channels), x)


def _merged(net: Operations[Maps], name: str, smaller: Maps, same: Maps, channels: int) -> Maps:
    """Maps of half the size and those of the same size on the way down, and a residual block."""
    up = net.depth_to_space(net.conv(f"{name}_up", smaller, 1, 4 * channels, norm=False))
    merged = net.conv(f"{name}_merge", net.concat(same, up), 3, channels, norm=False)
    return _residual(net, f"{name}_last", merged, channels)


def repair_layers(config: RepairConfig, height: int = 8, width: int = 8) -> list[Layer]:
    """All layers, for an input of the given size."""
    net = Declaration()
    logit_change(net, config, Shape(PLANES, height, width))
    return net.layers
