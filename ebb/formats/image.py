"""PNG, TIFF and JPEG files of any bit depth, decoded as they are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def decode_image(data: bytes) -> NDArray[Any]:
    """Decode with all bits and channels (BGR) that are stored, not turned by any orientation tag.

    Raises:
        ValueError: it cannot be decoded.
    """
    import cv2

    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ValueError(str(error.err or error)) from error
    if image is None:
        raise ValueError("not a whole image")
    return np.asarray(image)
