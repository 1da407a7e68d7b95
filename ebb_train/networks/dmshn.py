"""DMSHN: a deep multi-scale hierarchical network, and two of them in series.

Dutta et al., "Stacked Deep Multi-Scale Hierarchical Network for Fast Bokeh Effect Rendering from a Single
Image" (CVPR Workshops 2021).

Certain, as their published code has it: layers, sizes, and the 5 424 393 parameters; two networks in series,
the second of which sees only the picture of the first, have 10 848 786.

Ours: the schedule, as the authors' training script is lost. L1 for four fifths of the steps, then L1 and
1 − MS-SSIM; the two networks in series start from one that is trained alone.

Float32 memory for a photo of 1024 × 1536 without gradients: 32 maps at full size take 201 MB, of which the
encoder holds up to three; 0.8 GB in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253 - a network definition; only imported when a network is wanted

from ebb_train.networks.layers import conv3
from ebb_train.networks.spec import NetworkSpec, scaled
from ebb_train.settings import LossWeights
from ebb_train.stages import StagePlan, StageSchedule

if TYPE_CHECKING:
    from ebb_train.networks.planes import NetworkInputs

SIZE_MULTIPLE = 16
"""Height and width of the input are multiples of this: the coarsest of three scales has stride 4."""
SCALES = 3


class ResidualPair(nn.Module):
    """Two convolutions with a ReLU between them, added to the input; no activation after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv3(channels, channels), nn.ReLU(), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        result: Tensor = x + self.body(x)
        return result


def _pairs(channels: int) -> list[nn.Module]:
    return [ResidualPair(channels), ResidualPair(channels)]


def encoder(width: int) -> nn.Sequential:
    """Picture to four times ``width`` maps at a quarter of its size."""
    return nn.Sequential(
        conv3(3, width),
        *_pairs(width),
        conv3(width, 2 * width, stride=2),
        *_pairs(2 * width),
        conv3(2 * width, 4 * width, stride=2),
        *_pairs(4 * width),
    )


def decoder(width: int) -> nn.Sequential:
    """Four times ``width`` maps to a picture of four times their size."""
    return nn.Sequential(
        *_pairs(4 * width),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, stride=2, padding=1),
        *_pairs(2 * width),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1),
        *_pairs(width),
        conv3(width, 3),
    )


class Dmshn(nn.Module):
    """One network: photo to picture, the coarsest of three scales first.

    Args:
        width: Maps at full size; twice and four times as many at half and a quarter of it.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoder(width) for _ in range(SCALES))
        self.decoders = nn.ModuleList(decoder(width) for _ in range(SCALES))

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1]; only the photo is looked at."""
        photos = [inputs.photo]
        for _ in range(SCALES - 1):
            photos.append(_resized(photos[-1], 0.5))
        features: Tensor | None = None
        picture: Tensor | None = None
        for encode, decode in zip(self.encoders, self.decoders, strict=True):
            x = photos.pop()
            found = encode(x if picture is None else x + _resized(picture, 2))
            picture = decode(found if features is None else found + _resized(features, 2))
            features = found
        assert picture is not None  # noqa: S101 - there are scales
        return picture


def _resized(x: Tensor, factor: float) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


class StackedDmshn(nn.Module):
    """Two networks in series: the second sees the picture of the first alone.

    Args:
        width: Of each.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.first, self.second = Dmshn(width), Dmshn(width)

    def forward(self, inputs: NetworkInputs) -> Tensor:
        """(N, 3, H, W), about [0, 1]; only the photo is looked at."""
        picture: Tensor = self.second(inputs._replace(photo=self.first(inputs)))
        return picture


_L1, _BOTH = LossWeights(), LossWeights(ms_ssim=1.0)
_BATCH, _CROP, _RATE = 4, 256, 1e-4


def _stages(part: str = "") -> tuple[StagePlan, ...]:
    return (
        StagePlan(
            name="L1", iterations=80_000, batch=_BATCH, crop=_CROP, learning_rate=_RATE, loss=_L1, part=part
        ),
        StagePlan(
            name="with MS-SSIM",
            iterations=20_000,
            batch=_BATCH,
            crop=_CROP,
            learning_rate=_RATE,
            loss=_BOTH,
            part=part,
        ),
    )


_SERIES = StagePlan(
    name="both",
    iterations=40_000,
    batch=_BATCH,
    crop=_CROP,
    learning_rate=_RATE,
    loss=_BOTH,
    copy="second=first",
)

SPECS = (
    NetworkSpec(
        name="dmshn",
        build=Dmshn,
        arguments=lambda width: {"width": scaled(width, 32)},
        parameters=5_424_393,
        multiple=SIZE_MULTIPLE,
        schedule=StageSchedule(_stages()),
    ),
    NetworkSpec(
        name="stacked-dmshn",
        build=StackedDmshn,
        arguments=lambda width: {"width": scaled(width, 32)},
        parameters=10_848_786,
        multiple=SIZE_MULTIPLE,
        schedule=StageSchedule((*_stages("first"), _SERIES)),
    ),
)
