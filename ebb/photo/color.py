"""Colours of a photo as sRGB, whatever its file says they are: ICC profiles, CICP codes, PNG's gAMA, EXIF.

Matrix profiles, with which cameras and phones write Adobe RGB, Display P3 and ProPhoto RGB, go through linear
light into 16 bits, so that nothing is lost before the photo is resampled. Profiles of tables go through
LittleCMS, perceptually, into 8 bits. Colours outside sRGB are clipped. A photo in sRGB, or within a grey
level of it, is not touched.
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
    # Curves of video (1, 6, 14, 15) are those of a camera, not of a display; pictures with these codes are
    # made to be looked at on the displays that sRGB describes, and viewers show them so.
    **dict.fromkeys((1, _UNSPECIFIED, 6, 13, 14, 15), to_light),
    4: power(2.2),
    5: power(2.8),
    8: power(1.0),
}
_HDR = {16: "PQ", 18: "HLG"}
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_LEAST_DIFFERENCE = 1.0
"""Grey levels of 255 up to which a photo counts as sRGB: profiles of sRGB itself differ by less."""
_ROWS_AT_ONCE = 32
_COLOR_SPACE, _INTEROPERABILITY_INDEX = 0xA001, 0x0001
_SRGB, _ADOBE_RGB = 1.0, 2.0


@dataclass(frozen=True)
class Conversion:
    """From encoded values to linear sRGB.

    Attributes:
        curves: Of red, green and blue.
        matrix: (3, 3), linear light in the file's primaries to linear sRGB; rows sum to 1.
    """

    curves: tuple[Curve, Curve, Curve]
    matrix: Matrix

    def is_identity(self) -> bool:
        """Whether what it does to a photo cannot be seen."""
        side = np.linspace(0, 1, 9)
        colours = np.stack(np.meshgrid(side, side, side), axis=-1).reshape(-1, 3)
        colours = np.vstack([colours, np.repeat(np.arange(256)[:, None] / 255, 3, axis=1)])
        light = np.stack([curve(colours[:, i]) for i, curve in enumerate(self.curves)], axis=1)
        back = from_light(np.clip(light @ self.matrix.T, 0, 1))
        return bool(np.abs(back - colours).max() * 255 <= _LEAST_DIFFERENCE)

    def apply(self, photo: Rgb) -> Rgb:
        """Photo in sRGB, 16 bit."""
        import cv2

        codes = np.arange(int(np.iinfo(photo.dtype).max) + 1) / np.iinfo(photo.dtype).max
        tables = [np.clip(curve(codes), 0, 1).astype(np.float32) for curve in self.curves]
        out = np.empty(photo.shape, np.uint16)
        for first in range(0, len(photo), _ROWS_AT_ONCE):
            rows = photo[first : first + _ROWS_AT_ONCE]
            light = np.empty(rows.shape, np.float32)
            for channel, table in enumerate(tables):
                light[..., channel] = table[rows[..., channel]]
            srgb = cv2.transform(light, self.matrix)  # NumPy's product with so small a matrix is far slower
            out[first : first + _ROWS_AT_ONCE] = encode(np.asarray(srgb, np.float32), 65535)
        return out


@dataclass(frozen=True)
class TableConversion:
    """Through LittleCMS.

    Attributes:
        profile: An ICC profile.
        is_grey: Whether it is about one channel.
    """

    profile: bytes
    is_grey: bool

    def transform(self) -> Any:  # noqa: ANN401 (Pillow's ImageCms has no types for it)
        """LittleCMS's transform of 8-bit photos.

        Raises:
            Broken: ``unsupported_color`` when LittleCMS refuses the profile.
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
        """Photo in sRGB, 8 bit."""
        from PIL import Image, ImageCms

        small = to_8_bits(photo)
        image = Image.fromarray(small[..., 0] if self.is_grey else small)
        return np.array(ImageCms.applyTransform(image, self.transform()), np.uint8)


