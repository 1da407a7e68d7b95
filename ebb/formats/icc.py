"""ICC profiles that describe colours by a matrix and curves.

Source: International Color Consortium, *Specification ICC.1:2022 (profile version 4.4)*; the parts
of version 2 that are read here are the same.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ebb.errors import Broken, Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Curve: TypeAlias = "Callable[[NDArray[np.float64]], NDArray[np.float64]]"
"""Function from encoded values to linear light, both 0 … 1."""

MAX_TAGS = 200
_PARAMETERS = (1, 3, 4, 5, 7)
"""Number of parameters of each type of parametric curve."""
_DEVICE_CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
_LUT_TAGS = (b"A2B0", b"A2B1", b"A2B2")


@dataclass(frozen=True)
class IccProfile:
    """The parts of a profile that are used.

    Attributes:
        space: Colour space of the pixels: ``RGB``, ``GRAY``, ``CMYK`` and others.
        has_table: Whether it describes colours by a table, which then takes precedence.
        to_xyz: (3, 3), linear RGB to XYZ under D50; none for grey, or if there is only a table.
        curves: Curves of red, green and blue, or of grey; none if there is only a table.
        transfer: Code of the transfer function (ITU-T H.273) if it is given, otherwise 2, unspecified.
    """

    space: str
    has_table: bool
    to_xyz: NDArray[np.float64] | None
    curves: tuple[Curve, ...]
    transfer: int = 2


def parse_profile(profile: bytes) -> IccProfile:
    """Read a profile.

    Raises:
        Broken: ``unsupported_color`` if it is damaged or does not describe the colours of a picture.
    """
    if len(profile) < 132 or profile[36:40] != b"acsp":
        raise _unreadable("it has no header")
    if profile[12:16] not in _DEVICE_CLASSES:
        raise _unreadable(f"it is of the class {profile[12:16].decode('latin-1')!r}")
    tags = _tags(profile)
    space = profile[16:20].decode("latin-1").strip()
    has_table = b"A2B0" in tags or (b"rXYZ" not in tags and any(tag in tags for tag in _LUT_TAGS))
    has_table = has_table or (space == "GRAY" and profile[20:24] == b"Lab ")  # its curve is that of lightness
    to_xyz, names = None, {"GRAY": (b"kTRC",), "RGB": (b"rTRC", b"gTRC", b"bTRC")}.get(space, ())
    if not has_table and space == "RGB":
        to_xyz = np.stack([_xyz(_tag(tags, name)) for name in (b"rXYZ", b"gXYZ", b"bXYZ")], axis=1)
    curves = () if has_table else tuple(_curve(_tag(tags, name)) for name in names)
    transfer = tags[b"cicp"][9] if len(tags.get(b"cicp", b"")) >= 12 else 2
    return IccProfile(space, has_table, to_xyz, curves, transfer)


def _unreadable(why: str) -> Broken:
    return Broken(Reason.UNSUPPORTED_COLOR, f"its colour profile cannot be used: {why}")


def _tags(profile: bytes) -> dict[bytes, bytes]:
    count = int.from_bytes(profile[128:132], "big")
    if count > MAX_TAGS or 132 + 12 * count > len(profile):
        raise _unreadable(f"it claims {count} tags in {len(profile)} bytes")
    found = {}
    for index in range(count):
        name, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        found[name] = profile[offset : offset + length]
    return found


def _tag(tags: dict[bytes, bytes], name: bytes) -> bytes:
    if name not in tags:
        raise _unreadable(f"the tag {name.decode()} is missing")
    return tags[name]


def _xyz(tag: bytes) -> NDArray[np.float64]:
    if tag[:4] != b"XYZ " or len(tag) < 20:
        raise _unreadable("its primaries are damaged")
    return _fixed(tag[8:20])


def _fixed(content: bytes) -> NDArray[np.float64]:
    """Signed fixed-point numbers with 15 + 16 bits."""
    return np.frombuffer(content, ">i4").astype(np.float64) / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv" and len(tag) >= 12:
        count = int.from_bytes(tag[8:12], "big")
        values = np.frombuffer(tag[12 : 12 + 2 * count], ">u2", count=min(count, len(tag[12:]) // 2))
        if len(values) == count:
            return _sampled(values)
    elif tag[:4] == b"para" and len(tag) >= 12:
        kind = int.from_bytes(tag[8:10], "big")
        if kind < len(_PARAMETERS) and len(tag) >= 12 + 4 * _PARAMETERS[kind]:
            return _parametric(kind, *_fixed(tag[12 : 12 + 4 * _PARAMETERS[kind]]).tolist())
    raise _unreadable("a curve is damaged")


def _sampled(values: NDArray[np.uint16]) -> Curve:
    """Curve from samples: the identity, an exponent, or an interpolated table."""
    if len(values) == 0:
        return lambda encoded: encoded
    if len(values) == 1:
        return power(int(values[0]) / 256)
    table, places = values / 65535, np.linspace(0, 1, len(values))
    return lambda encoded: np.interp(encoded, places, table)


def power(exponent: float) -> Curve:
    """Curve that raises the encoded value to a power."""
    return lambda encoded: np.power(encoded, exponent)


def _parametric(kind: int, gamma: float, *others: float) -> Curve:
    """Curve of table 68 of the specification: a power of a linear function, and another one below a limit."""
    a, b, c, d, e, f = (*others, 0.0, 0.0)[:6] if kind > 2 else _with_root(*others)

    def light(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        line = np.maximum(a * encoded + b, 0.0)
        with np.errstate(all="ignore"):
            value = np.where(encoded >= d, line**gamma + e, c * encoded + f)
        return np.asarray(np.clip(np.nan_to_num(value), 0, 1), np.float64)

    return light


def _with_root(a: float = 1.0, b: float = 0.0, c: float = 0.0) -> tuple[float, ...]:
    """Parameters of a curve that equals ``c`` where a·x + b is below 0."""
    return a, b, 0.0, -b / a if a else 0.0, c, c
