"""Cells of the tables on pages."""

from __future__ import annotations

import math


def number_cell(value: float | None, form: str) -> dict[str, str]:
    """Cell of a sortable table: the number to sort by, and the text to show.

    Args:
        value: The number; None is shown as a dash and sorted separately.
        form: Format specification of the text, such as ``.3g``.
    """
    if value is None or math.isnan(value):
        return {"value": "", "text": "—"}
    if math.isinf(value):  # spelling of JavaScript
        return {"value": "Infinity", "text": "∞"} if value > 0 else {"value": "-Infinity", "text": "−∞"}
    return {"value": repr(value), "text": format(value, f"z{form}")}  # z: no -0.00
