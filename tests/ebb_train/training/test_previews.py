"""Preview pictures of a run."""

from __future__ import annotations

import numpy as np

from ebb_train.training.previews import BACKGROUND, GAP, ROW_HEIGHT, sheet
from ebb_train.training.validation import Example


def shown(width: int, height: int, *, has_depth: bool = True) -> Example:
    wide = np.full((height, width, 3), 200, np.uint8)
    depth = np.full((height // 2, width // 2), 60, np.uint8) if has_depth else None
    return Example("ab", wide, depth, np.full((height, width, 3), 0.5, np.float32), wide // 2)


def test_a_row_is_input_depth_output_target() -> None:
    picture = sheet([shown(256, 512)])
    assert picture.shape == (ROW_HEIGHT, 4 * 128 + 3 * GAP, 3)
    centres = [64 + number * (128 + GAP) for number in range(4)]
    assert picture[100, centres].tolist() == [[200] * 3, [60] * 3, [128] * 3, [100] * 3]


def test_rows_of_different_widths() -> None:
    picture = sheet([shown(128, 256), shown(512, 256)])
    assert picture.shape == (2 * ROW_HEIGHT + GAP, 4 * 512 + 3 * GAP, 3)
    assert picture[10, -1].tolist() == [BACKGROUND] * 3
    assert picture[ROW_HEIGHT + GAP + 10, -1].tolist() == [100] * 3


def test_missing_depth_is_shown_as_black() -> None:
    assert sheet([shown(256, 256, has_depth=False)])[128, ROW_HEIGHT + GAP + 100].tolist() == [0] * 3
