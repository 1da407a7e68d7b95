"""Depth maps that phones store inside JPEG files; the first format below is also used in HEIC files.

Both formats are Google's and are described by XMP: ``GDepth`` (Depthmap Metadata, 2014) contains the map as
base64 in the XMP itself; Dynamic Depth 1.0 (2019) appends it to the file and lists it in a container
directory. Both encode a distance d between ``near`` and ``far`` as a number n in 0…1, where 0 is near:

- ``RangeLinear``: n = (d − near) / (far − near)
- ``RangeInverse``: n = far · (d − near) / (d · (far − near)), so that 1/d falls linearly with n
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ebb.depthmap.encoding import by_rows, check_finite
from ebb.depthmap.sidecar import check_aspect, max_depth_pixels
from ebb.errors import Reason, Rejected
from ebb.formats.image import decode_image
from ebb.formats.xmp import parse_packet, properties, read_xmp

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Size
    from ebb.formats.containers import Part

_GDEPTH = ("http://ns.google.com/photos/1.0/depthmap/",)
_DEPTH_MAP = ("http://ns.google.com/photos/dd/1.0/depthmap/",)
_CONTAINERS = {
    "http://ns.google.com/photos/dd/1.0/container/": ("http://ns.google.com/photos/dd/1.0/item/",),
    "http://ns.google.com/photos/1.0/container/": ("http://ns.google.com/photos/1.0/container/item/",),
}
"""Namespace of a container directory → namespaces of its items; a file may list its items in both."""

MAX_DIFFERENCE = 4
"""Largest difference between the channels of a grey map that was stored in colour, in levels of 255."""


class _Found(NamedTuple):
    """A stored map and the metadata of its values."""

    image: bytes
    metadata: Mapping[str, str]


def read_embedded(data: bytes, segments: Sequence[Part], stored: Size) -> InverseDepth:
    """Decode the depth map inside a JPEG.

    Args:
        data: The file.
        segments: Segments of its first image up to and including the end-of-image marker.
        stored: Size of the photo as stored, before EXIF orientation; the map has the same orientation.

    Returns:
        (height, width), in 1 / the file's unit of distance; finite, not constant, as stored.

    Raises:
        Rejected: ``no_depth`` if the file contains no map, ``bad_depth`` if its map is damaged or incomplete,
            has a different aspect ratio than the photo, no range, or the same value everywhere.
    """
    roots = read_xmp(data, segments)
    found = _gdepth(roots) or _dynamic_depth(roots, data, end=segments[-1].stop)
    if found is None:
        raise Rejected(Reason.NO_DEPTH, "the JPEG contains no depth map (GDepth or Dynamic Depth)")
    return _inverse_depth(found, stored)


def describes_map(data: bytes, segments: Sequence[Part]) -> bool:
    """Whether the XMP of a JPEG describes a depth map that :func:`read_embedded` reads.

    Args:
        data: The file.
        segments: As for :func:`read_embedded`.

    Raises:
        Rejected: ``bad_depth``, if what it describes is not there or not whole.
    """
    roots = read_xmp(data, segments)
    return (_gdepth(roots) or _dynamic_depth(roots, data, end=segments[-1].stop)) is not None


def read_gdepth(packets: Iterable[bytes], photo: Size) -> InverseDepth | None:
    """Decode the GDepth map in XMP packets from a file of any type; ``None`` if there is none.

    Args:
        packets: XMP packets of the photo.
        photo: Size of the photo in the orientation of the map.

    Raises:
        Rejected: ``bad_depth``, as for :func:`read_embedded`.
    """
    found = _gdepth([parse_packet(packet) for packet in packets])
    return _inverse_depth(found, photo) if found else None


def check_map(numbers: NDArray[np.float32], photo: Size) -> None:
    """Check that a map has the aspect ratio of the photo and is not constant.

    Raises:
        Rejected: ``bad_depth``.
    """
    check_aspect(numbers, photo)
    check_varies(numbers)


def check_varies(numbers: NDArray[np.float32]) -> None:
    """Refuse a map with the same value everywhere.

    Raises:
        Rejected: ``bad_depth``.
    """
    if numbers.min() == numbers.max():
        raise Rejected(Reason.BAD_DEPTH, "the embedded depth map has the same value everywhere")


def _gdepth(roots: Sequence[ET.Element]) -> _Found | None:
    """Map of a GDepth photo; its properties may be distributed over the packet and its extension."""
    metadata: dict[str, str] = {}
    for root in roots:
        for element in root.iter():
            metadata |= properties(element, _GDEPTH)
    if not metadata:
        return None
    if "Data" not in metadata:
        raise Rejected(Reason.BAD_DEPTH, "the XMP describes a depth map (GDepth) but does not contain it")
    try:
        image = base64.b64decode("".join(metadata["Data"].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Rejected(Reason.BAD_DEPTH, f"the embedded depth map is not base64: {error}") from error
    return _Found(image, metadata)


def _dynamic_depth(roots: Sequence[ET.Element], data: bytes, end: int) -> _Found | None:
    """Map of a Dynamic Depth photo: the first map of depth, not of segments."""
    maps = [properties(element, _DEPTH_MAP) for root in roots for element in root.iter()]
    maps = [
        metadata
        for metadata in maps
        if "Near" in metadata and metadata.get("ItemSemantic", "Depth") == "Depth"
    ]
    if not maps:
        return None
    for root in roots:
        for directory in _directories(root):
            for metadata, (start, stop) in _items(directory, end):
                if (
                    metadata.get("DataURI") == maps[0].get("DepthURI", "")
                    or metadata.get("Semantic") == "Depth"
                ):
                    return _Found(_slice(data, start, stop), maps[0])
    raise Rejected(Reason.BAD_DEPTH, "the XMP describes a depth map (Dynamic Depth) but no file with it")


def _directories(root: ET.Element) -> Iterator[list[dict[str, str]]]:
    """Properties of the items of container directories; the first item is the photo itself."""
    for element in root.iter():
        space, _, local = element.tag.removeprefix("{").rpartition("}")
        if local == "Directory" and space in _CONTAINERS:
            items = (properties(item, _CONTAINERS[space]) for item in element.iter())
            yield [item for item in items if "Mime" in item]


def _items(
    directory: Sequence[Mapping[str, str]], end: int
) -> Iterator[tuple[Mapping[str, str], tuple[int, int]]]:
    """Items after the first, with their byte ranges, which follow the photo and each other.

    An item of length 0 shares the bytes of the previous item.
    """
    start, stop = 0, end
    for index, item in enumerate(directory):
        length, padding = (_whole(item.get(name, "0")) for name in ("Length", "Padding"))
        if index == 0:
            stop += padding
            continue
        if length:
            start, stop = stop, stop + length
        yield item, (start, stop)
        stop += padding


def _slice(data: bytes, start: int, stop: int) -> bytes:
    if stop > len(data):
        message = f"the embedded depth map ends at byte {stop}, the file has {len(data)}: it was cut off"
        raise Rejected(Reason.BAD_DEPTH, message)
    return data[start:stop]


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise Rejected(Reason.BAD_DEPTH, f"the container directory has {text[:20]!r} for a number of bytes")
    return int(text)


def _decode(image: bytes, photo: Size) -> NDArray[np.float32]:
    """Stored values scaled to 0…1, (height, width), from 8 or 16 bits, grey or grey stored in colour."""
    try:
        stored = decode_image(image, max_depth_pixels(photo))
    except ValueError as error:
        raise Rejected(Reason.BAD_DEPTH, f"the embedded depth map cannot be decoded: {error}") from error
    if stored.dtype not in (np.uint8, np.uint16):
        raise Rejected(
            Reason.BAD_DEPTH, f"the embedded depth map holds {stored.dtype}; expected 8 or 16 bits"
        )
    largest = np.iinfo(stored.dtype).max
    if stored.ndim == 3:
        stored = stored[..., :3]
        if np.ptp(stored, axis=2).max() > MAX_DIFFERENCE / 255 * largest:
            raise Rejected(Reason.BAD_DEPTH, "the embedded depth map is a colour picture; expected grey")
        stored = stored.mean(axis=2, dtype=np.float32)
    return stored.astype(np.float32) / np.float32(largest)


def _inverse_depth(found: _Found, photo: Size) -> InverseDepth:
    """1 / distance from the stored values, by the formulas in the docstring of this module."""
    numbers, metadata = _decode(found.image, photo), found.metadata
    check_map(numbers, photo)
    near, far = (number(metadata.get(name, "")) for name in ("Near", "Far"))
    kind = metadata.get("Format", "")
    if not 0 < near < far or math.isinf(1 / near) or (kind == "RangeLinear" and math.isinf(far)):
        message = (
            f"an embedded depth map from {metadata.get('Near')} to {metadata.get('Far')}: that is not a range"
        )
        raise Rejected(Reason.BAD_DEPTH, message)
    if kind == "RangeInverse":
        return _checked(by_rows(lambda n: 1 / near - n * (1 / near - 1 / far), numbers))
    if kind == "RangeLinear":
        return _checked(by_rows(lambda n: 1 / (near + n * (far - near)), numbers))
    message = f"an embedded depth map of format {kind[:40]!r}; known: RangeInverse, RangeLinear"
    raise Rejected(Reason.BAD_DEPTH, message)


def _checked(inverse_depth: InverseDepth) -> InverseDepth:
    """The map, if its range fits single precision.

    Raises:
        Rejected: ``bad_depth``.
    """
    check_finite(inverse_depth)
    check_varies(inverse_depth)
    return inverse_depth


def number(text: str) -> float:
    """Number in XMP; NaN if the text is not a number."""
    try:
        return float(text)
    except ValueError:
        return math.nan
