"""HEIC photos, decoded by libheif, and the XMP of auxiliary images, which libheif does not expose.

Properties of the image (``irot``, ``imir``, ``clap`` of ISO/IEC 23008-12) describe how to rotate and crop its
pixels, and libheif applies them. The EXIF orientation repeats this information; applying it, too, would
rotate the photo twice. The orientation of a HEIC photo is therefore 1 everywhere in ebb, and its size is the
upright size.
"""

from __future__ import annotations

import importlib.util
import io
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ebb.arrays import Size
from ebb.errors import Broken, MissingDependency, Reason, Rejected, install_extra
from ebb.formats.color_tags import ColorTags
from ebb.formats.containers import Part, iso_boxes
from ebb.formats.exif_block import without_header
from ebb.settings import MAX_PIXELS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from numpy.typing import NDArray

    from ebb.arrays import Rgb

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
"""Suffixes of HEIC photos: phones write the first, cameras of Canon, Fujifilm and Sony the last."""

INSTALL = install_extra("heic")

_LIBHEIF_ERRORS = (ValueError, EOFError, SyntaxError, RuntimeError, OSError)


class AuxiliaryDepth(NamedTuple):
    """A depth map stored as an auxiliary image, rotated like the photo."""

    values: NDArray[np.uint8] | NDArray[np.uint16]
    """(height, width), scaled to the full range of the type."""
    representation: Mapping[str, Any]
    """Depth representation information of the map (ITU-T H.265), with libheif's field names."""
    packets: list[bytes]
    """XMP packets of the auxiliary images."""


def is_installed() -> bool:
    """Whether HEIC photos can be read."""
    return importlib.util.find_spec("pillow_heif") is not None


def heif_size(data: bytes) -> Size:
    """Size of the upright photo, from the headers.

    Raises:
        Broken: ``corrupt_input`` for a truncated or damaged file, ``unsupported_file`` without pillow-heif.
    """
    if not is_installed():
        raise Broken(Reason.UNSUPPORTED_FILE, f"HEIC photos need pillow-heif: {INSTALL}")
    missing = {b"meta", b"mdat"} - {box.name for box in iso_boxes(data)}
    if missing:
        names = ", ".join(sorted(name.decode() for name in missing))
        raise Broken(Reason.CORRUPT_INPUT, f"is truncated: box {names} is missing")
    return Size(*_open(data).size)


def heif_exif(data: bytes) -> list[bytes]:
    """The TIFF block with the EXIF, if there is one."""
    block: bytes | None = _open(data).info["exif"]
    return [without_header(block)] if block else []


def heif_xmp(data: bytes) -> list[bytes]:
    """The XMP packet of the photo, if there is one."""
    packet: bytes | None = _open(data).info.get("xmp")
    return [packet] if packet else []


def heif_color(data: bytes) -> ColorTags:
    """Colour information of the file: a profile, or otherwise an nclx box."""
    file = _open(data)
    profile: bytes = file.info.get("icc_profile") or b""
    codes: dict[str, Any] = file.info.get("nclx_profile") or {}
    cicp = (int(codes.get("color_primaries", 2)), int(codes.get("transfer_characteristics", 2)))
    is_said = not profile and cicp != (2, 2)  # 2: unspecified
    return ColorTags(cicp if is_said else None, profile, is_grey=not str(file.mode).startswith("RGB"))


def decode_heif(data: bytes) -> Rgb:
    """Decode the upright photo, (height, width, 3); uint16 if it has more than 8 bits.

    Raises:
        Broken: ``corrupt_input`` if it cannot be decoded.
        MissingDependency: pillow-heif is not installed.
    """
    file = _open(data)
    photo = _pixels(file, int(file.info["bit_depth"]))
    if photo.ndim == 2 or photo.shape[2] < 3:
        grey = photo if photo.ndim == 2 else photo[..., 0]
        photo = np.repeat(grey[..., None], 3, axis=2)
    return cast("Rgb", np.ascontiguousarray(photo[..., :3]))


def heif_depth(data: bytes, max_pixels: int = MAX_PIXELS) -> AuxiliaryDepth | None:
    """The first depth map among the auxiliary images of the photo, decoded.

    Raises:
        Broken: ``corrupt_input`` if it cannot be decoded.
        Rejected: ``bad_depth`` if it has more than ``max_pixels`` pixels.
        MissingDependency: pillow-heif is not installed.
    """
    images = _open(data).info["depth_images"]
    if not images:
        return None
    width, height = images[0].size
    if width * height > max_pixels:
        message = f"its depth map claims {width} x {height} pixels, more than {max_pixels / 1e6:g} million"
        raise Rejected(Reason.BAD_DEPTH, message)
    values = _pixels(images[0], 8)
    facts = images[0].info["metadata"] or {}
    return AuxiliaryDepth(values if values.ndim == 2 else values[..., 0], facts, _auxiliary_packets(data))


