"""Summary of a split: mean and interval of each column, or the reason for a missing value."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ebb.names import counted
from ebb_train.artefacts.findings import KINDS
from ebb_train.metrics.aggregate import Estimate, estimate, estimate_difference, estimate_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb_train.evaluation.scores import Row

TITLES: Mapping[str, str] = {
    "psnr": "PSNR ↑",
    "ssim": "SSIM ↑",
    "ms_ssim": "MS-SSIM ↑",
    "lpips": "LPIPS ↓",
    "edge_halo": "edge halo ↓",
    "blur_ratio": "blur ratio → 1",
    "blur_error_px": "blur error, px ↓",
    **{name: kind.title for name, kind in KINDS.items()},
    "severity": "severity ↓",
    "flagged": "flagged ↓",
}
"""Metric → heading of its column; the arrow points to better values."""

_DIGITS: Mapping[str, int] = {"psnr": 2, "blur_error_px": 2}

DASH = "—"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A number of a table, or a dash with its reason."""

    value: Estimate | None
    reason: str = ""
    digits: int = 2
    signed: bool = False

    def __str__(self) -> str:
        if self.value is None:
            return DASH
        return self._number(self.value.mean)

    @property
    def interval(self) -> str:
        """``low … high``; empty if there is none."""
        if self.value is None or math.isnan(self.value.low):
            return ""
        return f"{self._number(self.value.low)} … {self._number(self.value.high)}"

    def plain(self) -> dict[str, Any]:
        """Plain values for JSON: numbers or None."""
        if self.value is None:
            return {"mean": None, "reason": self.reason}
        return {name: finite(value) for name, value in asdict(self.value).items()}

    def _number(self, value: float) -> str:
        return f"{value:{'+' if self.signed else ''}.{self.digits}f}"


def about_intervals(num_pairs: int) -> str:
    """What stands beside the means of so many pairs."""
    return "95 % bootstrap intervals" if num_pairs > 1 else "without intervals, which need two pairs"


def summarise(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, Cell]:
    """Mean over the pairs with a score, for each column.

    Args:
        rows: One row per pair.
        columns: Names as in :attr:`Row.scores`.
    """
    return {name: _cell(rows, name, _estimate(values_of(rows, name), name)) for name in columns}


def compare(rows: Sequence[Row], base: Sequence[Row], columns: Sequence[str]) -> dict[str, Cell]:
    """Mean difference from a base over the pairs for which both have a score.

    Args:
        rows: One row per pair.
        base: Rows of the base: the same pairs in the same order.
        columns: Names as in :attr:`Row.scores`.
    """
    return {
        name: _cell(
            rows, name, estimate_difference(values_of(rows, name), values_of(base, name)), signed=True
        )
        for name in columns
    }


def _estimate(values: list[float], name: str) -> Estimate:
    return estimate_share(values) if metric_of(name) == "flagged" else estimate(values)


def values_of(rows: Sequence[Row], name: str) -> list[float]:
    """One number per row; NaN if missing."""
    return [row.scores.get(name, math.nan) for row in rows]


def left_out(summary: Mapping[str, Cell]) -> list[str]:
    """Notes on pictures excluded from the means because they equal their targets (infinite PSNR)."""
    return [
        f"{title_of(name)}: excluded because equal to the target: {counted(cell.value.equal, 'picture')}"
        for name, cell in summary.items()
        if cell.value is not None and cell.value.equal
    ]


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None


def group_of(column: str) -> str:
    """``ebb`` of ``ebb.psnr``: the protocol, or ``regions``."""
    return column.partition(".")[0]


def metric_of(column: str) -> str:
    """``psnr`` of ``ebb.psnr`` and of ``regions.psnr_in_focus``."""
    name = column.partition(".")[2]
    return name if name in TITLES else name.partition("_")[0]


def title_of(column: str) -> str:
    """Heading of a column without its group: ``PSNR ↑ in focus`` for ``regions.psnr_in_focus``."""
    metric = metric_of(column)
    place = column.partition(".")[2].removeprefix(metric).replace("_", " ")
    return f"{TITLES[metric]}{place}"


def lower_is_better(column: str) -> bool:
    """Whether lower values are better."""
    return "↓" in TITLES[metric_of(column)]


def _cell(rows: Sequence[Row], name: str, value: Estimate, *, signed: bool = False) -> Cell:
    digits = _DIGITS.get(metric_of(name), 4)
    if value.images:
        return Cell(value=value, digits=digits, signed=signed)
    reasons = [row.missing[name] for row in rows if name in row.missing]
    reason = (
        reasons[0] if reasons else "all pictures equal their targets" if value.equal else "no pair was scored"
    )
    return Cell(value=None, reason=reason, digits=digits, signed=signed)
