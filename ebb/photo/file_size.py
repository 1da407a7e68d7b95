"""Largest sizes of photo and depth files, checked before a file is read into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.errors import Broken, Reason
from ebb.files import check_regular
from ebb.settings import MAX_PIXELS
from ebb.settings_checks import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from pathlib import Path

_BYTES_PER_PIXEL = {".jpg": 6, ".jpeg": 6, ".heic": 6, ".heif": 6, ".hif": 6, ".tif": 16, ".tiff": 16}
"""JPEG and HEIC: twice three channels of 8 bits. TIFF: eight samples of 16 bits, or layers of fewer."""
_OTHER_BYTES_PER_PIXEL = 8
"""RAW: four exposures of 16 bits in one file. PNG: four channels of 16 bits. Depth: one double."""
_OTHER_CONTENT = 1 << 27
"""Bytes for previews, metadata, and videos that phones append to photos."""


def max_file_bytes(suffix: str, max_megapixels: float) -> int:
    """Largest size of a file of a photo with up to so many megapixels, or of its depth map.

    Args:
        suffix: Suffix of the file name, e.g. ``.CR2``.
        max_megapixels: Limit on the size of the photo, in millions of pixels.
    """
    bytes_per_pixel = _BYTES_PER_PIXEL.get(suffix.lower(), _OTHER_BYTES_PER_PIXEL)
    return _OTHER_CONTENT + int(bytes_per_pixel * min(max_megapixels, MAX_MEGAPIXELS) * 1e6)


def read_photo_file(path: Path, max_megapixels: float = MAX_PIXELS / 1e6) -> bytes:
    """Read a photo or depth file into memory.

    Args:
        path: The file.
        max_megapixels: Limit on the size of the photo, in millions of pixels.

    Raises:
        Broken: ``unreadable``: the file cannot be read, or is not a regular file; ``too_large``: it is larger
            than :func:`max_file_bytes`, as a damaged file system or a sparse file may be.
    """
    most = max_file_bytes(path.suffix, max_megapixels)
    try:
        check_regular(path)
        with path.open("rb") as file:
            size = path.stat().st_size
            data = file.read(size + 1) if size <= most else None  # a longer read reserves memory for it
    except OSError as error:
        raise Broken(Reason.UNREADABLE, f"cannot be read: {error.strerror or error}") from error
    if data is None or len(data) > most:
        kind = f"a {path.suffix.lower()} file of up to {max_megapixels:g} megapixels"
        limit = f"more than the {most / 1e6:.0f} MB of {kind}"
        raise Broken(Reason.TOO_LARGE, f"has {path.stat().st_size / 1e6:.0f} MB, {limit}")
    return data
