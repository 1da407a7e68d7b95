"""The small tuples that travel between modules."""

from ebb.arrays import Rect, Size


def test_size_is_width_first() -> None:
    assert Size(3, 2) == (3, 2)
    assert Size(3, 2).width == 3


def test_rect_is_corner_then_size() -> None:
    assert Rect(1, 2, 30, 40)._asdict() == {"x": 1, "y": 2, "width": 30, "height": 40}
