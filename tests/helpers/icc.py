"""ICC profiles, written from the specification (ICC.1:2022) and nothing of ebb."""

from __future__ import annotations

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
SRGB = ((0.4361, 0.3851, 0.1431), (0.2225, 0.7169, 0.0606), (0.0139, 0.0971, 0.7141))
ADOBE_RGB = ((0.6097, 0.2053, 0.1492), (0.3111, 0.6257, 0.0632), (0.0195, 0.0609, 0.7446))
DISPLAY_P3 = ((0.5151, 0.2920, 0.1571), (0.2412, 0.6922, 0.0666), (-0.0010, 0.0419, 0.7841))
PROPHOTO = ((0.7977, 0.1352, 0.0313), (0.2880, 0.7119, 0.0001), (0.0, 0.0, 0.8249))
"""Linear RGB to XYZ under D50, as the profiles of these spaces have it."""


def fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def curve(*values: int) -> bytes:
    """None: the identity; one: an exponent in 1/256; more: a table."""
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values)


def parametric(kind: int, *numbers: float) -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", kind, 0) + fixed(*numbers)


SRGB_CURVE = parametric(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def xyz(*numbers: float) -> bytes:
    return b"XYZ " + bytes(4) + fixed(*numbers)


def profile(
    tags: dict[bytes, bytes],
    *,
    space: bytes = b"RGB ",
    pcs: bytes = b"XYZ ",
    major: int = 4,
    device: bytes = b"mntr",
) -> bytes:
    if major == 2:
        text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(78)
    else:
        text = (
            b"mluc"
            + bytes(4)
            + struct.pack(">II2s2sII", 1, 12, b"en", b"US", 8, 28)
            + "test".encode("utf-16-be")
        )
    tags = {b"desc": text, b"cprt": text if major > 2 else b"text" + bytes(4) + b"none\0", **tags}
    tags.setdefault(b"wtpt", xyz(*D50))
    table, content, start = b"", b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag + bytes(-len(tag) % 4)
    header = struct.pack(
        ">I4sBBH4s4s4s12s4s4sI4s4s8sI12s4s",
        start + len(content),
        b"test",
        major,
        0x40 if major == 4 else 0x10,
        0,
        device,
        space,
        pcs,
        bytes(12),
        b"acsp",
        b"APPL",
        0,
        bytes(4),
        bytes(4),
        bytes(8),
        0,
        fixed(*D50),
        b"test",
    )
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + content


def matrix_profile(to_xyz: tuple[tuple[float, ...], ...], trc: bytes, *, major: int = 4) -> bytes:
    columns = np.array(to_xyz).T.tolist()
    tags = {name: xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    return profile({**tags, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), trc)}, major=major)


def grey_profile(trc: bytes, *, pcs: bytes = b"XYZ ", major: int = 4) -> bytes:
    return profile({b"kTRC": trc}, space=b"GRAY", pcs=pcs, major=major)


def table_profile(
    to_xyz: tuple[tuple[float, ...], ...], *, space: bytes = b"RGB ", channels: int = 3
) -> bytes:
    """Colours by a table of the corners only: light in proportion to the encoded value."""
    corners = np.stack(np.meshgrid(*[[0, 1]] * channels, indexing="ij"), -1).reshape(-1, channels)
    colours = corners[:, :3] @ np.array(to_xyz).T
    numbers = np.clip(np.rint(colours * 32768), 0, 65535).astype(">u2")
    lut = b"mft2" + bytes(4) + struct.pack(">BBBB", channels, 3, 2, 0) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    lut += struct.pack(">HH", 2, 2) + struct.pack(">2H", 0, 65535) * channels
    lut += numbers.tobytes() + struct.pack(">2H", 0, 65535) * 3
    return profile({b"A2B0": lut}, space=space, major=2)
