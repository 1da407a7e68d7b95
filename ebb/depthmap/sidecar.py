"""Depth files beside the photos: from PNG, TIFF, NPY or NPZ to inverse depth."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ebb.depthmap.color_coded import as_numbers
from ebb.depthmap.encoding import by_rows, check_finite
from ebb.errors import Reason, Rejected
from ebb.formats.containers import PNG_SIGNATURE
from ebb.formats.image import decode_image
from ebb.formats.npy import decode_array, decode_npz

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Size

SidecarValues: TypeAlias = Literal["inverse", "distance"]

ASPECT_TOLERANCE = 0.01
"""Largest relative difference between the aspect ratios of a depth map and its photo."""

MAX_DEPTH_PIXELS = 32_000_000
"""Largest number of pixels of a depth map, unless the photo has more; then the map may have as many."""

_ENDING = "_depth"


def read_sidecar(data: bytes, suffix: str, values: SidecarValues, photo: Size) -> InverseDepth:
    """Decode a depth file and check that it matches the photo.

    A picture in the colours of Depth Anything V2 is read as the inverse depth it shows.

    Args:
        data: The file's bytes.
        suffix: The file's suffix, with the dot, in any case: one of :data:`SUFFIXES`.
        values: ``inverse``: larger is nearer; values are unchanged. ``distance``: larger is farther; 0 and
            infinity represent the sky, whose inverse depth is 0.
        photo: Size of the upright photo that the map covers.

    Returns:
        (height, width) of the file, finite, not constant.

    Raises:
        Rejected: ``bad_depth`` if the file cannot be decoded, has more pixels than
            :func:`max_depth_pixels`, does not have one value per pixel, has a different aspect ratio than
            the photo, contains negative or infinite values, or has the same value everywhere.
    """
    depth = _decode(data, suffix, photo)
    check_aspect(depth, photo)
    if depth.dtype.kind not in "uif":
        raise Rejected(Reason.BAD_DEPTH, f"depth values of type {depth.dtype}; expected integers or floats")
    inverse_depth = _invert(depth) if values == "distance" else _as_float32(depth)
    check_finite(inverse_depth)
    if inverse_depth.min() == inverse_depth.max():
        raise Rejected(Reason.BAD_DEPTH, "the depth map has the same value everywhere")
    return inverse_depth


def max_depth_pixels(photo: Size) -> int:
    """Largest number of pixels of a depth map of this photo."""
    return max(MAX_DEPTH_PIXELS, photo.width * photo.height)


def _decode(data: bytes, suffix: str, photo: Size) -> NDArray[Any]:
    decoder = _DECODERS.get(suffix.lower())
    if decoder is None:
        raise Rejected(Reason.BAD_DEPTH, f"a {suffix!r} depth file; known: {', '.join(SUFFIXES)}")
    try:
        return as_numbers(decoder(data, max_depth_pixels(photo)))
    except (ValueError, MemoryError) as error:
        raise Rejected(Reason.BAD_DEPTH, f"the depth file cannot be decoded: {error}") from error


def _decode_image(data: bytes, max_pixels: int) -> NDArray[Any]:
    """Decode PNG or TIFF; decoders of PNG scale fewer than 8 bits to 8."""
    if data.startswith(PNG_SIGNATURE) and len(data) > 24 and data[24] < 8:
        raise ValueError(f"a PNG of {data[24]} bits per pixel; 8 and 16 are supported")
    return decode_image(data, max_pixels)


_DECODERS: dict[str, Callable[[bytes, int], NDArray[Any]]] = {
    ".png": _decode_image,
    ".tif": _decode_image,
    ".tiff": _decode_image,
    ".npy": decode_array,
    ".npz": decode_npz,
}
SUFFIXES = tuple(_DECODERS)
"""Suffixes that :func:`read_sidecar` decodes, in the order in which a folder is searched."""


def is_depth_file(path: PurePath) -> bool:
    """Whether a file has the name of a depth map of a photo: ``IMG_1_depth.png``."""
    return path.stem.endswith(_ENDING) and path.suffix.lower() in SUFFIXES


def depth_files(names: Iterable[str]) -> dict[str, str]:
    """Find the depth files among the files of a folder.

    Args:
        names: Names or paths of all files.

    Returns:
        Path of a photo without suffix → its depth file; of several, the one whose suffix comes first in
        :data:`SUFFIXES`.
    """
    found: dict[str, str] = {}
    paths = [path for path in map(PurePath, names) if is_depth_file(path)]
    for path in sorted(paths, key=lambda path: SUFFIXES.index(path.suffix.lower())):
        found.setdefault(str(path.with_suffix("")).removesuffix(_ENDING), str(path))
    return found


def check_aspect(depth: NDArray[Any], photo: Size) -> None:
    """Check that an array can be a map of the whole photo.

    Raises:
        Rejected: ``bad_depth`` if it does not have two axes or the aspect ratio of the photo.
    """
    if depth.ndim != 2 or depth.size == 0:
        raise Rejected(Reason.BAD_DEPTH, f"depth of shape {depth.shape}; expected one value per pixel (H, W)")
    height, width = depth.shape
    difference = (width * photo.height) / (height * photo.width) - 1.0
    if abs(difference) > ASPECT_TOLERANCE:
        message = (
            f"depth map {width} x {height}, photo {photo.width} x {photo.height}: different aspect ratios"
        )
        raise Rejected(Reason.BAD_DEPTH, message, measurements={"aspect_difference": difference})


def _as_float32(depth: NDArray[Any]) -> InverseDepth:
    with np.errstate(over="ignore"):
        return depth.astype(np.float32)


def _invert(distance: NDArray[Any]) -> InverseDepth:
    """1 / distance, in the unit of the file; 0 if the distance is unknown (0 or infinity)."""
    if (distance < 0).any():
        raise Rejected(
            Reason.BAD_DEPTH, "negative distances; are these inverse depths (--sidecar-values inverse)?"
        )
    return by_rows(_reciprocal, distance)


def _reciprocal(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(1.0, distance, out=np.zeros_like(distance), where=distance != 0)
