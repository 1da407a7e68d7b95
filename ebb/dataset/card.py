"""The dataset card: a README.md in the format of Hugging Face."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ebb.dataset.record import COLUMNS
from ebb.dataset.splits import SPLITS
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.dataset.splits import Split
    from ebb.errors import Reason


@dataclass(frozen=True, kw_only=True)
class SplitSize:
    """Size of one split."""

    num_scenes: int
    """Number of wide photos."""
    num_pairs: int
    num_shards: int
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class CardContents:
    """Contents of a dataset card; the card escapes all texts."""

    splits: Mapping[Split, SplitSize]
    """Splits that are empty may be left out."""
    name: str = "Paired bokeh photos"
    license: str = "unknown"
    """A licence identifier of Hugging Face."""
    cameras: Mapping[str, int] = field(default_factory=dict)
    """Camera → pairs."""
    rejects: Mapping[Reason, int] = field(default_factory=dict)
    """Reason → number of pairs that were left out."""
    depth_providers: Mapping[str, int] = field(default_factory=dict)
    """Provider of the depth maps → pairs; ``none``: without a map."""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Section → name → value."""
    software: Mapping[str, str] = field(default_factory=dict)
    """Package → version."""
    num_imported: int = 0
    """Number of pairs imported from an existing data set with their pixels unchanged."""
    num_realigned: int = 0
    """Number of pairs of an existing data set that were registered again."""
    num_across_splits: int = 0
    """Number of groups of near-duplicates in more than one split."""


def render_card(contents: CardContents) -> str:
    """Return the text of the card: YAML front matter, then Markdown. Equal contents give equal text."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ebb.dataset", "."),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - Markdown; every free text goes through one of the two filters
    )
    environment.filters |= {"yaml": yaml_text, "cell": table_cell}
    present = {split: contents.splits[split] for split in SPLITS if split in contents.splits}
    return environment.get_template("card.md.jinja").render(
        contents=contents,
        splits={split: split_size for split, split_size in present.items() if split_size.num_pairs},
        size_category=_size_category(sum(split_size.num_pairs for split_size in present.values())),
        features=[(column.name, column.kind.yaml()) for column in COLUMNS],
        settings=[
            (f"{section}.{name}", value if isinstance(value, str) else canonical_json(value))
            for section, values in sorted(contents.settings.items())
            for name, value in sorted(values.items())
        ],
    )


def yaml_text(text: str) -> str:
    """Quote any text for YAML, as a double-quoted scalar on one line."""
    return '"' + "".join(map(_yaml_char, text)) + '"'


def table_cell(value: object) -> str:
    """Escape a value for a cell of a Markdown table, on one line."""
    text = " ".join("".join(char if char.isprintable() else " " for char in str(value)).split())
    return re.sub(r"([\\`*_\[\]<>|~#&!$])", r"\\\1", text) or "unknown"


def _yaml_char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable() and not 0xD800 <= ord(char) < 0xE000:
        return char
    return f"\\U{ord(char):08x}"


def _size_category(num_pairs: int) -> str:
    """Size category of Hugging Face."""
    limits = (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")
    return next((name for limit, name in limits if num_pairs < limit), "1M<n<10M")
