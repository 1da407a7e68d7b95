"""Depth maps that phones store as an auxiliary image of a HEIC photo.

The meaning of the stored values, n in 0…1, is given by one of two kinds of metadata:

- Apple's XMP (``apdi``, written by iPhones): ``FloatMinValue + n · (FloatMaxValue − FloatMinValue)`` is a
  disparity in 1/m or a depth in m, depending on the original pixel format in the XMP;
- the depth representation information of ITU-T H.265: inverse depth from 1/``z_far`` (n = 0) to 1/``z_near``
  (n = 1), or a disparity from ``d_min`` to ``d_max``.

Without metadata, larger values are nearer and have no unit, like those of most depth maps in a data set.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.depthmap.embedded import check_map, check_varies, number
from ebb.depthmap.encoding import by_rows, check_finite, inverse_depth_from_distance
from ebb.errors import Reason, Rejected
from ebb.formats.xmp import parse_packet, properties

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Size

_APDI = ("http://ns.apple.com/pixeldatainfo/1.0/",)
_DISTANCE_FORMATS = tuple(str(int.from_bytes(code, "big")) for code in (b"hdep", b"fdep"))
"""Core Video's codes of depth in metres, in half and single precision, as in XMP."""

_INVERSE_Z, _DISPARITY = 0, 1


def read_auxiliary(
    values: NDArray[np.uint8] | NDArray[np.uint16],
    representation: Mapping[str, Any],
    packets: Iterable[bytes],
    photo: Size,
) -> InverseDepth:
    """Convert the values of an auxiliary depth image to inverse depth.

    Args:
        values: (height, width), in the orientation of the photo.
        representation: Fields of the depth representation information; empty if there is none.
        packets: XMP packets of the auxiliary images.
        photo: Size of the upright photo that the map covers.

    Returns:
        (height, width), finite, not constant, larger is nearer.

    Raises:
        Rejected: ``bad_depth`` if the map has a different aspect ratio than the photo, the same value
            everywhere, an invalid range, or another representation than those above.
    """
    numbers = values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    check_map(numbers, photo)
    metadata = _apdi_metadata(packets)
    if metadata:
        low, high = number(metadata["FloatMinValue"]), number(metadata["FloatMaxValue"])
        is_distance = metadata.get("NativeFormat") in _DISTANCE_FORMATS
        return _between(numbers, low, high, is_distance=is_distance)
    if not representation:
        return numbers
    return _represented(numbers, representation)


def _apdi_metadata(packets: Iterable[bytes]) -> dict[str, str]:
    """Apple's metadata of the map; mattes and gain maps of the same file also have metadata, but no range."""
    for packet in packets:
        metadata: dict[str, str] = {}
        for element in parse_packet(packet).iter():
            metadata |= properties(element, _APDI)
        if metadata.keys() >= {"FloatMinValue", "FloatMaxValue"}:
            return metadata
    return {}


def _represented(numbers: NDArray[np.float32], metadata: Mapping[str, Any]) -> InverseDepth:
    kind = int(metadata.get("representation_type", -1))
    if kind == _INVERSE_Z and metadata.get("z_near") and metadata.get("z_far"):
        return _between(numbers, 1 / metadata["z_far"], 1 / metadata["z_near"])
    if kind == _DISPARITY and metadata.get("d_max") is not None:
        return _between(numbers, metadata.get("d_min") or 0.0, metadata["d_max"])
    if kind in (_INVERSE_Z, _DISPARITY):
        return numbers
    message = f"a depth image of representation type {kind}; known: 0 (inverse depth) and 1 (disparity)"
    raise Rejected(Reason.BAD_DEPTH, message)


def _between(
    numbers: NDArray[np.float32], low: float, high: float, *, is_distance: bool = False
) -> InverseDepth:
    """Inverse depth from values 0…1 of disparities or distances between ``low`` and ``high``."""
    if not (low < high and math.isfinite(high - low)) or (is_distance and low <= 0):
        raise Rejected(Reason.BAD_DEPTH, f"a depth image from {low:g} to {high:g}: that is not a range")
    stretched = by_rows(lambda n: low + n * (high - low), numbers)
    inverse_depth = inverse_depth_from_distance(stretched) if is_distance else stretched
    check_finite(inverse_depth)
    check_varies(inverse_depth)
    return inverse_depth
