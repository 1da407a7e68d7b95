"""HEIC files with a depth map, as phones write them: pillow-heif's, its second image made auxiliary."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

APDI = "http://ns.apple.com/pixeldatainfo/1.0/"
DEPTH_URN = b"urn:mpeg:hevc:2015:auxid:2"


def heic(
    photo: NDArray[np.generic],
    depth: NDArray[np.generic] | None = None,
    *,
    orientation: int = 1,
    xmp: bytes | None = None,
    depth_xmp: bytes | None = None,
    sei: bytes = b"",
    f_number: float = 16.0,
    taken: str = "2024:05:04 10:00:00",
) -> bytes:
    """A lossless HEIC. Its stored pixels are seen as ``orientation`` says, and its EXIF says so once more.

    ``xmp`` is about the photo, ``depth_xmp`` and ``sei`` (:func:`representation`) are about the depth image.
    """
    file = pillow_heif.HeifFile()
    for pixels in (photo,) if depth is None else (photo, depth):
        _add(file, pixels)
        notes = Image.Exif()
        notes[0x0112] = orientation
        notes[0x0110] = "Phone"
        notes.get_ifd(0x8769).update({0x829D: f_number, 0x9003: taken, 0x920A: 6.0})
        file[len(file) - 1].info["exif"] = notes.tobytes()
    for image, packet in zip(file, (xmp, depth_xmp), strict=False):
        image.info |= {"xmp": packet} if packet else {}
    stream = io.BytesIO()
    file.save(stream, quality=-1, chroma="444", matrix_coefficients=0)
    return stream.getvalue() if depth is None else _made_auxiliary(stream.getvalue(), sei)


def apdi(low: object, high: object, native: bytes = b"hdis") -> bytes:
    """What an iPhone notes about a depth map."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:RDF>'
        f'<rdf:Description xmlns:apdi="{APDI}"><apdi:NativeFormat>{int.from_bytes(native, "big")}'
        f"</apdi:NativeFormat><apdi:FloatMinValue>{low}</apdi:FloatMinValue>"
        f"<apdi:FloatMaxValue>{high}</apdi:FloatMaxValue></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def representation(kind: int, **range_: float) -> bytes:
    """Depth representation information (ITU-T H.265): a message with powers of two as its range."""
    names = ("z_near", "z_far", "d_min", "d_max")
    bits = "".join("1" if name in range_ else "0" for name in names) + _exp_golomb(kind)
    if "d_min" in range_ or "d_max" in range_:
        bits += _exp_golomb(0)
    for name in names:
        if name in range_:
            exponent = int(np.log2(range_[name])) + 31
            bits += f"0{exponent:07b}{0:05b}0"
    bits += "1"
    payload = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    message = bytes([39 << 1, 1, 177, len(payload)]) + payload
    return struct.pack(">II", len(message) + 4, len(message)) + message


def _exp_golomb(value: int) -> str:
    binary = f"{value + 1:b}"
    return "0" * (len(binary) - 1) + binary


def _add(file: pillow_heif.HeifFile, pixels: NDArray[np.generic]) -> None:
    mode = ("L" if pixels.ndim == 2 else "RGB") + (";16" if pixels.dtype == np.uint16 else "")
    mode = "I;16" if mode == "L;16" else mode
    file.add_frombytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())


def _made_auxiliary(data: bytes, sei: bytes) -> bytes:
    """Point from the second image to the first, and say that it is depth."""
    images = [item for item, kind in _items(data) if kind == b"hvc1"]
    boxes = dict(_boxes(data, 0, len(data)))
    inner = dict(_boxes(data, boxes[b"meta"][0] + 4, boxes[b"meta"][1]))
    properties = dict(_boxes(data, *inner[b"iprp"]))
    number = len(list(_boxes(data, *properties[b"ipco"]))) + 1
    urn = _box(b"auxC", bytes(4) + DEPTH_URN + b"\0" + sei)
    ipco = data[slice(*properties[b"ipco"])] + urn
    ipma = _associated(data[slice(*properties[b"ipma"])], images[1], number)
    iref = data[slice(*inner[b"iref"])] + _box(b"auxl", struct.pack(">HHH", images[1], 1, images[0]))
    content = {name: data[slice(*span)] for name, span in inner.items()}
    content |= {b"iprp": _box(b"ipco", ipco) + _box(b"ipma", ipma), b"iref": iref}
    grown = sum(map(len, content.values())) - sum(stop - start for start, stop in inner.values())
    content[b"iloc"] = _moved(content[b"iloc"], grown)
    meta = _box(b"meta", bytes(4) + b"".join(_box(name, body) for name, body in content.items()))
    return data[: boxes[b"meta"][0] - 8] + meta + data[boxes[b"meta"][1] :]


def _boxes(data: bytes, start: int, stop: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    while start < stop:
        size = int.from_bytes(data[start : start + 4], "big")
        yield data[start + 4 : start + 8], (start + 8, start + size)
        start += size


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    boxes = dict(_boxes(data, 0, len(data)))
    inner = dict(_boxes(data, boxes[b"meta"][0] + 4, boxes[b"meta"][1]))
    for _, (start, _) in _boxes(data, inner[b"iinf"][0] + 6, inner[b"iinf"][1]):
        yield int.from_bytes(data[start + 4 : start + 6], "big"), data[start + 8 : start + 12]


def _associated(ipma: bytes, item: int, number: int) -> bytes:
    """Add one property to an item: one byte a property, as pillow-heif writes them."""
    out, at = ipma[:8], 8
    while at < len(ipma):
        count = ipma[at + 2]
        entry = ipma[at + 3 : at + 3 + count]
        if int.from_bytes(ipma[at : at + 2], "big") == item:
            entry += bytes([number])
        out += ipma[at : at + 2] + bytes([len(entry)]) + entry
        at += 3 + count
    return out


def _moved(iloc: bytes, by: int) -> bytes:
    """Add to the base offset of every item: version 0, four bytes each, one extent, as pillow-heif does."""
    assert iloc[:6] == bytes([0, 0, 0, 0, 0x44, 0x40])
    entries = [iloc[at : at + 18] for at in range(8, len(iloc), 18)]
    return iloc[:8] + b"".join(
        entry[:4] + struct.pack(">I", int.from_bytes(entry[4:8], "big") + by) + entry[8:] for entry in entries
    )
