"""Conversion of photos to sRGB, from ICC profiles, CICP codes, PNG gAMA chunks and EXIF.

Matrix profiles (such as Adobe RGB, Display P3 and ProPhoto RGB) are converted through linear light to 16
bits, which avoids rounding before the photo is resampled. Table-based profiles are converted by LittleCMS to
8 bits with the perceptual intent. Colours outside sRGB are clipped. Photos whose colours differ from sRGB by
at most one grey level are not changed.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ebb.errors import Broken, Reason
from ebb.formats.color_tags import ColorTags, jpeg_color, png_color, tiff_color
from ebb.formats.exif_block import merged
from ebb.formats.heif import HEIF_SUFFIXES, heif_color
from ebb.formats.icc import Curve, parse_profile, power
from ebb.photo.exif import exif_blocks
from ebb.photo.suffixes import RAW_SUFFIXES
from ebb.srgb import encode, from_light, to_light

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ebb.arrays import Rgb, Rgb8

    Matrix = NDArray[np.float64]

ADOBE_GAMMA = 563 / 256
"""Adobe RGB (1998) Color Image Encoding, version 2005-05, 4.3.1.2."""

_XY: dict[int, tuple[float, ...]] = {
    1: (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (0.3127, 0.3290, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
"""ITU-T H.273, table 2: chromaticities of white, red, green and blue."""
_ADOBE_XY = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_UNSPECIFIED = 2
_CURVES: dict[int, Curve] = {
    # The curves of video (1, 6, 14, 15) describe cameras, not displays. Pictures with these codes are meant
    # for displays of sRGB, and viewers treat them so.
    **dict.fromkeys((1, _UNSPECIFIED, 6, 13, 14, 15), to_light),
    4: power(2.2),
    5: power(2.8),
    8: power(1.0),
}
_HDR = {16: "PQ", 18: "HLG"}
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_LEAST_DIFFERENCE = 1.0
"""Largest difference from sRGB, in grey levels (0…255), that is ignored; sRGB profiles differ by less."""
_DARKEST_MIDDLE, _BRIGHTEST_MIDDLE = 0.05, 0.9
"""Light at half of white. It is 0.14 with the largest exponent of a standard, 2.8, and 0.5 without one."""
_ROWS_AT_ONCE = 32
_COLOR_SPACE, _INTEROPERABILITY_INDEX = 0xA001, 0x0001
_SRGB, _ADOBE_RGB = 1.0, 2.0


@dataclass(frozen=True)
class Conversion:
    """Conversion by tone curves and a matrix.

    Attributes:
        curves: Transfer functions of red, green and blue, from encoded values to linear light.
        matrix: (3, 3), from the file's primaries to linear sRGB; the rows sum to 1.
    """

    curves: tuple[Curve, Curve, Curve]
    matrix: Matrix

    def is_identity(self) -> bool:
        """Whether the conversion changes encoded values by at most one grey level."""
        side = np.linspace(0, 1, 9)
        colours = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
        colours = np.vstack([colours, np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)])
        light = np.stack([curve(colours[:, i]) for i, curve in enumerate(self.curves)], axis=1)
        back = from_light(np.clip(light @ self.matrix.T, 0, 1))
        return bool(np.abs(back - colours).max() * 255 <= _LEAST_DIFFERENCE)

    def apply(self, photo: Rgb) -> Rgb:
        """Convert a photo to sRGB, uint16."""
        import cv2

        codes = np.arange(int(np.iinfo(photo.dtype).max) + 1) / np.iinfo(photo.dtype).max
        tables = [np.clip(curve(codes), 0, 1).astype(np.float32) for curve in self.curves]
        out = np.empty(photo.shape, np.uint16)
        for first in range(0, len(photo), _ROWS_AT_ONCE):
            rows = photo[first : first + _ROWS_AT_ONCE]
            light = np.empty(rows.shape, np.float32)
            for channel, table in enumerate(tables):
                light[..., channel] = table[rows[..., channel]]
            srgb = cv2.transform(light, self.matrix)  # much faster than NumPy for a 3 x 3 matrix
            out[first : first + _ROWS_AT_ONCE] = encode(np.asarray(srgb, np.float32), 65535)
        return out


@dataclass(frozen=True)
class TableConversion:
    """Conversion by LittleCMS.

    Attributes:
        profile: ICC profile.
        is_grey: Whether the profile describes a single channel.
    """

    profile: bytes
    is_grey: bool

    def transform(self) -> Any:  # noqa: ANN401 (Pillow's ImageCms has no types for it)
        """LittleCMS transform of 8-bit photos.

        Raises:
            Broken: ``unsupported_color``: LittleCMS rejects the profile.
        """
        from PIL import ImageCms

        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(self.profile))
            mode = "L" if self.is_grey else "RGB"
            return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            message = f"its colour profile cannot be used: LittleCMS says {error}"
            raise Broken(Reason.UNSUPPORTED_COLOR, message) from error

    def apply(self, photo: Rgb) -> Rgb8:
        """Convert a photo to sRGB, uint8."""
        from PIL import Image, ImageCms

        small = to_8_bits(photo)
        image = Image.fromarray(small[..., 0] if self.is_grey else small)
        return np.array(ImageCms.applyTransform(image, self.transform()), np.uint8)


def srgb_conversion(data: bytes, suffix: str) -> Conversion | TableConversion | None:
    """Conversion of a JPEG, PNG, TIFF or HEIC photo to sRGB; ``None`` if it is already in sRGB.

    Args:
        data: Contents of the file.
        suffix: Suffix of the file name.

    Raises:
        Broken: ``unsupported_color``: the file's description of its colours is not supported.
    """
    tags = _color_tags(data, suffix.lower())
    if tags.cicp is None and not tags.profile and tags.gamma is None and _is_adobe_rgb(data, suffix):
        gamma = power(ADOBE_GAMMA)
        return Conversion((gamma, gamma, gamma), _from_primaries(_ADOBE_XY))
    conversion = _conversion(tags)
    if isinstance(conversion, Conversion):
        _refuse_extremes(conversion, "profile" if tags.profile else "gamma")
    return None if isinstance(conversion, Conversion) and conversion.is_identity() else conversion


def _refuse_extremes(conversion: Conversion, name: str) -> None:
    """Refuse curves of which no photo is made; they would give an almost white or black or inverted one.

    Raises:
        Broken: ``unsupported_color``.
    """
    for curve in conversion.curves:
        dark, middle, bright = curve(np.array([0.0, 0.5, 1.0])).tolist()
        if not (_DARKEST_MIDDLE <= middle <= _BRIGHTEST_MIDDLE and dark < middle < bright):
            light = f"{dark:.3g}, {middle:.3g} and {bright:.3g}"
            message = (
                f"its colour {name} is implausible: the light at black, half of white and white is {light}"
            )
            raise Broken(Reason.UNSUPPORTED_COLOR, message)


def to_8_bits(photo: Rgb) -> Rgb8:
    """Round 16-bit encoded values to 8 bits; 8-bit photos are returned unchanged."""
    if photo.dtype == np.uint8:
        return cast("Rgb8", photo)
    return np.rint(photo / np.float32(257)).astype(np.uint8)


def check_color(data: bytes, suffix: str) -> None:
    """Check that the colours of a photo can be converted; RAW files always can.

    Raises:
        Broken: as in :func:`srgb_conversion`.
    """
    if suffix.lower() not in RAW_SUFFIXES:
        srgb_conversion(data, suffix)


def kept_profile(data: bytes, suffix: str) -> bytes:
    """ICC profile of an sRGB photo, whose pixels :func:`ebb.photo.decode.decode` does not convert."""
    is_srgb = srgb_conversion(data, suffix) is None
    return _color_tags(data, suffix.lower()).profile if is_srgb else b""


def _color_tags(data: bytes, suffix: str) -> ColorTags:
    tags = _stored_tags(data, suffix)
    is_filler = not tags.profile.strip(b"\0")  # space that a program has reserved for a profile
    return tags._replace(profile=b"") if is_filler else tags


def _stored_tags(data: bytes, suffix: str) -> ColorTags:
    if suffix in HEIF_SUFFIXES:
        return heif_color(data)
    if data[:2] in (b"II", b"MM"):
        return tiff_color(data)
    return png_color(data) if data[:1] == b"\x89" else jpeg_color(data)


def _is_adobe_rgb(data: bytes, suffix: str) -> bool:
    """Whether EXIF declares Adobe RGB: by DCF's ``R03``, or by the non-standard ColorSpace 2."""
    tags = merged(exif_blocks(data, suffix))
    space, index = tags.get(_COLOR_SPACE), tags.get(_INTEROPERABILITY_INDEX)
    says_r03 = isinstance(index, str) and index.strip().upper() == "R03"
    return space == (_ADOBE_RGB,) or (says_r03 and space != (_SRGB,))


