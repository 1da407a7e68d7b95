"""JPEG as the release has it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from ebb.errors import OutputError
from ebb.formats.jpeg import encode_jpeg
from tests.captures import scene


def test_quality_sampling_and_colour_order_agree_with_pillow() -> None:
    photo = scene(1)
    ours = Image.open(io.BytesIO(encode_jpeg(photo)))
    Image.fromarray(photo).save(buffer := io.BytesIO(), "jpeg", quality=95, subsampling=2)
    pillow = Image.open(io.BytesIO(buffer.getvalue()))
    assert ours.quantization == pillow.quantization  # type: ignore[attr-defined]
    assert ours.layer == pillow.layer  # type: ignore[attr-defined]
    assert np.abs(np.asarray(ours).astype(float) - np.asarray(pillow)).mean() < 0.5


def test_too_wide_for_jpeg() -> None:
    with pytest.raises(OutputError, match="refused a photo of 65501 x 1"):
        encode_jpeg(np.zeros((1, 65501, 3), np.uint8))
