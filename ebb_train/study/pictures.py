"""The pictures of a study on disk: plain sRGB without metadata, named by their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ebb.errors import InvalidInput
from ebb.files import check_regular, make_folder, refuse_link, sha256_bytes, sha256_file, write_atomic
from ebb.formats.image import image_size
from ebb.formats.jpeg import encode_jpeg
from ebb.formats.png import encode_png

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb.arrays import Rgb8

PICTURES = "pictures"

PictureFormat: TypeAlias = Literal["png", "jpeg"]

MEDIA_TYPES: Mapping[str, str] = {".png": "image/png", ".jpg": "image/jpeg"}
"""Suffix of a stored picture → its type."""

JPEG_QUALITY = 95


class StoredPicture(NamedTuple):
    """A picture on disk."""

    file: str
    """Name in the folder ``pictures``."""
    sha256: str
    width: int
    height: int
    num_bytes: int


def store_picture(study: Path, pixels: Rgb8, kind: PictureFormat) -> StoredPicture:
    """Write a picture, unless its bytes are there.

    Args:
        study: Folder of the study.
        pixels: (h, w, 3) sRGB.
        kind: ``png`` keeps every pixel; ``jpeg`` (quality 95, full chroma) is about a fifth of the size.

    Raises:
        OutputError: it cannot be written.
    """
    data = encode_png(pixels) if kind == "png" else encode_jpeg(pixels, quality=JPEG_QUALITY, chroma="4:4:4")
    digest = sha256_bytes(data)
    name = f"{digest}{'.png' if kind == 'png' else '.jpg'}"
    folder = study / PICTURES
    make_folder(folder)
    if not (folder / name).exists():
        write_atomic(folder / name, data)
    return StoredPicture(name, digest, pixels.shape[1], pixels.shape[0], len(data))


def picture_path(study: Path, file: str) -> Path:
    """Path of a stored picture, from the name that the store has for it.

    Raises:
        InvalidInput: the name is not one that :func:`store_picture` gives.
    """
    stem, dot, suffix = file.partition(".")
    if len(stem) != 64 or not set(stem) <= set("0123456789abcdef") or f"{dot}{suffix}" not in MEDIA_TYPES:
        raise InvalidInput("the store names a picture in another way than ebb does", path=study)
    return study / PICTURES / file


def picture_fault(study: Path, stored: StoredPicture) -> str:
    """What is wrong with a stored picture; empty if nothing is."""
    try:
        path = picture_path(study, stored.file)
        refuse_link(path)
        check_regular(path)
        if sha256_file(path) != stored.sha256 or path.stat().st_size != stored.num_bytes:
            return f"{stored.file} was changed after the study was made"
        size = image_size(path.read_bytes())
    except FileNotFoundError:
        return f"{stored.file} is missing"
    except (InvalidInput, OSError, ValueError) as error:
        return f"{stored.file}: {error}"
    if size != (stored.width, stored.height):
        return f"{stored.file} has {size.width} x {size.height} pixels, not {stored.width} x {stored.height}"
    return ""
