"""Square windows of pictures."""

from __future__ import annotations

from typing import NamedTuple


class Square(NamedTuple):
    """Rows top … top + size − 1 and columns left … left + size − 1."""

    top: int
    left: int
    size: int

    @property
    def where(self) -> tuple[slice, slice]:
        """Index of the square in an array (H, W, …); it is cut off at the array's last row and column."""
        return slice(self.top, self.top + self.size), slice(self.left, self.left + self.size)

    def wider(self, border: int) -> Square:
        """With a border on all sides."""
        return Square(self.top - border, self.left - border, self.size + 2 * border)

    def cells(self, side: int) -> tuple[slice, slice]:
        """Rows and columns of the square cells of a side that the square touches, of a grid from (0, 0)."""
        rows, columns = (
            slice(max(start // side, 0), max(-(-(start + self.size) // side), 0))
            for start in (self.top, self.left)
        )
        return rows, columns
