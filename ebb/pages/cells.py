"""Cells of the tables on pages."""

from __future__ import annotations


def number_cell(value: float | None, form: str) -> dict[str, str]:
    """A number of a sortable table: all its digits to sort by, and what is shown.

    Args:
        value: The number; None: a dash, which is sorted apart.
        form: How it is shown, as in ``format``: ``.3g``.
    """
    if value is None:
        return {"value": "", "text": "—"}
    return {"value": repr(value), "text": format(value, form)}
