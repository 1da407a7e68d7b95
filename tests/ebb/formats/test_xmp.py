import struct

import pytest

from ebb.errors import Reason, Rejected
from ebb.formats.xmp import properties, read_xmp, values
from tests.helpers.phone_jpegs import EXTENSION, PACKET, RDF, packet

NAME = "0123456789ABCDEF" * 2
NOTE = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{NAME}"'


def segments(*contents: bytes) -> tuple[bytes, list[tuple[bytes, int, int]]]:
    """Contents of APP1 segments in a row, and where they are."""
    stops = [sum(map(len, contents[: index + 1])) for index in range(len(contents))]
    parts = [(b"\xe1", stop - len(content), stop) for stop, content in zip(stops, contents, strict=True)]
    return b"".join(contents), parts


def chunk(extension: bytes, start: int, stop: int, name: str = NAME) -> bytes:
    return EXTENSION + name.encode() + struct.pack(">II", len(extension), start) + extension[start:stop]


FIRST = PACKET + packet(f"<rdf:Description {NOTE}/>")
EXTENDED = packet('<rdf:Description xmlns:a="urn:a" a:Text="' + "long " * 50 + '"/>')


def test_attributes_and_elements_are_the_same() -> None:
    description = (
        '<rdf:Description xmlns:a="urn:a" xmlns:b="urn:b" a:One=" 1 " b:Two="2">'
        "<a:Three>3</a:Three><a:Bag><b:x/></a:Bag></rdf:Description>"
    )
    (root,) = read_xmp(*segments(PACKET + packet(description)))
    found = next(element for element in root.iter() if element.tag.endswith("Description"))
    assert properties(found, ("urn:a",)) == {"One": "1", "Three": "3"}
    assert properties(found, ("urn:b", "urn:a")) == {"One": "1", "Two": "2", "Three": "3"}
    assert list(values(root, "{urn:a}One")) == ["1"]
    assert list(values(root, "{urn:a}Three")) == ["3"]


def test_a_jpeg_without_xmp() -> None:
    assert read_xmp(*segments(b"Exif\0\0II*\0")) == []
    assert read_xmp(b"", []) == []


def test_extension_chunks_come_in_any_order_and_others_stay_out() -> None:
    parts = [chunk(EXTENDED, start, start + 100) for start in range(0, len(EXTENDED), 100)]
    stranger = chunk(b"<other/>", 0, 8, name="F" * 32)
    _, extension = read_xmp(*segments(parts[2], FIRST, stranger, *parts[3:], parts[1], parts[0]))
    assert next(values(extension, "{urn:a}Text")).startswith("long long")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "no parts are present"),
        ([chunk(EXTENDED, 0, 100)], f"100 of {len(EXTENDED)} bytes are present"),
        ([chunk(EXTENDED, 0, 100), chunk(EXTENDED, 120, 900)], f"100 of {len(EXTENDED)} bytes"),
        ([chunk(EXTENDED, 0, 900)[:60]], "no part"),
    ],
)
def test_an_incomplete_extension(parts: list[bytes], message: str) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        read_xmp(*segments(FIRST, *parts))
    assert caught.value.reason is Reason.BAD_DEPTH


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))


@pytest.mark.parametrize(
    ("xmp", "message"),
    [
        (b"<x:xmpmeta", "the XMP cannot be parsed"),
        (b"\xff\xfe<\0a\0/\0>\0", "the XMP cannot be parsed"),
        (f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>'.encode(), "declares a document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "declares a document type"),
        (f"<x:xmpmeta {RDF}>&xxe;</x:xmpmeta>".encode(), "the XMP cannot be parsed: undefined entity"),
    ],
)
def test_xml_that_is_not_read(xmp: bytes, message: str) -> None:
    with pytest.raises(Rejected, match=message) as caught:
        read_xmp(*segments(PACKET + xmp))
    assert caught.value.reason is Reason.BAD_DEPTH


def test_byte_order_mark_and_padding_are_accepted() -> None:
    (root,) = read_xmp(*segments(PACKET + b"\xef\xbb\xbf" + packet("") + b"   \0\0"))
    assert root.tag == "{adobe:ns:meta/}xmpmeta"