def srgb_conversion(data: bytes, suffix: str) -> Conversion | TableConversion | None:
    """What makes the photo of a JPEG, PNG, TIFF or HEIC sRGB; ``None`` where it is that already.

    Args:
        data: The whole file.
        suffix: Suffix of its name.

    Raises:
        Broken: ``unsupported_color`` when the file says something about its colours that cannot be followed.
    """
    tags = _color_tags(data, suffix.lower())
    if tags.cicp is None and not tags.profile and tags.gamma is None and _is_adobe_rgb(data, suffix):
        gamma = power(ADOBE_GAMMA)
        return Conversion((gamma, gamma, gamma), _from_primaries(_ADOBE_XY))
    conversion = _conversion(tags)
    return None if isinstance(conversion, Conversion) and conversion.is_identity() else conversion


def to_8_bits(photo: Rgb) -> Rgb8:
    """Encoded values of 16 bits rounded to 8."""
    if photo.dtype == np.uint8:
        return cast("Rgb8", photo)
    return np.rint(photo / np.float32(257)).astype(np.uint8)


def check_color(data: bytes, suffix: str) -> None:
    """Make sure that the colours of a photo can be converted; RAW files have those of their sensor.

    Raises:
        Broken: as :func:`srgb_conversion`.
    """
    if suffix.lower() not in RAW_SUFFIXES:
        srgb_conversion(data, suffix)


def kept_profile(data: bytes, suffix: str) -> bytes:
    """The ICC profile that the pixels of :func:`ebb.photo.decode.decode` still have: one of sRGB."""
    is_srgb = srgb_conversion(data, suffix) is None
    return _color_tags(data, suffix.lower()).profile if is_srgb else b""


def _color_tags(data: bytes, suffix: str) -> ColorTags:
    if suffix in HEIF_SUFFIXES:
        return heif_color(data)
    if data[:2] in (b"II", b"MM"):
        return tiff_color(data)
    return png_color(data) if data[:1] == b"\x89" else jpeg_color(data)


def _is_adobe_rgb(data: bytes, suffix: str) -> bool:
    """Whether EXIF says so: as DCF does by ``R03``, or by 2, which the standard does not know."""
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
        gamma = power(tags.gamma) if abs(tags.gamma - 2.2) > 0.03 else to_light  # 2.2 is how PNG says sRGB
        matrix = _from_chromaticities(tags.chromaticities) if tags.chromaticities else np.eye(3)
        return Conversion((gamma, gamma, gamma), matrix)
    return None


def _of_codes(primaries: int, transfer: int) -> Conversion:
    """Codes of ITU-T H.273."""
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
    """Linear light of these primaries to linear sRGB, white to white."""
    return _to_srgb(_xyz_of_primaries(chromaticities))


def _from_chromaticities(chromaticities: tuple[float, ...]) -> Matrix:
    """As a PNG claims them.

    Raises:
        Broken: ``unsupported_color`` when no colour can be made of them.
    """
    try:
        return _from_primaries(chromaticities)
    except (ZeroDivisionError, np.linalg.LinAlgError) as error:
        message = f"the chromaticities {chromaticities} are no colours"
        raise Broken(Reason.UNSUPPORTED_COLOR, message) from error


def _to_srgb(to_xyz: Matrix) -> Matrix:
    return cast("Matrix", np.linalg.solve(_xyz_of_primaries(_XY[1]), to_xyz))


def _xyz_of_primaries(chromaticities: tuple[float, ...]) -> Matrix:
    """Linear RGB to XYZ, adapted to D50 as in an ICC profile (Bradford; ICC.1:2022, annex E)."""
    white, *primaries = (
        np.array([x / y, 1, (1 - x - y) / y])
        for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    )
    columns = np.stack(primaries, axis=1)
    unadapted = columns * np.linalg.solve(columns, white)
    ratio = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    return cast("Matrix", np.linalg.solve(_BRADFORD, ratio[:, None] * (_BRADFORD @ unadapted)))
