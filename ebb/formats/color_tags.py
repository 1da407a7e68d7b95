"""Colour information in files: profiles and similar tags of JPEG, PNG, TIFF and HEIC."""

from __future__ import annotations

import struct
from itertools import takewhile
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import Broken, Reason
from ebb.formats.containers import FRAME_HEADERS, jpeg_segments
from ebb.formats.exif_block import inflated, jpeg_application_data, png_raw_profiles, readable_chunks
from ebb.formats.tiff_reader import Tiff, photo_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

SRGB_CODES = (1, 13)
"""Primaries and transfer function of sRGB in ITU-T H.273."""

_RGB_MATRICES = (0, 2)
"""Matrix coefficients of RGB, and unspecified ones, in ITU-T H.273."""

_ICC_HEADER = b"ICC_PROFILE\0"
_PNG_CHUNKS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM")
_APP2 = b"\xe2"
_TIFF_PROFILE, _PHOTOMETRIC = 34675, 262


class ColorTags(NamedTuple):
    """Colour information of a file; the first field that is set applies, as in the PNG specification."""

    cicp: tuple[int, int] | None = None
    """Codes of primaries and transfer function (ITU-T H.273), also from an nclx box."""
    profile: bytes = b""
    """ICC profile."""
    gamma: float | None = None
    """Exponent from encoded values to light."""
    chromaticities: tuple[float, ...] = ()
    """x and y of white, red, green and blue."""
    is_grey: bool = False
    """Whether the pixels have one channel."""


def jpeg_color(data: bytes) -> ColorTags:
    """Colour information of a JPEG: a profile in APP2 segments.

    Raises:
        Broken: ``unsupported_color`` if the pixels are neither grey nor RGB, or parts of the profile are
            missing.
    """
    components = _jpeg_components(data)
    if components not in (1, 3):
        ink = "CMYK" if components == 4 else f"{components} channels"
        raise Broken(Reason.UNSUPPORTED_COLOR, f"its colours are {ink}; RGB and grey are supported")
    parts = [part for part in jpeg_application_data(data, _APP2, _ICC_HEADER) if len(part) > 2]
    if not parts:
        return ColorTags(is_grey=components == 1)
    ordered = {part[0]: part[2:] for part in reversed(parts)}
    if set(ordered) != set(range(1, parts[0][1] + 1)):
        message = f"its colour profile cannot be used: {len(ordered)} of {parts[0][1]} parts are present"
        raise Broken(Reason.UNSUPPORTED_COLOR, message)
    return ColorTags(profile=b"".join(ordered[i] for i in sorted(ordered)), is_grey=components == 1)


def _jpeg_components(data: bytes) -> int:
    """Number of channels in the frame header; 3 if the header is damaged, which decoding detects."""
    try:
        for segment in jpeg_segments(data):
            if segment.name in FRAME_HEADERS and segment.stop - segment.start > 5:
                return data[segment.start + 5]
    except Broken:
        pass
    return 3


def png_color(data: bytes) -> ColorTags:
    """Colour information of a PNG: cICP, iCCP, sRGB, gAMA with cHRM, or a profile in ImageMagick's text."""
    before = list(takewhile(lambda chunk: chunk[0] != b"IDAT", readable_chunks(data)))
    chunks = {name: data[start:stop] for name, start, stop in reversed(before) if name in _PNG_CHUNKS}
    is_grey = len(data) > 25 and data[25] in (0, 4)
    cicp = chunks.get(b"cICP", b"")
    if len(cicp) == 4:
        _check_rgb_codes(matrix=cicp[2], full_range=cicp[3])
        return ColorTags(cicp=(cicp[0], cicp[1]), is_grey=is_grey)
    if b"iCCP" in chunks:
        content = inflated(chunks[b"iCCP"].partition(b"\0")[2][1:])
        return ColorTags(profile=content or b"damaged", is_grey=is_grey)
    if b"sRGB" in chunks:
        return ColorTags(cicp=SRGB_CODES, is_grey=is_grey)
    if profile := next(png_raw_profiles(data, before, (b"icc", b"icm")), b""):
        return ColorTags(profile=profile, is_grey=is_grey)
    gamma, chromaticities = _png_gamma(chunks)
    return ColorTags(gamma=gamma, chromaticities=chromaticities, is_grey=is_grey)


def _check_rgb_codes(*, matrix: int, full_range: int) -> None:
    """Refuse a cICP chunk of pixels that decoders of PNG do not convert.

    Raises:
        Broken: ``unsupported_color`` for a matrix other than that of RGB, and for values of limited range.
    """
    if matrix not in _RGB_MATRICES:
        what = f"the matrix {matrix} (ITU-T H.273), which is not that of RGB"
    elif full_range != 1:
        what = "values of limited range, as in video"
    else:
        return
    raise Broken(Reason.UNSUPPORTED_COLOR, f"its cICP chunk declares {what}")


def _png_gamma(chunks: Mapping[bytes, bytes]) -> tuple[float | None, tuple[float, ...]]:
    """Exponent and chromaticities; chromaticities without an exponent are ignored."""
    gamma, primaries = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    value = int.from_bytes(gamma, "big") if len(gamma) == 4 else 0
    if not value:
        return None, ()
    numbers = struct.unpack(">8I", primaries) if len(primaries) == 32 else ()
    return 100_000 / value, tuple(number / 100_000 for number in numbers)


def tiff_color(data: bytes) -> ColorTags:
    """Colour information of a TIFF: the profile of its photo."""
    tiff = Tiff(data)
    directory = photo_directory(tiff)
    is_grey = tiff.value(directory, _PHOTOMETRIC, 2) in (0, 1)
    if _TIFF_PROFILE not in directory:
        return ColorTags(is_grey=is_grey)
    return ColorTags(profile=tiff.content(directory[_TIFF_PROFILE], 1), is_grey=is_grey)
