"""The repair of depth before a photo is rendered: by the network in the package, where it can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ebb.errors import MissingDependency
from ebb_train.lens.repair import packaged_network, packaged_weights, repair_depth

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.arrays import InverseDepth, Rgb8

Repair: TypeAlias = "Callable[[Rgb8, InverseDepth], InverseDepth]"
"""Moves the edges of a depth map (H, W), in [0, 1], to those of its photo (H, W, 3)."""

REPAIRED = "its edges moved to those of the photo"


class DepthRepair(NamedTuple):
    """What is done with the edges of depth."""

    apply: Repair | None
    """None: nothing."""
    about: str
    """For people; empty where there is nothing to say."""


NO_REPAIR = DepthRepair(None, "")


def find_repair(*, wanted: bool = True) -> DepthRepair:
    """The network in the package.

    Args:
        wanted: Whether depth is to be repaired at all.

    Returns:
        No repair if it is not wanted or this version has no weights, or, with the reason, if PyTorch or
        safetensors is not installed: the lens renders without them.
    """
    if not wanted or packaged_weights() is None:
        return NO_REPAIR
    try:
        packaged_network()
    except MissingDependency as error:
        return DepthRepair(None, f"its edges as they are, because {error.message}")
    return DepthRepair(repair_depth, REPAIRED)
