"""Crossed votes of raters on images by two methods, whose true difference is known."""

from __future__ import annotations

import numpy as np

RATER, IMAGE, METHOD_IMAGE, NOISE = 0.35, 0.5, 0.3, 0.7
"""Standard deviations of the parts of a vote."""


def crossed_votes(
    rng: np.random.Generator,
    *,
    raters: int = 40,
    images: int = 30,
    per_rater: int = 20,
    means: tuple[float, ...] = (1.0, 1.2),
    is_rounded: bool = False,
) -> tuple[np.ndarray, float]:
    """Votes (methods, images, raters), and the true difference of the first two methods.

    Each rater judges some of the images, with all methods. All effects are drawn again for
    each study.
    """
    shape = (len(means), images, raters)
    votes = (
        np.array(means)[:, None, None]
        + rng.normal(0, IMAGE, (1, images, 1))
        + rng.normal(0, METHOD_IMAGE, (len(means), images, 1))
        + rng.normal(0, RATER, (1, 1, raters))
        + rng.normal(0, NOISE, shape)
    )
    if is_rounded:
        votes = np.clip(np.round(votes), 0, 4)
    for rater in range(raters):
        votes[:, rng.permutation(images)[per_rater:], rater] = np.nan
    return votes, means[0] - means[1]
