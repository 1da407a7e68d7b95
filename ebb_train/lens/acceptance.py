"""Acceptance of a repair network on held-out scenes: figures, bars, and the worst pictures."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebb_train.lens.repair import apply_change, find_change, repair_depth
from ebb_train.lens.samples import inner
from ebb_train.lens.scores import Comparison, mean_of, score_picture
from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb.arrays import Rgb8
    from ebb_train.lens.network import RepairNet
    from ebb_train.lens.samples import HeldOutScene
    from ebb_train.lens.scores import PictureScore
    from ebb_train.models.repair import RepairConfig

PSNRS = {"psnr": "whole picture", "psnr_blurred": "out of focus", "psnr_sharp": "in focus"}
"""Fields of a score and the regions they are measured on."""

BAND_BARS: Mapping[str, float] = {"none": 0.01, "median": -0.2, "hard": -0.3}
"""Largest relative change of the L1 in the band, by strength of the depth errors."""
PSNR_BARS: Mapping[str, float] = {"none": 0.0, "median": 0.3, "hard": 0.0}
"""Smallest change of the whole picture's PSNR in dB; of the regions it is 0."""
RESAMPLES = 2000
LEAST_CHANGES, STEEPNESSES = (0.1, 0.3), (1.0, 4.0)
LEAST_MEANS = (0.0, 0.03, 0.045, 0.06, 0.1, 0.15)
EXACT_CHANGE = 0.005
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


def choose_limits(network: RepairNet, scenes: Sequence[HeldOutScene]) -> RepairConfig:
    """Choose below which changes pixels and whole maps are kept, and how steep edges are made.

    Args:
        network: In evaluation mode; it keeps the values that are chosen.
        scenes: Validation scenes with the strength ``none`` and others.

    Returns:
        The network's config with the values that lower the L1 in the band most where depth is wrong, among
        those with which it grows by at most :data:`EXACT_CHANGE` where depth is exact and no mean PSNR of
        pixels in focus is lower. If there are none, the strictest.
    """
    candidates = [
        replace(network.config, least_change=change, steepness=steepness, least_mean=mean)
        for change in LEAST_CHANGES
        for steepness in STEEPNESSES
        for mean in LEAST_MEANS
    ]
    found = [_scores(network, scene, candidates) for scene in scenes]
    best, least = candidates[-1], np.inf
    for number, candidate in enumerate(candidates):
        results = summarise([one for of_scene in found for one in of_scene[number]])
        wrong = float(np.mean([one.band_change for one in results if one.strength != "none"]))
        if _harmless(results) and wrong < least:
            best, least = candidate, wrong
    network.config = best
    return best


def _harmless(results: Sequence[StrengthResult]) -> bool:
    return all(
        one.gain_db("psnr_sharp") >= 0 and (one.strength != "none" or one.band_change <= EXACT_CHANGE)
        for one in results
    )


def _scores(
    network: RepairNet, scene: HeldOutScene, candidates: Sequence[RepairConfig]
) -> list[list[Comparison]]:
    """Comparisons of a scene at all its strengths, for each candidate."""
    result: list[list[Comparison]] = [[] for _ in candidates]
    for strength, wrong in scene.wrong.items():
        found = find_change(scene.photo, wrong, network)
        before = score_picture(scene.render(wrong, strength), scene)
        known: dict[bytes, PictureScore] = {}
        for candidate, comparisons in zip(candidates, result, strict=True):
            depth = apply_change(wrong, found, candidate)
            key = depth.tobytes()
            if key not in known:
                known[key] = score_picture(scene.render(depth, strength), scene)
            comparisons.append(Comparison(0, strength, before, known[key]))
    return result


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
    exact, and must lower no mean PSNR.
    """
    return all(
        all(one.gain_db(name) >= 0 for name in PSNRS)
        and (one.band_change <= BAND_BARS["none"] if one.strength == "none" else one.band_interval[1] < 0)
        for one in results
    )


def worst(comparisons: Sequence[Comparison], count: int) -> list[Comparison]:
    """The pictures whose L1 in the band grew most, largest first."""
    known = [one for one in comparisons if np.isfinite(one.layered.band_l1)]
    return sorted(known, key=lambda one: one.layered.band_l1 - one.repaired.band_l1)[:count]


def picture_sheet(network: RepairNet, scenes: Sequence[HeldOutScene], chosen: Sequence[Comparison]) -> Rgb8:
    """A row for each comparison: photo, truth, layered render, the same with repaired depth; both depths."""
    rows = []
    for one in chosen:
        scene = scenes[one.scene]
        wrong = scene.wrong[one.strength]
        depths = wrong, repair_depth(scene.photo, wrong, network)
        renders = [from_unit(np.clip(scene.render(depth, one.strength), 0, 1)) for depth in depths]
        maps = [np.dstack([from_unit(inner(depth))] * 3) for depth in depths]
        rows.append(np.hstack([inner(scene.photo), scene.truth, *renders, *maps]))
    return np.asarray(np.vstack(rows), np.uint8)
