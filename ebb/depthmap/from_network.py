"""Depth estimated from the photo by a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ebb.errors import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.depthmap.source import PhotoView


class DepthProvider(Protocol):
    """Protocol of a provider, which estimates depth from a photo; plug-ins implement it."""

    name: str

    def __call__(self, rgb: Rgb8) -> InverseDepth:
        """Inverse depth of one photo (height, width, 3), at exactly half its size, rounded down.

        Raises:
            Rejected: ``too_small`` or ``bad_depth``.
        """
        ...

    def predict(self, photos: Sequence[Rgb8]) -> list[InverseDepth]:
        """Inverse depth of photos of equal size, in their order."""
        ...


class FromNetwork:
    """A :class:`~ebb.depthmap.source.DepthSource` around a provider."""

    def __init__(self, provider: DepthProvider) -> None:
        self._provider = provider

    def depth(self, photos: Sequence[PhotoView]) -> list[InverseDepth]:
        """See :class:`~ebb.depthmap.source.DepthSource`."""
        return self.estimate([photo.read_pixels() for photo in photos])

    def estimate(self, pixels: Sequence[Rgb8]) -> list[InverseDepth]:
        """Inverse depth of photos of equal size (height, width, 3), at half their size, rounded down.

        Raises:
            Rejected: ``too_small`` or ``bad_depth``.
        """
        maps = list(self._provider.predict(pixels)) if len(pixels) > 1 else [self._provider(pixels[0])]
        half = (pixels[0].shape[0] // 2, pixels[0].shape[1] // 2)
        for inverse_depth in maps:
            if inverse_depth.shape != half:
                message = f"a map of shape {inverse_depth.shape} where {half} is half the photo"
                raise Rejected(Reason.BAD_DEPTH, message)
        return maps
