"""XMP metadata of a JPEG as trees of elements, including the part in extension segments.

Adobe XMP specification, part 3, 1.1.3: a packet is stored in an APP1 segment. Properties that do not fit into
its 64 KB form an *extended* packet, split into chunks in further APP1 segments that the first packet names.
"""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from ebb.errors import Reason, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ebb.formats.containers import Part

PACKET = b"http://ns.adobe.com/xap/1.0/\0"
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_CHUNK_HEADER = struct.Struct(">32sII")
_HAS_EXTENSION = "{http://ns.adobe.com/xmp/note/}HasExtendedXMP"
_APP1 = b"\xe1"


def read_xmp(data: bytes, segments: Iterable[Part]) -> list[ET.Element]:
    """Parse the XMP packets of a JPEG, each followed by its extension if it has one.

    Args:
        data: The file.
        segments: The segments of the first image in it.

    Returns:
        Root elements; none for a JPEG without XMP.

    Raises:
        Rejected: ``bad_depth`` if a packet is not well-formed XML or declares a document type, or an
            extension is incomplete.
    """
    parts = [data[start:stop] for name, start, stop in segments if name == _APP1]
    roots = [parse_packet(part[len(PACKET) :]) for part in parts if part.startswith(PACKET)]
    names = [name for root in roots for name in values(root, _HAS_EXTENSION)]
    chunks = [part[len(EXTENSION) :] for part in parts if part.startswith(EXTENSION)]
    return roots + [parse_packet(_join(chunks, name.encode())) for name in dict.fromkeys(names)]


def properties(element: ET.Element, namespaces: Sequence[str]) -> dict[str, str]:
    """Simple properties of an element in some namespaces, local name → text.

    XMP lets a writer choose between attributes and child elements; both are read.
    """
    found = [*element.attrib.items(), *((child.tag, child.text or "") for child in element if not len(child))]
    split = ((name.rpartition("}"), text) for name, text in found)
    return {local: text.strip() for (space, _, local), text in split if space.removeprefix("{") in namespaces}


def values(root: ET.Element, name: str) -> Iterator[str]:
    """Every value of a simple property, anywhere in the tree."""
    for element in root.iter():
        if name in element.attrib:
            yield element.attrib[name].strip()
        elif element.tag == name and element.text:
            yield element.text.strip()


def parse_packet(packet: bytes) -> ET.Element:
    """Parse one packet, UTF-8 without a document type, so that no entity can expand.

    Raises:
        Rejected: ``bad_depth`` if it is not well-formed XML or declares a document type.
    """
    try:
        text = packet.decode("utf-8-sig").strip("\0 \t\r\n")
        if "<!DOCTYPE" in text:
            raise Rejected(Reason.BAD_DEPTH, "the XMP declares a document type")
        return ET.fromstring(text)  # noqa: S314 - a text without a document type has nothing to expand
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise Rejected(Reason.BAD_DEPTH, f"the XMP cannot be parsed: {error}") from error


def _join(chunks: Iterable[bytes], name: bytes) -> bytes:
    """Concatenate the chunks of an extension, which may be in any order."""
    found = [chunk for chunk in chunks if len(chunk) >= _CHUNK_HEADER.size and chunk.startswith(name)]
    headers = sorted((_CHUNK_HEADER.unpack_from(chunk)[:0:-1], chunk) for chunk in found)
    joined, length = [], 0
    for (offset, _), chunk in headers:
        if offset == length:
            joined.append(chunk[_CHUNK_HEADER.size :])
            length += len(joined[-1])
    needed = headers[0][0][1] if headers else None
    if length != needed:
        has = f"{length} of {needed} bytes" if needed is not None else "no parts"
        raise Rejected(Reason.BAD_DEPTH, f"the extended XMP is incomplete: {has} are present")
    return b"".join(joined)
