"""The plan of an analysis: rules by which raters are excluded, fixed before the first vote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebb.codec import from_plain, to_plain
from ebb.errors import UsageError
from ebb.files import sha256_bytes
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RULES_VERSION = 1
"""Version of what the fields of a plan mean; part of its hash."""


@dataclass(frozen=True, kw_only=True)
class AnalysisPlan:
    """Limits of the rules by which raters are excluded, and settings of the bootstrap.

    They are the table ``[analysis]`` of ``study.toml``. A rater is a session. Rules look at the votes of a
    rater and at the means of stimuli, never at the scores of methods.

    Examples:
        >>> plan = ebb_train.study.AnalysisPlan(min_median_seconds=0.8)
        >>> plan.max_trap_misses, len(plan.sha256)
        (0, 64)
    """

    finished_only: bool = True
    """Sessions that were not finished are not used."""
    max_trap_misses: int = 0
    """Largest number of traps answered otherwise than the picture asks for."""
    reference_at_most: int = 1
    """Largest score of a hidden reference that is no miss."""
    anchor_at_least: int = 3
    """Smallest score of an anchor that is no miss."""
    max_gold_misses: int = 1
    """Largest number of misses among hidden references and anchors."""
    max_repeat_difference: float = 1.5
    """Largest mean difference between the answers to a question that was asked twice."""
    min_median_seconds: float = 1.0
    """Smallest median time for an answer, in seconds."""
    loaded_only: bool = True
    """Raters who answered before all pictures were decoded are not used."""
    min_variance: float = 0.15
    """Smallest variance of a rater's answers."""
    min_variance_votes: int = 15
    """Number of votes from which the variance is considered."""
    min_correlation: float = 0.3
    """Smallest correlation with the means of the other raters."""
    min_correlation_votes: int = 20
    """Number of votes from which the correlation is considered."""
    resamples: int = 2000
    """Number of draws of the bootstrap."""
    seed: int = 2020
    """Seed of the draws."""

    def __post_init__(self) -> None:
        counts = (self.max_trap_misses, self.max_gold_misses, self.resamples, self.seed)
        if min(counts) < 0 or min(self.min_variance_votes, self.min_correlation_votes) < 2:
            raise UsageError(
                "[analysis]: counts must be at least 0, and numbers of votes at least 2",
                hint="see study.toml",
            )
        if not (0 <= self.reference_at_most <= 4 and 0 <= self.anchor_at_least <= 4):
            raise UsageError("[analysis]: reference_at_most and anchor_at_least must be scores from 0 to 4")
        if not (self.max_repeat_difference >= 0 and self.min_median_seconds >= 0 and self.min_variance >= 0):
            raise UsageError("[analysis]: differences, times and variances must be at least 0")
        if not -1 <= self.min_correlation <= 1:
            raise UsageError("[analysis]: min_correlation must be between -1 and 1")
        if self.resamples > 100_000:
            raise UsageError("[analysis]: resamples must be at most 100000")

    @property
    def sha256(self) -> str:
        """Hash of the plan, which is printed with every result."""
        return sha256_bytes(canonical_json({"rules": RULES_VERSION, "plan": to_plain(self)}).encode())


def plan_from_table(table: Mapping[str, Any], path: Path) -> AnalysisPlan:
    """Read the table ``[analysis]`` of ``study.toml``.

    Args:
        table: The plain values; missing ones are the defaults.
        path: The file, for messages.

    Raises:
        UsageError: a name is unknown, or a value invalid.
    """
    try:
        return from_plain(AnalysisPlan, dict(table), "analysis")
    except ValueError as error:
        raise UsageError(str(error), path=path, hint="the table [analysis] of study.toml") from error
