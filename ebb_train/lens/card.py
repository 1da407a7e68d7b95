"""The model card of the repair network, made from the figures of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TITLES = {"none": "exact depth", "median": "median errors", "hard": "hard errors"}
"""Strengths of depth errors and their titles."""


def card_text(facts: Mapping[str, Any]) -> str:
    """Markdown of the card; the same facts give the same text.

    Args:
        facts: As ``pipelines/lens_model.py`` writes them to ``benchmarks/results/lens_model.json``.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ebb_train.lens", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown made of numbers
    )
    environment.filters["change"] = change_text
    return environment.get_template("card.md.jinja").render(titles=TITLES, **facts)


def change_text(change: float) -> str:
    """A relative change as text: +1.0 %."""
    return f"{100 * change:+.1f} %"
