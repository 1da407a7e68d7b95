"""Scores from pairs: the models of Bradley and Terry and of Thurstone, with standard errors.

A matrix of wins holds in row i and column j how often i was preferred to j; a tie counts as half a win for
each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.errors import InvalidInput, UsageError
from ebb_train.optional import scipy_module

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb_train.study.opinion_scores import Numbers1D

WinMatrix: TypeAlias = NDArray[np.float64]
"""(M, M): number of votes that prefer the row to the column."""

PairModel: TypeAlias = Literal["bradley-terry", "thurstone"]
"""Distribution of the difference of two scores: logistic, or normal with standard deviation 1."""

_MAX_STEPS = 200
_CONVERGED = 1e-12
_ADDED_WIN = 0.5


@dataclass(frozen=True, kw_only=True)
class PairScores:
    """Scores whose differences give the probability that one is preferred to the other.

    Examples:
        >>> import numpy as np
        >>> found = ebb_train.study.bradley_terry(np.array([[0.0, 30], [10, 0]]))
        >>> round(found.se_of_difference(0, 1), 4)  # √(1 / 30 + 1 / 10)
        0.3651
    """

    scores: Numbers1D
    """(M,) scores with mean 0; higher is preferred."""
    covariance: NDArray[np.float64]
    """(M, M) covariance of the scores: pseudo-inverse of the Fisher information."""
    log_likelihood: float
    """Logarithm of the likelihood of the wins, without binomial coefficients."""
    added_wins: float
    """Wins that were added in both directions to each compared pair so that the estimate exists; else 0."""

    @property
    def se(self) -> Numbers1D:
        """(M,) standard errors of the scores relative to their mean."""
        return np.sqrt(np.diag(self.covariance))

    def se_of_difference(self, first: int, second: int) -> float:
        """Standard error of the difference of two scores."""
        variance = self.covariance[first, first] + self.covariance[second, second]
        return float(np.sqrt(variance - 2 * self.covariance[first, second]))


def bradley_terry(wins: WinMatrix) -> PairScores:
    """Maximum-likelihood scores of the model of Bradley and Terry: P(i over j) = 1 / (1 + exp(s_j − s_i)).

    Bradley and Terry, "Rank analysis of incomplete block designs" (Biometrika 1952); existence: Ford,
    "Solution of a ranking problem from binary comparisons" (American Mathematical Monthly 1957). The estimate
    is finite if every method is linked to every other by a chain of wins. Otherwise half a win is added in
    both directions to each compared pair, and ``added_wins`` says so.

    Args:
        wins: (M, M) number of votes that prefer the row to the column; ties are half a vote for each.

    Raises:
        UsageError: the matrix is not square, or a number is negative or not finite.
        InvalidInput: the methods fall into groups that were never compared.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> import numpy as np
        >>> found = ebb_train.study.bradley_terry(np.array([[0.0, 3], [1, 0]]))
        >>> round(float(found.scores[0] - found.scores[1]), 4)  # log 3
        1.0986
    """
    expit = scipy_module("special").expit
    return _fit(wins, lambda d: -np.logaddexp(0, -d), lambda d: expit(-d))


def thurstone(wins: WinMatrix) -> PairScores:
    """Maximum-likelihood scores of Thurstone's case V: P(i over j) = Φ(s_i − s_j).

    Thurstone, "A law of comparative judgment" (Psychological Review 1927). The unit is the standard deviation
    of the difference of two impressions. Wins are added as in :func:`bradley_terry`.

    Args:
        wins: (M, M) number of votes that prefer the row to the column; ties are half a vote for each.

    Raises:
        UsageError: as in :func:`bradley_terry`.
        InvalidInput: as in :func:`bradley_terry`.
        MissingDependency: SciPy is not installed.

    Examples:
        >>> import numpy as np
        >>> found = ebb_train.study.thurstone(np.array([[0.0, 3], [1, 0]]))
        >>> round(float(found.scores[0] - found.scores[1]), 4)  # quantile of the normal distribution at 3/4
        0.6745
    """
    log_ndtr = scipy_module("special").log_ndtr

    def slope(difference: NDArray[np.float64]) -> NDArray[np.float64]:
        log_density = -0.5 * difference**2 - 0.5 * np.log(2 * np.pi)
        return np.asarray(np.exp(log_density - log_ndtr(difference)))

    return _fit(wins, log_ndtr, slope)


def pair_scores(wins: WinMatrix, model: PairModel) -> PairScores:
    """Scores by one of the models."""
    return bradley_terry(wins) if model == "bradley-terry" else thurstone(wins)


def _fit(
    wins: WinMatrix,
    log_probability: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    slope: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> PairScores:
    """Maximise the likelihood by Fisher scoring, with halved steps where it would fall.

    Args:
        wins: The matrix of wins.
        log_probability: Logarithm of the probability of a win at a difference of scores.
        slope: Its derivative r; the information of a comparison is r(d) · r(−d) for both models.
    """
    wins, added = _estimable(_checked_wins(wins))
    compared = wins + wins.T

    def likelihood(scores: Numbers1D) -> float:
        return float((wins * log_probability(scores[:, None] - scores)).sum())

    scores: Numbers1D = np.zeros(len(wins))
    best = likelihood(scores)
    for _ in range(_MAX_STEPS):
        step = _covariance(compared, scores, slope) @ _gradient(wins, scores, slope)
        while (found := likelihood(scores + step)) < best and np.abs(step).max() > _CONVERGED:
            step = step / 2
        scores, best = scores + step, found
        if np.abs(step).max() <= _CONVERGED:
            break
    return PairScores(
        scores=scores - scores.mean(),
        covariance=_covariance(compared, scores, slope),
        log_likelihood=best,
        added_wins=added,
    )


def _gradient(
    wins: WinMatrix, scores: Numbers1D, slope: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> Numbers1D:
    rise = wins * slope(scores[:, None] - scores)
    gradient: Numbers1D = rise.sum(axis=1) - rise.sum(axis=0)
    return gradient


def _covariance(
    compared: NDArray[np.float64],
    scores: Numbers1D,
    slope: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Pseudo-inverse of the Fisher information diag(W1) − W under the constraint that the sum is 0."""
    difference = scores[:, None] - scores
    information = compared * slope(difference) * slope(-difference)
    fisher = np.diag(information.sum(axis=1)) - information
    return np.asarray(np.linalg.pinv(fisher, hermitian=True), np.float64)


def _checked_wins(wins: WinMatrix) -> WinMatrix:
    matrix = np.array(wins, np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise UsageError(f"wins of shape {matrix.shape} are not a square matrix")
    if not (np.isfinite(matrix).all() and (matrix >= 0).all()):
        raise UsageError("numbers of wins must be finite and not negative")
    np.fill_diagonal(matrix, 0.0)
    return matrix


def _estimable(wins: WinMatrix) -> tuple[WinMatrix, float]:
    """The wins, with added ones if the estimate would be infinite, and how many were added."""
    components = scipy_module("sparse.csgraph").connected_components
    compared = (wins + wins.T) > 0
    groups, _ = components(compared, directed=False)
    if groups > 1:
        raise InvalidInput(
            f"the methods fall into {groups} groups that were never compared",
            hint="collect votes between them",
        )
    strong, _ = components(wins > 0, directed=True, connection="strong")
    return (wins, 0.0) if strong == 1 else (wins + _ADDED_WIN * compared, _ADDED_WIN)
