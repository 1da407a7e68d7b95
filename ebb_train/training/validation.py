"""Validation on whole photos: scores by a named protocol, and pictures to look at.

Every level is scored at the size of the photo, to which its picture is enlarged, so that the curve of one
level continues that of the level before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch  # noqa: TID253 - only imported by training

from ebb_train.data.sources import SplitIsEmpty, open_source
from ebb_train.inference.whole_photo import render_full_image
from ebb_train.metrics.protocols import Protocol, find_protocol
from ebb_train.pixels import enlarge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lightning_fabric import Fabric
    from numpy.typing import NDArray

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.data.sources import Source
    from ebb_train.settings import MonitorSettings
    from ebb_train.training.architecture import NetworkInTraining

NUM_EXAMPLES = 3
"""Pairs whose pictures are shown."""


class Example(NamedTuple):
    """A pair and the picture of the network."""

    pair_id: str
    wide: Rgb8
    depth: Gray8 | None
    output: NDArray[np.float32]
    """(H, W, 3) in [0, 1], at the size of the photo."""
    shallow: Rgb8


@dataclass(frozen=True, kw_only=True)
class Validation:
    """The result of one validation."""

    scores: dict[str, float]
    """Means over the pairs, of the metrics that all of them allow; empty if nothing is scored."""
    examples: tuple[Example, ...]
    """The first few pairs of this rank."""


class Validator:
    """Runs a network over the same whole photos at each validation.

    Args:
        source: The pairs.
        protocol: How a picture is scored; None: it is shown without a score.
        max_pairs: Most pairs to take, evenly chosen; 0: all.
    """

    def __init__(self, source: Source, protocol: Protocol | None, max_pairs: int = 0) -> None:
        self.num_pairs = min(len(source), max_pairs or len(source))
        self.protocol = protocol
        self._source = source

    def validate(self, network: NetworkInTraining, fabric: Fabric) -> Validation:
        """Score a network; every rank takes its share of the pairs and gets the result.

        Raises:
            InvalidInput: a pair is damaged or has no depth map.
        """
        metrics = self.protocol.metrics if self.protocol else ()
        sums = np.zeros((2, len(metrics)))
        examples: list[Example] = []
        for number in range(fabric.global_rank, self.num_pairs, fabric.world_size):
            pair = self._render(network, fabric, number * len(self._source) // self.num_pairs)
            scores = self.protocol.score(pair.output, pair.shallow) if self.protocol else {}
            sums[0] += [scores.get(name, 0.0) for name in metrics]
            sums[1] += [float(name in scores) for name in metrics]
            examples += [pair] if len(examples) < NUM_EXAMPLES else []
        total, count = torch.as_tensor(fabric.all_reduce(torch.from_numpy(sums), reduce_op="sum")).tolist()
        means = {
            name: value / self.num_pairs
            for name, value, number in zip(metrics, total, count, strict=True)
            if number == self.num_pairs
        }
        return Validation(scores=means, examples=tuple(examples))

    def _render(self, network: NetworkInTraining, fabric: Fabric, index: int) -> Example:
        photos = self._source.read(index)
        with fabric.autocast():
            output = render_full_image(network, photos.wide, photos.depth, photos.f_number)
        return Example(
            photos.pair_id, photos.wide, photos.depth, enlarge(output, photos.wide.shape), photos.shallow
        )


def find_validator(dataset: Path, settings: MonitorSettings, note: Callable[[str], None]) -> Validator:
    """Open the pairs to validate on.

    Where the split holds none, training pairs are shown, and nothing is scored.

    Raises:
        UsageError: there is no such protocol.
        InvalidInput: the data set is broken.
    """
    protocol = find_protocol(settings.protocol)
    try:
        return Validator(open_source(dataset, settings.validate_on), protocol, settings.validate_pairs)
    except SplitIsEmpty:
        note(f"note: no {settings.validate_on} pairs to validate on: training pairs are shown, not scored")
        return Validator(open_source(dataset), None, NUM_EXAMPLES)
