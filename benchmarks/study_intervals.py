"""Do the 95 % intervals of a study cover the true value in 95 % of studies?

Method: studies with known truth are simulated, each with new raters, images and noise; counted is how often
an interval contains the truth. Votes are the sum of effects of method, image, method on image, rater and
noise (standard deviations in ``tests/helpers/crossed_votes.py``), some of them rounded to 0 … 4; the truth of
rounded votes is their expected difference, computed by integrating over the effects. Pooled: all votes as
independent. By image: t interval of the paired differences of images. Images and raters: the error by which
ranks are given. Bootstrap: images and raters drawn with replacement. Shares are not simulated: their coverage
is a sum of binomial probabilities. The standard error of a coverage near 0.95 in 600 studies is 0.009.

    python benchmarks/study_intervals.py      # 20 minutes; writes benchmarks/results/study_intervals.json
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from ebb_train.study.analysis_plan import AnalysisPlan
from ebb_train.study.method_comparison import compare_methods
from ebb_train.study.opinion_scores import alternating_projection, mean_opinion_scores
from ebb_train.study.pair_results import pair_results
from ebb_train.study.shares import preference_share
from ebb_train.study.votes import StudyVote
from tests.helpers.crossed_votes import IMAGE, METHOD_IMAGE, NOISE, RATER, crossed_votes

RESULT = Path(__file__).parent / "results" / "study_intervals.json"
RESAMPLES = 600

DESIGNS: dict[str, dict[str, Any]] = {
    "40 raters, 30 images, 20 a rater": {},
    "the same, votes in whole numbers": {"is_rounded": True},
    "12 raters, 20 images, all": {"raters": 12, "images": 20, "per_rater": 20, "is_rounded": True},
    "80 raters, 100 images, 10 a rater": {"raters": 80, "images": 100, "per_rater": 10, "is_rounded": True},
    "30 raters, 8 images, all": {"raters": 30, "images": 8, "per_rater": 8, "is_rounded": True},
}


def main() -> None:
    """Simulate and write the JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=600)
    studies = parser.parse_args().studies
    facts = {
        "benchmark": "study_intervals",
        "studies": studies,
        "bootstrap_draws": RESAMPLES,
        "difference_of_two_methods": {name: differences(design, studies) for name, design in DESIGNS.items()},
        "one_method_a_rater": one_method_a_rater(studies),
        "raters_with_own_preferences": own_preferences(studies),
        "mean_opinion_score": scores(studies),
        "scores_from_pairs": pairs(studies // 4),
        "shares": shares(),
    }
    RESULT.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1, ensure_ascii=False))


def differences(design: dict[str, Any], studies: int) -> dict[str, float]:
    """Coverage of the difference of two methods that every rater sees on the same images."""
    rng = np.random.default_rng(1)
    truth = expected_score(1.0) - expected_score(1.2) if design.get("is_rounded") else -0.2
    return coverage([crossed_votes(rng, **design)[0] for _ in range(studies)], truth)


def one_method_a_rater(studies: int) -> dict[str, float]:
    """60 raters, 100 images, 6 methods: a rater sees 50 images, each with one method; 5 votes a picture."""
    rng = np.random.default_rng(2)
    cubes = []
    for _ in range(studies):
        means = (1.0, 1.2, 1.5, 1.5, 1.5, 1.5)
        cube, _ = crossed_votes(rng, raters=60, images=100, per_rater=50, means=means, is_rounded=True)
        method = rng.integers(6, size=cube.shape[1:])
        cubes.append(np.where(np.arange(6)[:, None, None] == method, cube, np.nan)[:2])
    return coverage(cubes, expected_score(1.0) - expected_score(1.2))


def own_preferences(studies: int) -> dict[str, float]:
    """10 raters whose opinions of the methods differ (SD 0.3 each): images alone do not show this."""
    rng = np.random.default_rng(3)
    cubes = []
    for _ in range(studies):
        cube, _ = crossed_votes(rng, raters=10, images=40, per_rater=40)
        cubes.append(cube + rng.normal(0, 0.3, (2, 1, 10)))
    return coverage(cubes, -0.2)


def coverage(cubes: list[np.ndarray], truth: float) -> dict[str, float]:
    """Shares of studies whose intervals contain the truth."""
    hits = np.zeros(4)
    for cube in cubes:
        found = compare_methods(cube, ["a", "b"], resamples=RESAMPLES).differences[0]
        own = [one[np.isfinite(one)] for one in cube]
        half_width = 1.96 * np.sqrt(sum(one.var(ddof=1) / one.size for one in own))
        hits += [
            abs(own[0].mean() - own[1].mean() - truth) <= half_width,
            found.low <= truth <= found.high,
            found.crossed_low <= truth <= found.crossed_high,
            found.bootstrap_low <= truth <= found.bootstrap_high,
        ]
    shares_hit = (hits / len(cubes)).round(3)
    return dict(
        zip(("pooled", "by_image", "images_and_raters", "bootstrap"), map(float, shares_hit), strict=True)
    )


