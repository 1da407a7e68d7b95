"""Crops of the protocols."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebb.errors import InvalidInput
from ebb_train.metrics import framing
from ebb_train.metrics.inputs import ImagePair


def places(height: int, width: int) -> ImagePair:
    """Pictures whose values say where they are: row and column, both above 0."""
    rows, columns = np.mgrid[1.0 : height + 1, 1.0 : width + 1]
    picture = np.stack([rows, columns, rows], axis=2)
    return ImagePair(picture, picture.copy())


def corners(pair: ImagePair) -> tuple[list[int], list[int]]:
    """Row and column, from 0, of the first and the last pixel."""
    assert (pair.preds == pair.target).all()
    first, last = pair.target[0, 0, :2], pair.target[-1, -1, :2]
    return (first.astype(int) - 1).tolist(), (last.astype(int) - 1).tolist()


def test_without_border() -> None:
    assert corners(framing.without_border(places(70, 101))) == ([32, 32], [37, 68])
    with pytest.raises(InvalidInput, match="nothing of 101 x 64 pixels is left without a border of 32 px"):
        framing.without_border(places(64, 101))


@pytest.mark.parametrize(
    ("side", "first", "last"), [(40, 0, 39), (41, 1, 40), (42, 1, 40), (43, 2, 41), (44, 0, 43)]
)
def test_multiple_of_4(side: int, first: int, last: int) -> None:
    assert corners(framing.multiple_of_4(places(side, 20))) == ([first, 0], [last, 19])
    assert corners(framing.multiple_of_4(places(20, side))) == ([0, first], [19, last])


@pytest.mark.parametrize(
    ("height", "width", "first", "last"),
    [
        (1024, 1440, (0, 0), (1023, 1439)),
        (800, 1200, (0, 0), (799, 1199)),
        (1024, 1536, (0, 48), (1023, 1487)),
        (1030, 1400, (3, 0), (1026, 1399)),
        (1024, 1443, (0, 2), (1023, 1441)),  # torchvision rounds 1.5 to 2 and 0.5 to 0
        (1024, 1441, (0, 0), (1023, 1439)),
    ],
)
def test_in_black_bars(height: int, width: int, first: tuple[int, int], last: tuple[int, int]) -> None:
    pair = framing.in_black_bars(places(height, width))
    assert pair.target.shape == (height, width, 3)
    rows, columns = np.nonzero(pair.target[..., 0])
    inner = pair.target[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert corners(ImagePair(inner, inner)) == (list(first), list(last))
    spare = width - inner.shape[1], height - inner.shape[0]
    assert (columns.min(), rows.min()) == (spare[0] // 2, spare[1] // 2)


@given(st.integers(0, 255))
def test_8_bit_values_are_unchanged(value: int) -> None:
    picture = np.full((1, 1, 3), value / 255)
    assert framing.in_8_bits(ImagePair(picture, picture)).preds[0, 0, 0] == value / 255


def test_rounding_is_to_the_nearest() -> None:
    values = np.array([[[0, 0.4, 0.6], [127.49, 127.51, 254.6]]]) / 255
    assert framing.in_8_bits(ImagePair(values, values)).preds * 255 == pytest.approx(
        np.array([[[0, 0, 1], [127, 128, 255]]])
    )


def test_whole() -> None:
    pair = places(3, 4)
    assert framing.whole(pair) is pair
