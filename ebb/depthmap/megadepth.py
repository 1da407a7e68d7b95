"""MegaDepth's hourglass network, from photo to log depth.

Li and Snavely, "MegaDepth: Learning Single-View Depth Prediction from Internet Photos" (CVPR 2018); the
hourglass is that of Chen et al., "Single-Image Depth Perception in the Wild" (NIPS 2016). Modules are nested
as in the authors' code, so that the names in their public weights files (``3.0.0.1.0.0.weight``) are the
names of the state dict.

:func:`load_megadepth` returns the network as published;
:func:`ebb.depthmap.inference_graph.build_inference_graph` returns an equivalent that runs faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias, cast

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput
from ebb.pytorch import load_state, matched_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

StateDict: TypeAlias = dict[str, Tensor]

SIZE_MULTIPLE = 16
"""Height and width of the input are multiples of this: the hourglass halves them four times."""


class Block(NamedTuple):
    """Widths of an Inception block: ``out`` channels per branch, ``mid`` before each k x k convolution."""

    out: int
    mid: int
    kernels: tuple[int, int, int]

    @property
    def channels(self) -> int:
        """Output channels of the block: one 1 x 1 branch, and one branch per kernel."""
        return self.out * (1 + len(self.kernels))


class Level(NamedTuple):
    """One level of the hourglass: its path at full size, and its path around the next level at half size."""

    skip: tuple[Block, ...]
    before: tuple[Block, ...]
    after: tuple[Block, ...]
    average_pool: bool
    skip_first: bool
    """Whether the weights files store the skip path first."""


LEVELS = (
    Level(
        skip=(Block(16, 64, (3, 7, 11)),),
        before=(Block(32, 32, (3, 5, 7)), Block(32, 32, (3, 5, 7))),
        after=(Block(32, 64, (3, 5, 7)), Block(16, 32, (3, 7, 11))),
        average_pool=False,
        skip_first=False,
    ),
    Level(
        skip=(Block(32, 32, (3, 5, 7)), Block(32, 64, (3, 7, 11))),
        before=(Block(32, 32, (3, 5, 7)), Block(64, 32, (3, 5, 7))),
        after=(Block(64, 32, (3, 5, 7)), Block(32, 32, (3, 5, 7))),
        average_pool=False,
        skip_first=False,
    ),
    Level(
        skip=(Block(64, 32, (3, 5, 7)), Block(64, 64, (3, 7, 11))),
        before=(Block(64, 32, (3, 5, 7)), Block(64, 32, (3, 5, 7))),
        after=(Block(64, 32, (3, 5, 7)), Block(64, 64, (3, 7, 11))),
        average_pool=True,
        skip_first=True,
    ),
    Level(
        skip=(Block(64, 32, (3, 5, 7)), Block(64, 32, (3, 5, 7))),
        before=(Block(64, 32, (3, 5, 7)), Block(64, 32, (3, 5, 7)), Block(64, 32, (3, 5, 7))),
        after=(),
        average_pool=True,
        skip_first=True,
    ),
)
"""Full size, 1/2, 1/4 and 1/8."""

STEM_CHANNELS = 128


def _conv_norm_relu(in_channels: int, out_channels: int, kernel: int) -> list[nn.Module]:
    """Convolution with unchanged size, batch normalisation without scale and shift, ReLU."""
    return [
        nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2),
        nn.BatchNorm2d(out_channels, affine=False),
        nn.ReLU(inplace=True),
    ]


class Inception(nn.ModuleList):
    """Parallel branches of one input, concatenated: a 1 x 1 convolution, then each k x k convolution."""

    def __init__(self, in_channels: int, block: Block) -> None:
        super().__init__([nn.Sequential(*_conv_norm_relu(in_channels, block.out, 1))])
        for kernel in block.kernels:
            reduce = _conv_norm_relu(in_channels, block.mid, 1)
            self.append(nn.Sequential(*reduce, *_conv_norm_relu(block.mid, block.out, kernel)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, block.channels, H, W)."""
        return torch.cat([branch(x) for branch in self], dim=1)


class Hourglass(nn.Sequential):
    """Sum of a path at full size and a path through half size, which contains the next hourglass."""

    def __init__(self, in_channels: int, levels: tuple[Level, ...]) -> None:
        level, deeper = levels[0], levels[1:]
        pool = nn.AvgPool2d(2) if level.average_pool else nn.MaxPool2d(2)
        down, channels = _chain(in_channels, level.before)
        if deeper:
            down.append(Hourglass(channels, deeper))
        after, _ = _chain(channels, level.after)
        half = nn.Sequential(pool, *down, *after, nn.Upsample(scale_factor=2, mode="nearest"))
        skip = nn.Sequential(*_chain(in_channels, level.skip)[0])
        super().__init__(nn.ModuleList([skip, half] if level.skip_first else [half, skip]))

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, C, H, W), where C is that of the last block of the skip path."""
        first, second = cast("nn.ModuleList", self[0])
        total: Tensor = first(x) + second(x)
        return total


def _chain(in_channels: int, blocks: tuple[Block, ...]) -> tuple[list[nn.Module], int]:
    """Sequence of Inception blocks, and its number of output channels."""
    modules: list[nn.Module] = []
    for block in blocks:
        modules.append(Inception(in_channels, block))
        in_channels = block.channels
    return modules, in_channels


class MegaDepth(nn.Sequential):
    """The whole network, 5 357 153 parameters: sRGB in [0, 1] to log depth, (N, 3, H, W) to (N, 1, H, W).

    H and W are multiples of :data:`SIZE_MULTIPLE`. No mean is subtracted from the input. The depth has no
    scale: log depth is determined up to a constant.
    """

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(3, STEM_CHANNELS, 7, padding=3),
            nn.BatchNorm2d(STEM_CHANNELS),
            nn.ReLU(inplace=True),
            Hourglass(STEM_CHANNELS, LEVELS),
            nn.Conv2d(LEVELS[0].skip[-1].channels, 1, 3, padding=1),
        )


def load_megadepth(path: Path) -> MegaDepth:
    """Load one of the authors' weights files into the network, strictly.

    Args:
        path: ``best_generalization_net_G.pth`` or ``best_vanila_net_G.pth``; a ``module.`` prefix
            (saved from DataParallel) and missing ``num_batches_tracked`` (PyTorch before 0.4.1) are accepted.

    Returns:
        The network in evaluation mode, gradients off, on the CPU, float32.

    Raises:
        InvalidInput: the file cannot be read, or contains other values than the tensors of the network.
    """
    state = _read_state(path)
    with torch.device("meta"):
        model = MegaDepth()
    wanted = model.state_dict()
    _check_tensors(state, wanted, path)
    state = matched_state(state, wanted, path, _HINT)
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(requires_grad=False)


def _read_state(path: Path) -> StateDict:
    """The tensors of the file under the network's names."""
    state = {name.removeprefix("module."): values for name, values in load_state(path, _HINT).items()}
    for name in [name for name in state if name.endswith("running_var")]:
        counter = name.replace("running_var", "num_batches_tracked")
        state.setdefault(counter, torch.tensor(0, dtype=torch.int64))
    return state


_HINT = "MegaDepth's files come with: ebb weights download megadepth"


def _check_tensors(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: Path) -> None:
    """Check that no tensor is missing, unexpected or of another shape."""
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    if any(faults.values()):
        message = "; ".join(_list_some(what, names) for what, names in faults.items() if names)
        raise InvalidInput(f"not MegaDepth's weights: {message}", path=path, hint=_HINT)


def _list_some(what: str, names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {what} ({', '.join(names[:most])}{more})"