def _open(data: bytes) -> Any:  # noqa: ANN401 (pillow-heif has no types)
    """Read the headers with libheif."""
    try:
        import pillow_heif
    except ImportError as error:
        raise MissingDependency("HEIC photos need pillow-heif", hint=INSTALL) from error
    try:
        file = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
    except _LIBHEIF_ERRORS as error:
        raise Broken(Reason.CORRUPT_INPUT, f"libheif cannot read it: {error}") from error
    if not len(file):
        raise Broken(Reason.CORRUPT_INPUT, "libheif finds no image in it")
    return file


def _pixels(image: Any, bit_depth: int) -> NDArray[Any]:  # noqa: ANN401
    """Decode one image. The low bits of 10 or 12 bits in 16 are filled with the high ones: white is 65535."""
    try:
        pixels = np.asarray(image)
    except _LIBHEIF_ERRORS as error:
        raise Broken(Reason.CORRUPT_INPUT, f"libheif cannot decode it: {error}") from error
    return pixels | (pixels >> bit_depth) if bit_depth > 8 else pixels


def _auxiliary_packets(data: bytes) -> list[bytes]:
    """XMP packets that describe (``cdsc``) an item which is auxiliary (``auxl``) to another."""
    try:
        meta = next(box for box in iso_boxes(data) if box.name == b"meta")
        boxes = {box.name: box for box in iso_boxes(data, meta.start + 4, meta.stop)}
        links = list(_references(data, boxes[b"iref"])) if b"iref" in boxes else []
        auxiliary = {item for kind, item, _ in links if kind == b"auxl"}
        about = {item for kind, item, targets in links if kind == b"cdsc" and auxiliary & set(targets)}
        wanted = about & set(_mime_items(data, boxes[b"iinf"]))
        return list(_contents(data, boxes, wanted))
    except (LookupError, StopIteration) as error:
        raise Broken(Reason.CORRUPT_INPUT, f"is damaged: its list of items lacks {error}") from error


class _Reader:
    """Reads the big-endian numbers of a box in sequence."""

    def __init__(self, data: bytes, box: Part) -> None:
        self.data, self.at, self.stop = data, box.start, box.stop

    def number(self, num_bytes: int) -> int:
        if self.at + num_bytes > self.stop:
            raise LookupError(f"bytes behind {self.stop}")
        self.at += num_bytes
        return int.from_bytes(self.data[self.at - num_bytes : self.at], "big")

    def version(self) -> int:
        """Version at the beginning of a full box; its flags are skipped."""
        return self.number(4) >> 24


def _references(data: bytes, box: Part) -> Iterator[tuple[bytes, int, list[int]]]:
    """Kind, item, and referenced items (ISO/IEC 14496-12, 8.11.12)."""
    head = _Reader(data, box)
    width = 4 if head.version() else 2
    for part in iso_boxes(data, head.at, box.stop):
        reader = _Reader(data, part)
        item, count = reader.number(width), reader.number(2)
        yield part.name, item, [reader.number(width) for _ in range(count)]


def _mime_items(data: bytes, box: Part) -> Iterator[int]:
    """Numbers of the items with a MIME type, such as XMP (ISO/IEC 14496-12, 8.11.6)."""
    head = _Reader(data, box)
    head.number(4 if head.version() else 2)
    for part in iso_boxes(data, head.at, box.stop):
        reader = _Reader(data, part)
        item = reader.number(4 if reader.version() > 2 else 2)
        reader.number(2)
        if reader.number(4) == int.from_bytes(b"mime", "big"):
            yield item


def _contents(data: bytes, boxes: Mapping[bytes, Part], wanted: Collection[int]) -> Iterator[bytes]:
    """Number and content of every item (ISO/IEC 14496-12, 8.11.3)."""
    reader = _Reader(data, boxes[b"iloc"])
    version = reader.version()
    sizes, more = reader.number(1), reader.number(1)
    left = len(data)  # a file whose items share bytes over and over is an attack
    for _ in range(reader.number(4 if version == 2 else 2)):
        item = reader.number(4 if version == 2 else 2)
        in_idat = version > 0 and reader.number(2) & 15 == 1
        reader.number(2)
        base = reader.number(more >> 4) + (boxes[b"idat"].start if in_idat else 0)
        content: list[bytes] = []
        for _ in range(reader.number(2)):
            reader.number(more & 15 if version else 0)
            start, length = base + reader.number(sizes >> 4), reader.number(sizes & 15)
            if item in wanted:
                content.append(data[start : start + length])
                left -= len(content[-1])
            if left < 0:
                raise LookupError(f"items within {len(data)} bytes")
        if item in wanted:
            yield b"".join(content)
