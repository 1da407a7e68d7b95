"""Cells of tables: what is shown and what is sorted by."""

from __future__ import annotations

import math

from ebb.pages.cells import number_cell


def test_a_number_is_sorted_by_all_its_digits() -> None:
    assert number_cell(0.123456789, ".3g") == {"value": "0.123456789", "text": "0.123"}
    assert number_cell(0.0, ".4f") == {"value": "0.0", "text": "0.0000"}


def test_a_rounded_zero_has_no_sign() -> None:
    assert number_cell(-0.001, ".2f") == {"value": "-0.001", "text": "0.00"}
    assert number_cell(-0.0, ".3g")["text"] == "0"
    assert number_cell(-0.006, ".2f")["text"] == "-0.01"


def test_no_number_is_a_dash() -> None:
    assert number_cell(None, ".3g") == {"value": "", "text": "—"}
    assert number_cell(math.nan, ".3g") == {"value": "", "text": "—"}


def test_infinity_is_spelled_as_the_script_reads_it() -> None:
    assert number_cell(math.inf, ".4f") == {"value": "Infinity", "text": "∞"}
    assert number_cell(-math.inf, ".4f") == {"value": "-Infinity", "text": "−∞"}
