"""Masks that lie in files named after their pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput
from ebb.files import read_bytes, sha256_bytes
from ebb.formats.image import decode_image, max_image_bytes
from ebb_train.pixels import to_unit

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8
    from ebb_train.pixels import Floats

SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp")
"""In the order in which files are looked for."""
ASPECT_TOLERANCE = 0.02
"""Largest relative difference between the aspect ratios of a mask and its photo."""


class MaskFolder:
    """Pictures in shades of grey, white where the subject is, of any size.

    Args:
        folder: Files named after the ``pair_id``, with an underscore for a slash.
    """

    name = "masks"
    needs_depth = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def mask(self, wide: Rgb8, depth: Gray8 | None, pair_id: str) -> Floats:  # noqa: ARG002 - of a source
        """The file's values, enlarged; see :class:`ebb_train.subject.source.MaskSource`.

        Raises:
            InvalidInput: there is no such file, or it is damaged or of another aspect.
        """
        import cv2

        path = self._find(pair_id)
        try:
            values = np.asarray(decode_image(read_bytes(path, max_image_bytes())))
        except ValueError as error:
            raise InvalidInput(f"not a mask: {error}", path=path) from error
        if values.dtype not in (np.uint8, np.uint16):
            raise InvalidInput(f"not a mask: values of type {values.dtype}", path=path, hint="8 or 16 bits")
        plane = to_unit(values if values.ndim == 2 else values[..., :3].max(axis=2))
        height, width = wide.shape[:2]
        if abs(plane.shape[1] / plane.shape[0] * height / width - 1) > ASPECT_TOLERANCE:
            sizes = f"{plane.shape[1]} x {plane.shape[0]} for a photo of {width} x {height}"
            raise InvalidInput(f"a mask of another aspect: {sizes}", path=path)
        return np.asarray(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    def metadata(self) -> dict[str, Any]:
        """The hash of all masks."""
        files = sorted(path for path in self.folder.iterdir() if path.suffix.lower() in SUFFIXES)
        sums = "".join(f"{path.name} {sha256_bytes(read_bytes(path))}\n" for path in files)
        return {"masks": self.name, "masks_sha256": sha256_bytes(sums.encode())}

    def _find(self, pair_id: str) -> Path:
        stem = pair_id.replace("/", "_")
        # no name of a pair leads out of the folder: it holds neither slashes nor, alone, dots
        paths = [self.folder / f"{stem}{suffix}" for suffix in SUFFIXES] if stem else []
        for path in paths:
            if path.is_file():
                return path
        raise InvalidInput(
            f"no mask for {pair_id or 'a photo without a name'}",
            path=self.folder,
            hint=f"name it {stem}{SUFFIXES[0]}" if stem else "",
        )
