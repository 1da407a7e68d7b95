"""Acceptance of a repair network on held-out scenes: figures, bars, and the worst pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb_train.lens.scores import compare_renders, mean_of, repair_stored, score_picture
from ebb_train.pixels import from_unit, to_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb.arrays import Rgb8
    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.scores import Comparison
    from ebb_train.lens.shards import LensSet

PSNRS = {"psnr": "whole picture", "psnr_blurred": "out of focus", "psnr_sharp": "in focus"}
"""Fields of a score and the regions they are measured on."""

BAND_BARS: Mapping[str, float] = {"none": 0.01, "median": -0.2, "hard": -0.3}
"""Largest relative change of the L1 in the band, by strength of the depth errors."""
PSNR_BARS: Mapping[str, float] = {"none": 0.0, "median": 0.3, "hard": 0.0}
"""Smallest change of the whole picture's PSNR in dB; of the regions it is 0."""
RESAMPLES = 2000
THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
THRESHOLD_CHANGE = 0.005
"""Largest relative growth of the L1 in the band with exact depth, on validation scenes."""


@dataclass(frozen=True, kw_only=True)
class StrengthResult:
    """Means over the pictures of one strength of depth errors."""

    strength: str
    pictures: int
    layered: dict[str, float]
    """``band_l1`` and the PSNRs of :data:`PSNRS`."""
    repaired: dict[str, float]
    band_interval: tuple[float, float]
    """95 % interval of the relative change of the L1 in the band, by resampling the pictures."""
    worse: int
    """Pictures whose L1 in the band is more than 1 % larger after the repair."""

    @property
    def band_change(self) -> float:
        """Relative change of the L1 in the band."""
        return self.repaired["band_l1"] / self.layered["band_l1"] - 1

    def gain_db(self, name: str) -> float:
        """Change of a PSNR."""
        return self.repaired[name] - self.layered[name]

    def missed(self) -> list[str]:
        """Bars that are missed, with figures."""
        found = []
        bar = BAND_BARS.get(self.strength)
        if bar is not None and not self.band_change <= bar:
            found.append(f"L1 in the band {100 * self.band_change:+.1f} %, bar {100 * bar:+.0f} %")
        for name, region in PSNRS.items():
            least = PSNR_BARS.get(self.strength, 0.0) if name == "psnr" else 0.0
            if not self.gain_db(name) >= least:
                found.append(f"PSNR {region} {self.gain_db(name):+.2f} dB, bar {least:+.1f} dB")
        return found

    def as_dict(self) -> dict[str, Any]:
        """Plain values, rounded."""
        values = asdict(self)
        for side in ("layered", "repaired"):
            values[side] = {name: round(value, 5) for name, value in values[side].items()}
        values["band_interval"] = [round(end, 4) for end in self.band_interval]
        return values | {"band_change": round(self.band_change, 4), "missed": self.missed()}


def summarise(comparisons: Sequence[Comparison]) -> list[StrengthResult]:
    """Means by strength, in the order in which the strengths appear."""
    results = []
    for strength in dict.fromkeys(one.strength for one in comparisons):
        chosen = [one for one in comparisons if one.strength == strength]
        means = {
            side: {
                name: mean_of(getattr(getattr(one, side), name) for one in chosen)
                for name in ("band_l1", *PSNRS)
            }
            for side in ("layered", "repaired")
        }
        pairs = [(one.layered.band_l1, one.repaired.band_l1) for one in chosen]
        worse = sum(one.repaired.band_l1 > 1.01 * one.layered.band_l1 for one in chosen)
        results.append(
            StrengthResult(
                strength=strength,
                pictures=len(chosen),
                worse=worse,
                band_interval=change_interval(pairs),
                **means,
            )
        )
    return results


def evaluate_set(network: RepairNet, source: LensSet) -> tuple[list[StrengthResult], list[Comparison]]:
    """Score all pictures of a set with named strengths."""
    comparisons = list(compare_renders(network, source))
    return summarise(comparisons), comparisons


def choose_threshold(network: RepairNet, source: LensSet) -> float:
    """Smallest threshold of the weight at which renders with exact depth are hardly changed.

    Args:
        network: In evaluation mode; it keeps the threshold that is returned.
        source: Validation scenes, with the strength ``none``.

    Returns:
        A value of :data:`THRESHOLDS`: the first at which the L1 in the band grows by at most
        :data:`THRESHOLD_CHANGE`, or the last.
    """
    exact = source.plan.strengths.index("none")
    for threshold in THRESHOLDS:
        network.config = replace(network.config, threshold=threshold)
        sums = np.zeros(2)
        for scene in range(len(source)):
            stored = source.read(scene, exact)
            pictures = to_unit(stored.layered), repair_stored(network, stored)
            found = [score_picture(picture, stored).band_l1 for picture in pictures]
            sums += found if np.isfinite(found).all() else 0
        if sums[1] <= (1 + THRESHOLD_CHANGE) * sums[0]:
            break
    return network.config.threshold


def change_interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """95 % bootstrap interval of the relative change of means, for pairs (before, after).

    Percentile method: Efron & Tibshirani, "An introduction to the bootstrap" (1993). Pairs that are not
    numbers are left out.
    """
    known = np.asarray([pair for pair in pairs if np.isfinite(pair).all()]).reshape(-1, 2)
    if not len(known):
        return float("nan"), float("nan")
    drawn = np.random.default_rng(0).integers(0, len(known), (RESAMPLES, len(known)))
    before, after = known[drawn].mean(axis=1).T
    low, high = np.percentile(after / before - 1, (2.5, 97.5))
    return float(low), float(high)


def helps(results: Sequence[StrengthResult]) -> bool:
    """Whether to ship the network.

    It must be better in the band where depth is wrong, beyond chance, and at most 1 % worse where depth is
    exact, and must not lower the mean PSNR in focus.
    """
    return all(
        one.gain_db("psnr_sharp") >= 0
        and (one.band_change <= BAND_BARS["none"] if one.strength == "none" else one.band_interval[1] < 0)
        for one in results
    )


def worst(comparisons: Sequence[Comparison], count: int) -> list[Comparison]:
    """The pictures whose L1 in the band grew most, largest first."""
    known = [one for one in comparisons if np.isfinite(one.layered.band_l1)]
    return sorted(known, key=lambda one: one.layered.band_l1 - one.repaired.band_l1)[:count]


def picture_sheet(network: RepairNet, source: LensSet, chosen: Sequence[Comparison]) -> Rgb8:
    """A row of four pictures for each comparison: photo, truth, layered render, repaired picture."""
    rows = []
    for one in chosen:
        stored = source.read(one.scene, source.plan.strengths.index(one.strength))
        repaired = from_unit(repair_stored(network, stored))
        rows.append(np.hstack([stored.photo, stored.truth, stored.layered, repaired]))
    return np.asarray(np.vstack(rows), np.uint8)