def _conversion(tags: ColorTags) -> Conversion | TableConversion | None:
    if tags.cicp is not None:
        return _of_codes(*tags.cicp)
    if tags.profile:
        return _of_profile(tags)
    if tags.gamma is not None:
        gamma = power(tags.gamma) if abs(tags.gamma - 2.2) > 0.03 else to_light  # 2.2 means sRGB
        matrix = _from_chromaticities(tags.chromaticities) if tags.chromaticities else np.eye(3)
        return Conversion((gamma, gamma, gamma), matrix)
    return None


def _of_codes(primaries: int, transfer: int) -> Conversion:
    """Conversion from codes of ITU-T H.273."""
    _refuse_hdr(transfer)
    if transfer not in _CURVES or primaries not in {*_XY, _UNSPECIFIED}:
        message = f"colours of the codes {primaries} and {transfer} (ITU-T H.273) are not supported"
        raise Broken(Reason.UNSUPPORTED_COLOR, message)
    curve, xy = _CURVES[transfer], _XY[1 if primaries == _UNSPECIFIED else primaries]
    return Conversion((curve, curve, curve), _from_primaries(xy))


def _refuse_hdr(transfer: int) -> None:
    if transfer in _HDR:
        raise Broken(Reason.UNSUPPORTED_COLOR, f"it is HDR ({_HDR[transfer]}), which sRGB cannot hold")


