"""What a network receives: the photo, and the planes that some of them take beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor


class NetworkInputs(NamedTuple):
    """A batch; planes that no network of a run takes are None."""

    photo: Tensor
    """(N, 3, H, W), sRGB-encoded, [0, 1]."""
    depth: Tensor | None = None
    """(N, 1, H, W), inverse depth, near is 1."""
    strength: Tensor | None = None
    """(N, 1)."""
    mask: Tensor | None = None
    """(N, 1, H, W), 1 where the subject is."""
    position: Tensor | None = None
    """(N, 2, H, W)."""
