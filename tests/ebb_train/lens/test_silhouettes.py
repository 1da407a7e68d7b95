from __future__ import annotations

import numpy as np
import pytest

from ebb_train.lens.silhouettes import KINDS, THIN, draw


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_coverage(kind: str) -> None:
    shapes = [draw(kind, np.random.default_rng(seed), 96) for seed in range(6)]
    for shape in shapes:
        assert shape.shape == (96, 96)
        assert shape.dtype == np.float32
        assert 0 <= shape.min() <= shape.max() <= 1
        partly = (shape > 0) & (shape < 1)
        assert partly.any(), "edges are antialiased"
    assert max(shape.max() for shape in shapes) == 1
    assert 0.01 < np.mean(shapes) < 0.7
    np.testing.assert_array_equal(shapes[0], draw(kind, np.random.default_rng(0), 96))
    assert not np.array_equal(shapes[0], shapes[1])


@pytest.mark.parametrize("kind", sorted(THIN))
def test_thin_kinds_are_a_few_pixels_wide(kind: str) -> None:
    """Opening with a disc wider than the parts removes most of them; it keeps most of a blob."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))

    def left(name: str) -> float:
        shapes = [draw(name, np.random.default_rng(seed), 192) for seed in range(8)]
        return sum(cv2.morphologyEx(s, cv2.MORPH_OPEN, disc).sum() for s in shapes) / sum(
            s.sum() for s in shapes
        )

    assert left(kind) < 0.35
    assert left("blob") > 0.9


def test_leaves_have_holes() -> None:
    """Background that is not connected to the outside."""
    import cv2

    found = 0
    for seed in range(10):
        shape = np.pad(draw("leaves", np.random.default_rng(seed), 192), 1)
        found += cv2.connectedComponents((shape < 0.5).astype(np.uint8))[0] - 2
    assert found >= 5
