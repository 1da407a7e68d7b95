"""Checks of completeness and size of camera files from their headers, without decoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ebb.arrays import Size
from ebb.errors import Broken, Reason
from ebb.formats.containers import (
    PNG_SIGNATURE,
    iso_boxes,
    jpeg_frame_size,
    jpeg_segments,
    png_chunks,
    raf_blocks,
    read_png_header,
)
from ebb.formats.heif import HEIF_SUFFIXES, heif_size
from ebb.formats.tiff_layout import tiff_layout
from ebb.formats.tiff_reader import Tiff, photo_directory
from ebb.photo.raw import raw_size
from ebb.photo.suffixes import OTHER_RAW_SUFFIXES, PHOTO_SUFFIXES, RAW_SUFFIXES

_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MAGICS: dict[str, tuple[bytes, ...]] = {
    ".jpg": (b"\xff\xd8\xff",),
    ".jpeg": (b"\xff\xd8\xff",),
    ".png": (PNG_SIGNATURE,),
    ".raf": (b"FUJIFILMCCD-RAW ",),
    ".orf": (b"IIRO", b"IIRS", b"MMOR"),
    ".rw2": (b"IIU\0",),
}
_ISO_MAGICS: dict[str, tuple[bytes, ...]] = {
    ".cr3": (b"ftypcrx ",),
    **dict.fromkeys(HEIF_SUFFIXES, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1")),
}
"""Bytes after the length of the first box."""
_NO_RAW_MAGICS = (b"\xff\xd8\xff", PNG_SIGNATURE)
_JPEG_PROCESSES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA)
"""Frame headers of sequential, progressive and lossless JPEG files, the last two with arithmetic coding."""
_MIN_BITS_PER_PIXEL = 4
"""Lower bound for ORF and RW2 files, whose cameras use 6 to 16 bits."""

CheckSize: TypeAlias = Callable[[Size], None]


def probe(data: bytes, suffix: str, max_megapixels: float) -> Size:
    """Check that a file is complete and supported, and return the size of the stored photo.

    The memory used does not depend on the declared size.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name, e.g. ``.CR2``.
        max_megapixels: Limit on the declared size, in millions of pixels.

    Returns:
        Size before the orientation is applied; of HEIC files, which are rotated by decoding, the upright size
        (:mod:`ebb.formats.heif`).

    Raises:
        Broken: ``unsupported_file``: the suffix is not that of a photo; ``unreadable``: the file is empty or
            does not match its suffix; ``too_large``; ``corrupt_input``: the file is truncated or damaged;
            ``unsupported_raw``, ``unsupported_pixels`` or ``unsupported_color``: a feature of the file is not
            supported.
    """
    suffix = suffix.lower()
    if suffix not in PHOTO_SUFFIXES:
        raise Broken(Reason.UNSUPPORTED_FILE, f"{suffix or 'a file without a suffix'} is not a photo")
    _check_magic(data, suffix)

    def check_size(size: Size) -> None:
        _refuse_too_large(size, max_megapixels)

    if suffix in RAW_SUFFIXES:
        return _probe_raw(data, suffix, check_size)
    if suffix in HEIF_SUFFIXES:
        return _probe_heif(data, check_size)
    if suffix in (".jpg", ".jpeg"):
        return _probe_jpeg(data, check_size)
    if suffix == ".png":
        return _probe_png(data, check_size)
    _probe_tiff(data, check_size, standard=True)
    tiff = Tiff(data)
    directory = photo_directory(tiff)
    size = _require_pixels(tiff.size(directory))
    tiff_layout(tiff, directory)
    return size


def _check_magic(data: bytes, suffix: str) -> None:
    """Refuse files whose first bytes do not match their suffix."""
    if not data:
        raise Broken(Reason.UNREADABLE, "the file is empty (0 bytes)")
    if suffix in OTHER_RAW_SUFFIXES and not data.startswith(_NO_RAW_MAGICS):
        return
    magics = _ISO_MAGICS.get(suffix) or _MAGICS.get(suffix, _TIFF_MAGICS)
    found, start = (data[4:12], 4) if suffix in _ISO_MAGICS else (data, 0)
    if found.startswith(magics):
        return
    if any(magic.startswith(found) for magic in magics):
        raise Broken(Reason.CORRUPT_INPUT, f"is truncated: {len(data)} bytes are no photo")
    kind = suffix.removeprefix(".").upper()
    beginning = _shown(data[start : start + 8])
    raise Broken(Reason.UNREADABLE, f"is not a {kind} file: it begins with {beginning}")


def _shown(beginning: bytes) -> str:
    """Bytes as text if they are printable ASCII, otherwise in hexadecimal."""
    text = beginning.decode("latin-1")
    return repr(text) if text.isascii() and text.isprintable() else beginning.hex(" ")


def _refuse_too_large(size: Size, max_megapixels: float) -> None:
    megapixels = size.width * size.height / 1e6
    if megapixels > max_megapixels:
        claim = f"claims {size.width} x {size.height} = {megapixels:.0f} megapixels"
        raise Broken(Reason.TOO_LARGE, f"{claim}, more than {max_megapixels:g}")


def _require_pixels(size: Size) -> Size:
    if size.width == 0 or size.height == 0:
        raise Broken(Reason.CORRUPT_INPUT, f"claims {size.width} x {size.height} pixels")
    return size


def _probe_jpeg(data: bytes, check_size: CheckSize) -> Size:
    size = Size(0, 0)
    for segment in jpeg_segments(data):
        found = jpeg_frame_size(data, segment)
        if found is not None and size == (0, 0):
            check_size(found)
            _check_jpeg_frame(segment.name[0], data[segment.start])
            size = found
    return _require_pixels(size)


def _check_jpeg_frame(process: int, bits: int) -> None:
    """Refuse JPEG files that libjpeg does not read as 8-bit photos (ITU-T T.81, table B.1)."""
    if process not in _JPEG_PROCESSES:
        raise Broken(Reason.UNSUPPORTED_PIXELS, f"a JPEG of the process SOF{process - 0xC0} is not supported")
    if bits != 8:
        raise Broken(Reason.UNSUPPORTED_PIXELS, f"a JPEG of {bits} bits is not supported; 8 bits are")


def _probe_heif(data: bytes, check_size: CheckSize) -> Size:
    size = heif_size(data)
    check_size(size)
    return _require_pixels(size)


def _probe_png(data: bytes, check_size: CheckSize) -> Size:
    size = read_png_header(data).size
    check_size(size)
    names = {chunk.name for chunk in png_chunks(data)}
    if b"IDAT" not in names:
        raise Broken(Reason.CORRUPT_INPUT, "the PNG holds no pixels")
    return _require_pixels(size)


def _probe_tiff(data: bytes, check_size: CheckSize, *, standard: bool) -> Size:
    """Size of the first image, after all images are checked; ``standard``: the tags follow TIFF 6.0.

    The size is 0 x 0 if the file begins with a preview without a size, as RAW files of Sony do.
    """
    tiff = Tiff(data)
    directories = tiff.directories()
    for directory in directories:
        check_size(tiff.size(directory))
    for directory in directories:
        tiff.check_blocks(directory)
        if standard:
            tiff.check_uncompressed(directory)
    return tiff.size(directories[0]) if directories else Size(0, 0)


def _probe_raw(data: bytes, suffix: str, check_size: CheckSize) -> Size:
    if suffix == ".cr3":
        _check_boxes(data)
    elif suffix == ".raf":
        raf_blocks(data)
    elif suffix == ".rw2":
        _check_rw2(data)
    elif suffix not in OTHER_RAW_SUFFIXES:
        _probe_tiff(data, check_size, standard=suffix == ".dng")
    size = raw_size(data, suffix, check_size)
    if suffix in (".orf", ".rw2") and len(data) * 8 < size.width * size.height * _MIN_BITS_PER_PIXEL:
        pixels = f"{size.width} x {size.height} pixels"
        raise Broken(Reason.CORRUPT_INPUT, f"is truncated: {len(data)} bytes cannot hold {pixels}")
    return _require_pixels(size)


def _check_boxes(data: bytes) -> None:
    missing = {b"moov", b"mdat"} - {box.name for box in iso_boxes(data)}
    if missing:
        names = ", ".join(sorted(name.decode() for name in missing))
        raise Broken(Reason.CORRUPT_INPUT, f"is truncated: box {names} is missing")


def _check_rw2(data: bytes) -> None:
    """Check the start of the sensor data (tag 0x118); byte counts in RW2 files are unreliable."""
    tiff = Tiff(data)
    beginnings = [tiff.value(directory, 0x118, 0) for directory in tiff.directories()]
    if max(beginnings, default=0) >= len(data):
        raise Broken(
            Reason.CORRUPT_INPUT, f"is truncated: sensor data begin at {max(beginnings)} of {len(data)}"
        )
