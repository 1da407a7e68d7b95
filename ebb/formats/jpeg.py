"""JPEG files: encoding of 8-bit sRGB or grey with EXIF and colour profile; the check of compressed data.

Decoders make a picture of damaged data, too: libjpeg replaces what it cannot decode by grey or by colours of
other places, and only warns. :func:`check_jpeg` raises an error instead.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Literal, TypeAlias

from ebb.errors import Broken, OutputError, Reason, UsageError
from ebb.formats.containers import jpeg_segments

if TYPE_CHECKING:
    from ebb.arrays import Gray8, Rgb8

QUALITY = 95
"""Default quality on libjpeg's scale of 1 … 100, as in the EBB! release."""

_SOI = b"\xff\xd8"
_APP0, _APP1, _APP2 = b"\xff\xe0", b"\xff\xe1", b"\xff\xe2"
_ICC_BYTES = 65_519
"""Largest part of a colour profile in one segment (ICC.1:2022, annex B.4)."""

_APPLICATION_DATA = frozenset(bytes([code]) for code in (*range(0xE0, 0xF0), 0xFE))
"""Markers of application data and comments."""
_MOST_REDUCED = 8
_PADDING = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_MAX_PADDING = 16
"""Largest number of bytes between the last pixels and the end of the image; some cameras write a few."""
_ODD_PROGRESSION = "Inconsistent progression sequence"
"""Warning about the order of scans, which is without influence on complete photos."""
_ODD_SUBSAMPLING = "Could not determine subsampling"
"""Error of the TurboJPEG API for combinations that libjpeg itself decodes; their data are not checked."""

Chroma: TypeAlias = Literal["4:2:0", "4:4:4"]


def encode_jpeg(
    photo: Rgb8 | Gray8,
    *,
    quality: int = QUALITY,
    chroma: Chroma = "4:2:0",
    exif: bytes = b"",
    icc_profile: bytes = b"",
) -> bytes:
    """Encode a photo.

    Args:
        photo: (height, width, 3) sRGB, or (height, width) grey.
        quality: 1 … 100.
        chroma: Chroma subsampling: half size (4:2:0) or full size (4:4:4).
        exif: Content of the EXIF segment, which begins with ``Exif`` and two zero bytes
            (:func:`ebb.formats.exif_writer.exif_block`); it replaces the JFIF segment, as in camera files.
        icc_profile: Colour profile.

    Raises:
        UsageError: the photo is not uint8 of one of these shapes.
        OutputError: the encoder fails, as it does above 65500 pixels per side.
    """
    import cv2

    is_colour = photo.ndim == 3 and photo.shape[2] == 3
    if photo.dtype != "uint8" or not (is_colour or photo.ndim == 2):
        raise UsageError(
            f"a photo of {photo.dtype} {photo.shape}",
            hint="uint8 (height, width, 3) or (height, width) is written",
        )
    sampling = {
        "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
        "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, quality),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling[chroma]),
    ]
    pixels = cv2.cvtColor(photo, cv2.COLOR_RGB2BGR) if is_colour else photo
    done, buffer = cv2.imencode(".jpg", pixels, options)
    if not done:
        raise OutputError(f"the JPEG encoder refused a photo of {photo.shape[1]} x {photo.shape[0]}")
    return _with_metadata(buffer.tobytes(), exif, icc_profile)


def _with_metadata(encoded: bytes, exif: bytes, icc_profile: bytes) -> bytes:
    """Replace the JFIF segment by EXIF, if given, and insert a colour profile after it."""
    first, rest = b"", encoded[len(_SOI) :]
    if rest.startswith(_APP0):
        end = 2 + struct.unpack(">H", rest[2:4])[0]
        first, rest = rest[:end], rest[end:]
    if exif:
        first = _segment(_APP1, exif)
    parts = [icc_profile[at : at + _ICC_BYTES] for at in range(0, len(icc_profile), _ICC_BYTES)]
    profile = (
        _segment(_APP2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
        for number, part in enumerate(parts, start=1)
    )
    return b"".join([_SOI, first, *profile, rest])


def _segment(marker: bytes, content: bytes) -> bytes:
    return marker + struct.pack(">H", len(content) + 2) + content


def check_jpeg(data: bytes) -> None:
    """Decode a JPEG at an eighth of its size, and check that no part of its compressed data is damaged.

    Damage that is valid code remains, as does that of a changed bit in about a third of all cases.

    Raises:
        Broken: ``corrupt_input``, with the message of libjpeg.
    """
    message = _complaint(_compressed_only(data), strict=True)
    if message.startswith(_ODD_PROGRESSION):
        message = _complaint(_compressed_only(data), strict=False)
    padding = _PADDING.search(message)
    if not message or _ODD_SUBSAMPLING in message or (padding and int(padding[1]) <= _MAX_PADDING):
        return
    what = f"its compressed pixels cannot be decoded as a whole, libjpeg says {message!r}"
    raise Broken(Reason.CORRUPT_INPUT, f"is damaged: {what}")


def _complaint(jpeg: bytes, *, strict: bool) -> str:
    """First error of libjpeg, or warning if ``strict``; empty without any."""
    import simplejpeg

    try:
        space = simplejpeg.decode_jpeg_header(jpeg, strict=strict)[2]
        wanted = "CMYK" if space in ("CMYK", "YCCK") else "GRAY"
        simplejpeg.decode_jpeg(jpeg, wanted, min_factor=_MOST_REDUCED, strict=strict)
    except ValueError as error:
        return str(error) or type(error).__name__
    return ""


def _compressed_only(data: bytes) -> bytes:
    """A JPEG without application data, of which a warning would come first, and what follows its end.

    Raises:
        Broken: ``corrupt_input``: the file is truncated.
    """
    kept, start = [], 0
    for segment in jpeg_segments(data):
        if segment.name in _APPLICATION_DATA:
            kept.append(data[start : segment.start - 4])
            start = segment.stop
        stop = segment.stop
    return b"".join([*kept, data[start:stop]])