def expected_score(mean: float) -> float:
    """Expected vote on a method when votes are rounded to 0 … 4."""
    spread = np.sqrt(IMAGE**2 + METHOD_IMAGE**2 + RATER**2 + NOISE**2)
    return float(sum(1 - stats.norm.cdf(edge, mean, spread) for edge in (0.5, 1.5, 2.5, 3.5)))


def scores(studies: int) -> dict[str, float]:
    """Coverage of the score of one stimulus by 15 raters, and of the quality of alternating projection."""
    rng = np.random.default_rng(4)
    by_t, by_residuals, by_weights = [], [], []
    quantile = stats.t.ppf(0.975, 14)
    for _ in range(studies):
        truth = rng.uniform(0.8, 3.2, 20)
        spread = rng.uniform(0.4, 1.0, 15)
        votes = truth[:, None] + rng.normal(0, RATER, 15) + rng.normal(0, 1, (20, 15)) * spread
        found = mean_opinion_scores(votes)
        by_t.append(np.abs(found.mos - truth) <= found.half_width)
        model = alternating_projection(votes)
        shift = (model.quality - truth).mean()  # the scale has no zero of its own
        error = np.abs(model.quality - truth - shift)
        by_residuals.append(error <= quantile * model.se)
        by_weights.append(error <= quantile * model.se_by_weights)
    return {
        "t, 15 raters with biases": round(float(np.mean(by_t)), 3),
        "alternating projection, σ_j / √n_j": round(float(np.mean(by_residuals)), 3),
        "alternating projection, 1 / √Σw_i": round(float(np.mean(by_weights)), 3),
    }


def pairs(studies: int) -> dict[str, Any]:
    """Coverage of differences of Bradley-Terry scores: votes independent, or not."""
    return {
        "independent votes": pair_coverage(studies, rater=0.0, image=0.0),
        "raters and images differ (SD 0.5)": pair_coverage(studies, rater=0.5, image=0.5),
    }


def pair_coverage(studies: int, rater: float, image: float) -> dict[str, float]:
    """Coverage by the Fisher errors, by the bootstrap, and by the larger of both."""
    rng = np.random.default_rng(5)
    methods, truth = list("abcd"), np.array([0.5, 0.2, -0.2, -0.5])
    plan = AnalysisPlan(resamples=200)
    expected = marginal_difference(truth, rater, image)
    hits: list[list[bool]] = []
    for _ in range(studies):
        votes = simulate_pairs(rng, truth, rater, image)
        for one in pair_results(votes, methods, plan).preferences:
            true = expected[methods.index(one.first), methods.index(one.second)]
            errors = (one.se, one.se_bootstrap, max(one.se, one.se_bootstrap))
            hits.append([abs(one.difference - true) <= 1.96 * error for error in errors])
    share = np.mean(hits, axis=0).round(3)
    return dict(zip(("fisher", "bootstrap", "larger"), map(float, share), strict=True))


def simulate_pairs(
    rng: np.random.Generator, truth: np.ndarray, rater: float, image: float
) -> list[StudyVote]:
    """25 raters, 30 images, 18 votes a rater."""
    of_raters, of_images = rng.normal(0, rater, (25, 4)), rng.normal(0, image, (30, 4))
    all_pairs = list(combinations(range(4), 2))
    votes = []
    for number in range(25):
        for question, picture in enumerate(rng.permutation(30)[:18]):
            first, second = all_pairs[(number + question) % 6]
            levels = truth + of_raters[number] + of_images[picture]
            wins = rng.uniform() < 1 / (1 + np.exp(levels[second] - levels[first]))
            votes.append(
                StudyVote(
                    rater=f"r{number}", position=question, image=f"i{picture}",
                    method="abcd"[first], other="abcd"[second], value=0 if wins else 2,
                )
            )  # fmt: skip
    return votes


def marginal_difference(truth: np.ndarray, rater: float, image: float) -> np.ndarray:
    """Log-odds of the probabilities averaged over raters and images, which scores converge to (nearly)."""
    spread = np.sqrt(2 * (rater**2 + image**2))
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    levels = (truth[:, None] - truth)[..., None] + spread * nodes
    probability = (weights / weights.sum() / (1 + np.exp(-levels))).sum(axis=-1)
    return np.asarray(np.log(probability / (1 - probability)))


def shares() -> list[dict[str, float]]:
    """Exact coverage of the intervals of a share."""
    rows = []
    for num_votes in (20, 50, 200, 1000):
        found = [preference_share(won, num_votes) for won in range(num_votes + 1)]
        for share in (0.5, 0.537, 0.7, 0.95):
            weight = stats.binom.pmf(np.arange(num_votes + 1), num_votes, share)
            wilson = [one.wilson_low <= share <= one.wilson_high for one in found]
            exact = [one.exact_low <= share <= one.exact_high for one in found]
            rows.append(
                {
                    "votes": num_votes,
                    "share": share,
                    "wilson": round(float(weight @ wilson), 3),
                    "exact": round(float(weight @ exact), 3),
                }
            )
    return rows


if __name__ == "__main__":
    main()
