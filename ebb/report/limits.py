"""The limits that gates hold figures against, found by name: ``min_overlap`` is that of ``overlap``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ebb.settings import AlignSettings


@dataclass(frozen=True)
class Limit:
    """A setting that a figure has to keep to."""

    setting: str
    value: float
    is_least: bool
    """Whether the figure must be at least this large; else its magnitude must be at most this."""

    def passes(self, figure: float) -> bool:
        """Whether the figure keeps it."""
        return figure >= self.value if self.is_least else abs(figure) <= self.value

    def room(self, figure: float) -> float:
        """How far the figure is from the limit: 0 at the limit, 1 as far as can be, negative beyond it.

        Shares that must be large are compared by their odds, as 0.99 is far from 0.9 and 0.1 near 0.01.
        """
        if not self.is_least:
            return 1 - abs(figure) / self.value if self.value else -abs(figure)
        if self.value >= 1:
            return 1 - self.value / figure if figure > 0 else -math.inf
        odds, least = (_odds(share) for share in (figure, self.value))
        return 1 - least / odds if odds > 0 else -math.inf

    def __str__(self) -> str:
        return f"{'at least' if self.is_least else 'at most'} {self.value:g}"


def limit_of(settings: AlignSettings, figure: str) -> Limit | None:
    """Limit of a figure of :class:`~ebb.quality.gates.AlignmentFigures`; ``None`` if no gate looks at it."""
    for short in (figure.removeprefix("num_"), figure.removesuffix("_share")):
        for kind in ("min", "max"):
            value = getattr(settings, f"{kind}_{short}", None)
            if value is not None:
                return Limit(f"{kind}_{short}", float(value), kind == "min")
    return None


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf
