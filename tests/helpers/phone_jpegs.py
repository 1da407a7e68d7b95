"""JPEG files with a depth map inside, as phones write them: the same JPEG with XMP and a map put in."""

from __future__ import annotations

import base64
import hashlib
import struct

import cv2
import numpy as np
from numpy.typing import NDArray

RDF = 'xmlns:x="adobe:ns:meta/" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
GDEPTH = "http://ns.google.com/photos/1.0/depthmap/"
PACKET, EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"

PROFILES = {
    "dd": ("http://ns.google.com/photos/dd/1.0/container/", "http://ns.google.com/photos/dd/1.0/item/"),
    "photos": (
        "http://ns.google.com/photos/1.0/container/",
        "http://ns.google.com/photos/1.0/container/item/",
    ),
}


def encode(
    distance: NDArray[np.float64], kind: str, near: float, far: float, bits: int = 8
) -> NDArray[np.generic]:
    """Distances as the numbers a phone stores (Dynamic Depth 1.0, "Depth Data")."""
    if kind == "RangeLinear":
        numbers = (distance - near) / (far - near)
    else:
        numbers = far * (distance - near) / (distance * (far - near))
    levels = 2**bits - 1
    return np.rint(numbers * levels).astype(np.uint8 if bits == 8 else np.uint16)


def png(values: NDArray[np.generic]) -> bytes:
    return cv2.imencode(".png", np.asarray(values))[1].tobytes()


def packet(description: str) -> bytes:
    return f"<x:xmpmeta {RDF}><rdf:RDF>{description}</rdf:RDF></x:xmpmeta>".encode()


def gdepth_description(image: bytes, near: object = 1.0, far: object = 9.0) -> str:
    """GDepth, all in one packet."""
    data = base64.b64encode(image).decode()
    return (
        f'<rdf:Description xmlns:GDepth="{GDEPTH}" GDepth:Format="RangeInverse" GDepth:Near="{near}"'
        f' GDepth:Far="{far}" GDepth:Mime="image/png" GDepth:Data="{data}"/>'
    )


def app1(content: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content


def insert(jpeg: bytes, *segments: bytes) -> bytes:
    """Put segments right behind the start marker."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def with_gdepth(
    jpeg: bytes,
    image: bytes,
    kind: str = "RangeInverse",
    near: object = 1.0,
    far: object = 9.0,
    chunk: int = 60_000,
    **more: str,
) -> bytes:
    """GDepth: the range in the packet, the map as base64 in an extension of several segments."""
    data = base64.b64encode(image).decode()
    extension = packet(f'<rdf:Description xmlns:GDepth="{GDEPTH}" GDepth:Data="{data}"/>')
    name = hashlib.md5(extension).hexdigest().upper()
    extra = "".join(f' GDepth:{key}="{value}"' for key, value in more.items())
    first = packet(
        f'<rdf:Description xmlns:GDepth="{GDEPTH}" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
        f' xmpNote:HasExtendedXMP="{name}" GDepth:Format="{kind}" GDepth:Near="{near}" GDepth:Far="{far}"'
        f' GDepth:Mime="image/png"{extra}/>'
    )
    chunks = [
        app1(
            EXTENSION
            + name.encode()
            + struct.pack(">II", len(extension), start)
            + extension[start : start + chunk]
        )
        for start in range(0, len(extension), chunk)
    ]
    return insert(jpeg, app1(PACKET + first), *chunks[::-1])


def with_dynamic_depth(
    jpeg: bytes,
    image: bytes,
    kind: str = "RangeInverse",
    near: object = 1.0,
    far: object = 9.0,
    profile: str = "dd",
    padding: int = 0,
    before: bytes = b"gain map",
) -> bytes:
    """Dynamic Depth: the map behind the photo, after padding and another file, listed in a directory."""
    container, item = PROFILES[profile]
    files = [
        ("image/jpeg", 0, "Primary", "primary_image"),
        ("image/jpeg", len(before), "GainMap", "android/gain"),
    ]
    files += [("image/png", len(image), "Depth", "android/depthmap")]
    entries = "".join(
        f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="{mime}" Item:Length="{length}"'
        f' Item:Padding="{padding if label == "Primary" else 0}"'
        + (f' Item:DataURI="{uri}"/></rdf:li>' if profile == "dd" else f' Item:Semantic="{label}"/></rdf:li>')
        for mime, length, label, uri in files
    )
    xmp = packet(
        f'<rdf:Description xmlns:Container="{container}" xmlns:Item="{item}"'
        ' xmlns:Device="http://ns.google.com/photos/dd/1.0/device/"'
        ' xmlns:Camera="http://ns.google.com/photos/dd/1.0/camera/"'
        ' xmlns:DepthMap="http://ns.google.com/photos/dd/1.0/depthmap/">'
        f"<Container:Directory><rdf:Seq>{entries}</rdf:Seq></Container:Directory>"
        '<Device:Cameras><rdf:Seq><rdf:li rdf:parseType="Resource"><Camera:DepthMap rdf:parseType="Resource">'
        f"<DepthMap:Format>{kind}</DepthMap:Format><DepthMap:Near>{near}</DepthMap:Near>"
        f"<DepthMap:Far>{far}</DepthMap:Far><DepthMap:ItemSemantic>Depth</DepthMap:ItemSemantic>"
        "<DepthMap:DepthURI>android/depthmap</DepthMap:DepthURI></Camera:DepthMap></rdf:li></rdf:Seq>"
        "</Device:Cameras></rdf:Description>"
    )
    return insert(jpeg, app1(PACKET + xmp)) + bytes(padding) + before + image
