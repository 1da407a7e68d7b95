"""The interface of everything that gives masks, and how one is chosen by name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ebb.errors import UsageError
from ebb_train.subject.focus_band import FocusBand
from ebb_train.subject.grabcut import GrabCut
from ebb_train.subject.mask_folder import MaskFolder
from ebb_train.subject.segmentation import SUFFIXES, open_segmentation

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8
    from ebb_train.pixels import Floats

CHOICES = "depth, grabcut, a folder of masks, or a segmentation network (.onnx, .tflite)"
"""What :func:`open_masks` takes."""


class MaskSource(Protocol):
    """Gives the mask of a photo's subject."""

    name: str
    """Name in tables."""
    needs_depth: bool

    def mask(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:
        """The mask of a photo.

        Args:
            wide: (H, W, 3), 0…255.
            depth: (h, w), near is bright, 0…255.
            pair_id: Which photo it is; empty for one that has no name.

        Returns:
            (H, W), from 0 (background) to 1 (subject).

        Raises:
            InvalidInput: there is no mask for this photo.
        """
        ...

    def metadata(self) -> dict[str, Any]:
        """Everything the masks depend on, as plain values."""
        ...


def open_masks(choice: str) -> MaskSource:
    """A source of masks.

    Args:
        choice: As in :data:`CHOICES`.

    Raises:
        UsageError: it is none of these.
        InvalidInput: the network cannot be used.
        MissingDependency: what the network needs is not installed.
    """
    if choice == "depth":
        return FocusBand()
    if choice == "grabcut":
        return GrabCut()
    path = Path(choice)
    if path.suffix.lower() in SUFFIXES:
        return open_segmentation(path)
    if path.is_dir():
        return MaskFolder(path)
    raise UsageError(f"no masks are called {choice!r}", hint=f"give {CHOICES}")
