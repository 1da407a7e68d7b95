"""Accepted pictures, their conversion to one range, and refused ones."""

from __future__ import annotations

import numpy as np
import pytest

from ebb.errors import ExitCode, InvalidInput
from ebb_train.metrics.inputs import as_pair

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_every_bit_depth_is_scaled_to_the_same_range() -> None:
    for other in (COLOUR.astype(np.uint16) * 257, np.float32(COLOUR / 255), COLOUR / 255):
        preds, target = as_pair(other, COLOUR)
        np.testing.assert_allclose(preds, target, atol=1e-7)
        assert preds.dtype == target.dtype == np.float64
    assert as_pair(np.float16(COLOUR / 255), COLOUR).preds == pytest.approx(COLOUR / 255, abs=1e-3)


def test_values_slightly_out_of_range_are_clipped() -> None:
    preds, _ = as_pair(np.linspace(-0.08, 1.08, 105, dtype=np.float32).reshape(5, 7, 3), COLOUR)
    assert (preds.min(), preds.max()) == (0, 1)


def test_grey_becomes_three_equal_channels() -> None:
    grey = COLOUR[..., 0]
    for preds in (grey, grey[..., None]):
        pair = as_pair(preds, grey)
        assert pair.preds.shape == (5, 7, 3)
        assert (pair.preds == pair.target[..., :1]).all()


def test_an_opaque_alpha_channel_is_dropped() -> None:
    opaque = np.dstack([COLOUR, np.full((5, 7), 255, np.uint8)])
    assert (as_pair(opaque, COLOUR).preds == as_pair(COLOUR, COLOUR).preds).all()


HOLE = np.dstack([COLOUR, np.full((5, 7), 254, np.uint8)])
NAN = np.where(np.arange(105).reshape(5, 7, 3) == 9, np.nan, 0.5)
INFINITE = np.where(np.arange(105).reshape(5, 7, 3) < 2, np.inf, 0.5)


@pytest.mark.parametrize(
    ("preds", "message"),
    [
        (COLOUR[1:], r"sizes differ: 7 x 4 and 7 x 5 \(score at the size of the target\)"),
        (COLOUR[:, :, 0], "the prediction is grey and the other picture is not"),
        (HOLE, r"the prediction has transparent pixels \(flatten it"),
        (NAN, "the prediction holds NaN or infinity in 1 values"),
        (INFINITE, "the prediction holds NaN or infinity in 2 values"),
        (COLOUR.astype(np.float32), r"the prediction runs from 0 to 248, not from 0 to 1"),
        (COLOUR / 127.5 - 1, r"the prediction runs from -1 to"),
        (COLOUR.astype(np.int64), r"the prediction holds int64 values \(uint8, uint16, or floats"),
        (COLOUR > 9, "the prediction holds bool values"),
        (COLOUR[..., :2], r"the prediction has shape \(5, 7, 2\), not \(height, width, 3\)"),
        (COLOUR[None], r"sizes differ"),
        (COLOUR[0, 0], r"sizes differ"),
    ],
)  # fmt: skip
def test_invalid_pictures_are_refused(preds: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        as_pair(preds, COLOUR)
    assert caught.value.exit_code == ExitCode.INVALID_INPUT


def test_the_target_is_checked_too() -> None:
    with pytest.raises(InvalidInput, match="the target holds NaN"):
        as_pair(COLOUR, NAN)
    with pytest.raises(InvalidInput, match=r"the prediction has shape \(0, 7, 3\)"):
        as_pair(COLOUR[:0], COLOUR[:0])
