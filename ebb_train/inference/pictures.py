"""The interface of whatever makes pictures of an opened photo, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb.one_photo import OnePhoto


class Pictures(NamedTuple):
    """The pictures of one photo."""

    pictures: tuple[Rgb8, ...]
    """(H, W, 3) each, of one size: that of the photo as it is shown."""
    facts: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """How they were made, for the report."""


class PictureMaker(Protocol):
    """Makes pictures."""

    def __call__(self, photo: OnePhoto) -> Pictures:
        """The pictures of a photo: at its own size where that was kept, else at the size of ``photo.small``.

        Raises:
            ItemError: this photo cannot be rendered.
            MemoryError: there is not enough memory.
        """
        ...
