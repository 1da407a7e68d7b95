"""Depth files a user puts beside the photos: PNG, TIFF, NPY or NPZ to inverse depth."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ebb.depthmap.encoding import check_finite
from ebb.errors import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Size

SidecarValues: TypeAlias = Literal["inverse", "distance"]

ASPECT_TOLERANCE = 0.01
"""Largest relative difference between the aspect of a depth map and that of its photo."""

_ENDING = "_depth"

MAX_BYTES = 2 << 30
"""Refuse a compressed array that unpacks to more than this."""


def read_sidecar(data: bytes, suffix: str, values: SidecarValues, photo: Size) -> InverseDepth:
    """Decode a depth file and check that it can belong to the photo.

    Args:
        data: The file's bytes.
        suffix: The file's suffix, with the dot, in any case: one of :data:`SUFFIXES`.
        values: ``inverse``: larger is nearer, taken as it is. ``distance``: larger is farther; 0 and infinity
            are the sky, whose inverse depth is 0.
        photo: Size of the upright photo the map covers.

    Returns:
        (height, width) of the file, finite, not constant.

    Raises:
        Rejected: ``bad_depth``, if the file cannot be decoded, is not one number a pixel, has another aspect
            than the photo, holds values that mean nothing, or the same value everywhere.
    """
    depth = _decode(data, suffix)
    check_aspect(depth, photo)
    if depth.dtype.kind not in "uif":
        raise Rejected(Reason.BAD_DEPTH, f"depth values of type {depth.dtype}; expected integers or floats")
    inverse_depth = _invert(depth) if values == "distance" else _as_float32(depth)
    check_finite(inverse_depth)
    if inverse_depth.min() == inverse_depth.max():
        raise Rejected(Reason.BAD_DEPTH, "the depth map has the same value everywhere")
    return inverse_depth


def _decode(data: bytes, suffix: str) -> NDArray[Any]:
    decoder = _DECODERS.get(suffix.lower())
    if decoder is None:
        raise Rejected(Reason.BAD_DEPTH, f"a {suffix!r} depth file; known: {', '.join(SUFFIXES)}")
    try:
        return decoder(data)
    except _DECODE_ERRORS as error:
        raise Rejected(Reason.BAD_DEPTH, f"the depth file cannot be decoded: {error}") from error


def decode_image(data: bytes) -> NDArray[Any]:
    """Decode a PNG, TIFF or JPEG as it is stored: as many bits and channels (BGR) as it has, not turned.

    Raises:
        ValueError: it cannot be decoded.
    """
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(str(error.err or error)) from error
    if image is None:
        raise ValueError("not a whole image")
    return np.asarray(image)


def _decode_npy(data: bytes) -> NDArray[Any]:
    return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))


def _decode_npz(data: bytes) -> NDArray[Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise ValueError(f"it holds {len(members)} arrays, expected one")
        if members[0].file_size > MAX_BYTES:
            raise ValueError(f"it unpacks to {members[0].file_size / 1e9:.1f} GB")
        return _decode_npy(archive.read(members[0]))


_DECODERS: dict[str, Callable[[bytes], NDArray[Any]]] = {
    ".png": decode_image,
    ".tif": decode_image,
    ".tiff": decode_image,
    ".npy": _decode_npy,
    ".npz": _decode_npz,
}
SUFFIXES = tuple(_DECODERS)
"""What :func:`read_sidecar` can decode, in the order in which a folder is searched."""

_DECODE_ERRORS = (
    ValueError,
    EOFError,
    OSError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    RuntimeError,  # an archive with a password, or packed by a method unknown here
)


def is_depth_file(path: PurePath) -> bool:
    """Whether a file is named as the depth map of a photo beside it: ``IMG_1_depth.png``."""
    return path.stem.endswith(_ENDING) and path.suffix.lower() in SUFFIXES


def depth_files(names: Iterable[str]) -> dict[str, str]:
    """Find the depth files among the files of a folder.

    Args:
        names: Names or paths of files, those that are no depth files included.

    Returns:
        Path of a photo without its ending → its depth file; of several the one whose ending comes first in
        :data:`SUFFIXES`.
    """
    found: dict[str, str] = {}
    paths = [path for path in map(PurePath, names) if is_depth_file(path)]
    for path in sorted(paths, key=lambda path: SUFFIXES.index(path.suffix.lower())):
        found.setdefault(str(path.with_suffix("")).removesuffix(_ENDING), str(path))
    return found


def check_aspect(depth: NDArray[Any], photo: Size) -> None:
    """Refuse what is no map of the whole photo.

    Raises:
        Rejected: ``bad_depth``, if it has not two axes or another aspect than the photo.
    """
    if depth.ndim != 2 or depth.size == 0:
        raise Rejected(Reason.BAD_DEPTH, f"depth of shape {depth.shape}; expected one number a pixel (H, W)")
    height, width = depth.shape
    difference = (width * photo.height) / (height * photo.width) - 1.0
    if abs(difference) > ASPECT_TOLERANCE:
        message = f"a {width} x {height} depth map for a {photo.width} x {photo.height} photo: another aspect"
        raise Rejected(Reason.BAD_DEPTH, message, measurements={"aspect_difference": difference})


def _as_float32(depth: NDArray[Any]) -> InverseDepth:
    with np.errstate(over="ignore"):
        return depth.astype(np.float32)


def _invert(distance: NDArray[Any]) -> InverseDepth:
    """1 / distance, in the unit of the file; 0 where there is no distance (0 or infinity)."""
    distance = distance.astype(np.float64)
    if np.any(distance < 0):
        raise Rejected(
            Reason.BAD_DEPTH, "negative distances; are these inverse depths (--sidecar-values inverse)?"
        )
    known = distance != 0
    inverse = np.zeros_like(distance)
    np.divide(1.0, distance, out=inverse, where=known)
    return _as_float32(inverse)
