"""JPEG as the EBB! release has it: quality 95, chroma at half size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.errors import OutputError

if TYPE_CHECKING:
    from ebb.arrays import Rgb8

QUALITY = 95


def encode_jpeg(photo: Rgb8) -> bytes:
    """Encode (height, width, 3) sRGB as JPEG, quality 95, 4:2:0.

    Raises:
        OutputError: the encoder refused, as it does beyond 65500 pixels a side.
    """
    import cv2

    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    ]
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), options)
    if not done:
        raise OutputError(f"the JPEG encoder refused a photo of {photo.shape[1]} x {photo.shape[0]}")
    return buffer.tobytes()
