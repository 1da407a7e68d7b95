"""Pictures to the bytes of a file, with what they keep of the photo's metadata."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import OutputError

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
    from ebb.photo.metadata import Metadata

JPEG_QUALITY = 95

_OPTIONS: dict[str, dict[str, Any]] = {
    "jpg": {"format": "JPEG", "quality": JPEG_QUALITY, "subsampling": "4:4:4"},
    "png": {"format": "PNG", "compress_level": 3},
}


def encode_picture(picture: Rgb8, kind: str, metadata: Metadata) -> bytes:
    """Encode a picture.

    Args:
        picture: (height, width, 3), upright.
        kind: ``jpg`` (quality 95, chroma at full size) or ``png``.
        metadata: EXIF and colour profile to write into it.

    Raises:
        OutputError: the format cannot hold it: JPEG ends at 65535 pixels a side.
    """
    from PIL import Image

    extra = {name: value for name, value in metadata._asdict().items() if value}
    file = io.BytesIO()
    try:
        Image.fromarray(picture).save(file, **_OPTIONS[kind], **extra)
    except (OSError, ValueError) as error:
        height, width = picture.shape[:2]
        message = f"a picture of {width} x {height} pixels cannot be written as {kind}: {error}"
        raise OutputError(message, hint="try --format png") from error
    return file.getvalue()


def side_by_side(photo: Rgb8, picture: Rgb8) -> Rgb8:
    """Photo left, picture right; equal sizes."""
    return np.hstack([photo, picture])