def _of_profile(tags: ColorTags) -> Conversion | TableConversion:
    profile = parse_profile(tags.profile)
    _refuse_hdr(profile.transfer)
    if profile.space not in ("RGB", "GRAY") or (profile.space == "GRAY" and not tags.is_grey):
        pixels = "grey" if tags.is_grey else "RGB"
        message = f"its colour profile is for {profile.space}, its pixels are {pixels}"
        raise Broken(Reason.UNSUPPORTED_COLOR, message)
    if profile.has_table:
        table = TableConversion(tags.profile, profile.space == "GRAY")
        table.transform()
        return table
    if profile.to_xyz is None:
        (grey,) = profile.curves
        return Conversion((grey, grey, grey), np.eye(3))
    red, green, blue = profile.curves
    return Conversion((red, green, blue), _to_srgb(profile.to_xyz))


def _from_primaries(chromaticities: tuple[float, ...]) -> Matrix:
    """Matrix from linear light in the given primaries to linear sRGB; it maps white to white."""
    return _to_srgb(_xyz_of_primaries(chromaticities))


def _from_chromaticities(chromaticities: tuple[float, ...]) -> Matrix:
    """Matrix from the chromaticities of a PNG.

    Raises:
        Broken: ``unsupported_color``: the chromaticities are degenerate.
    """
    try:
        return _from_primaries(chromaticities)
    except (ZeroDivisionError, np.linalg.LinAlgError) as error:
        message = f"its chromaticities {chromaticities} are degenerate"
        raise Broken(Reason.UNSUPPORTED_COLOR, message) from error


def _to_srgb(to_xyz: Matrix) -> Matrix:
    return cast("Matrix", np.linalg.solve(_xyz_of_primaries(_XY[1]), to_xyz))


def _xyz_of_primaries(chromaticities: tuple[float, ...]) -> Matrix:
    """Matrix from linear RGB to XYZ, adapted to D50 as in ICC profiles (Bradford; ICC.1:2022, annex E)."""
    white, *primaries = (
        np.array([x / y, 1, (1 - x - y) / y])
        for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    )
    columns = np.stack(primaries, axis=1)
    unadapted = columns * np.linalg.solve(columns, white)
    ratio = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return cast("Matrix", np.linalg.solve(_BRADFORD, ratio[:, None] * (_BRADFORD @ unadapted)))
