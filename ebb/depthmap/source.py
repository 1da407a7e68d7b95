"""The interface of depth sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import InverseDepth, Rect, Rgb8, Size


class DepthFile(NamedTuple):
    """A depth file that belongs to a photo."""

    path: Path | str
    """Path for messages; its suffix gives the file type."""
    data: bytes


class PhotoView(Protocol):
    """A photo that needs depth; its files are read on demand."""

    @property
    def name(self) -> str:
        """Name of the photo's file."""
        ...

    @property
    def photo_size(self) -> Size:
        """Size of the whole photo, developed and upright."""
        ...

    @property
    def orientation(self) -> int:
        """EXIF Orientation of the file, 1…8."""
        ...

    @property
    def crop(self) -> Rect:
        """The part of the whole photo that the stored photo shows."""
        ...

    @property
    def size(self) -> Size:
        """Size of the stored photo; its depth map has half of it, rounded down."""
        ...

    def read_pixels(self) -> Rgb8:
        """The stored photo, (height, width, 3).

        Raises:
            Broken: the photo is missing or damaged.
        """
        ...

    def read_file(self) -> bytes:
        """Content of the photo's file.

        Raises:
            Broken: the file is missing or has changed.
        """
        ...

    def read_depth_file(self) -> DepthFile | None:
        """The depth file of the photo; ``None`` if there is none.

        Raises:
            Broken: the file is missing or has changed.
        """
        ...


class DepthSource(Protocol):
    """A source of depth for photos: a network, files, or none."""

    def depth(self, photos: Sequence[PhotoView]) -> Sequence[InverseDepth | None]:
        """Inverse depth of photos of equal size, in their order.

        Returns:
            Maps of half the size of the stored photos, rounded down; ``None`` for photos without depth.

        Raises:
            Rejected: there is no usable depth for one of the photos.
            Broken: a file of one of them is missing or damaged.
        """
        ...


class NoDepth:
    """The source ``none``, without depth."""

    def depth(self, photos: Sequence[PhotoView]) -> list[None]:
        """See :class:`DepthSource`."""
        return [None] * len(photos)
