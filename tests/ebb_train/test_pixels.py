"""Pixels between integers and [0, 1]."""

from __future__ import annotations

import numpy as np

from ebb_train.pixels import enlarge, from_unit, to_8_bits, to_unit


def test_rounding() -> None:
    assert from_unit(np.float32([-1, 0, 0.4999 / 255, 0.5001 / 255, 1, 2])).tolist() == [0, 0, 0, 1, 255, 255]
    assert to_unit(np.uint16([0, 65535])).tolist() == [0, 1]


def test_16_bits_become_8_by_rounding() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.array_equal(to_8_bits(deep), np.rint(deep / 257).astype(np.uint8))
    flat = deep.astype(np.uint8)
    assert to_8_bits(flat) is flat


def test_enlarging_keeps_range_and_position() -> None:
    edge = np.zeros((4, 4, 3), np.float32)
    edge[:, 2:] = 1
    larger = enlarge(edge, (16, 16, 3))
    assert (larger.min(), larger.max()) == (0, 1)
    assert larger[8, 7, 0] < 0.5 < larger[8, 8, 0]
    assert enlarge(edge, (4, 4, 3)) is edge
