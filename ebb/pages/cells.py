"""Cells of the tables on pages."""

from __future__ import annotations

import math


def number_cell(value: float | None, form: str) -> dict[str, str]:
    """A number of a sortable table: all its digits to sort by, and what is shown.

    Args:
        value: The number; None: a dash, which is sorted apart.
        form: How it is shown, as in ``format``: ``.3g``.
    """
    if value is None or math.isnan(value):
        return {"value": "", "text": "—"}
    if math.isinf(value):  # as JavaScript spells it
        return {"value": "Infinity", "text": "∞"} if value > 0 else {"value": "-Infinity", "text": "−∞"}
    return {"value": repr(value), "text": format(value, form)}
