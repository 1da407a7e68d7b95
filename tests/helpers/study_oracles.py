"""Published numbers for the statistics of a study: a matrix of votes and a matrix of wins, with their
results.

The scores of the matrix were computed with NumPy, SciPy, statsmodels and the demonstration code of P.910;
those of the wins with choix.
"""

from __future__ import annotations

import numpy as np

_TEXT = """
0 1 0 0 0 1 0 1 1 0 0 0 | 0 1 1 0 2 1 0 1 0 0 0 2 | 1 1 0 0 N 2 1 0 1 0 2 4 | 2 2 1 0 1 1 0 1 1 0 0 1
1 2 1 0 1 1 2 2 1 1 2 0 | 1 2 1 1 0 1 1 1 2 1 0 2 | 1 2 1 1 0 1 0 1 1 1 2 2 | 3 3 1 1 1 1 2 1 1 2 2 4
3 2 2 1 1 2 2 1 2 1 1 1 | 3 3 1 1 2 2 3 N 3 2 2 0 | 2 3 2 1 2 3 2 3 2 2 3 4 | 3 2 2 1 2 2 2 2 3 2 2 3
3 4 2 2 3 3 4 3 2 2 3 1 | 2 3 3 2 3 3 1 2 3 3 3 0 | 3 4 3 3 1 4 3 3 2 3 3 0 | N 4 3 3 3 3 2 3 4 3 3 2
4 4 4 3 4 4 4 3 3 3 3 0 | 3 4 3 2 4 3 4 3 3 3 3 1 | 4 4 3 3 3 4 4 4 4 3 3 1 | 4 4 4 3 3 4 3 4 4 4 4 3
"""

VOTES = np.array(
    [
        [np.nan if vote == "N" else float(vote) for vote in stimulus.split()]
        for line in _TEXT.strip().splitlines()
        for stimulus in line.split("|")
    ]
)
"""20 stimuli of rising score × 12 raters, the last of whom votes at random."""

WINS = np.array([[0, 3, 2, 7], [1, 0, 6, 3], [4, 3, 0, 0], [1, 2, 5, 0]], np.float64)
"""How often each row won against each column."""


def numbers(text: str) -> np.ndarray:
    """Numbers of a table, separated by spaces."""
    return np.array([float(word.replace("−", "-")) for word in text.split()])


MOS = numbers(
    ".333333 .666667 1.090909 .833333 1.166667 1.083333 1.083333 1.833333 1.583333 2 2.416667 2.166667 "
    "2.666667 2.333333 2.666667 3 3.25 3 3.333333 3.666667"
)
HALF_WIDTH = numbers(
    ".312834 .494635 .820298 .456031 .456031 .424781 .424781 .65434 .424781 .671809 .503824 .366831 "
    ".56397 .625669 .733662 .424889 .723165 .541845 .56397 .312834"
)
QUALITY = numbers(
    ".370628 .490451 .581064 .761537 1.133171 1.130602 1.149474 1.687056 1.511732 1.995079 2.206454 "
    "1.916908 2.660087 2.616006 3.115728 3.192375 3.429059 3.026925 3.434598 3.752841"
)
QUALITY_SE = numbers(
    ".107299 .24642 .371006 .153969 .151967 .190075 .191893 .288156 .143332 .218509 .21609 .164114 "
    ".190619 .247523 .273999 .147163 .274351 .191687 .190155 .10447"
)
BIAS = numbers(
    ".3174 .741911 −.108089 −.608089 −.188459 .291911 −.008089 .043858 .141911 −.208089 .041911 −.458089"
)
INCONSISTENCY = numbers(
    ".632889 .333645 .42281 .324327 .794842 .459096 .794318 .474953 .601833 .313393 .609662 1.868156"
)
MOS_WITHOUT_LAST = numbers(
    ".363636 .545455 .8 .818182 1.272727 1 1 1.636364 1.636364 2.2 2.272727 2.090909 2.818182 2.545455 "
    "2.909091 3.1 3.545455 3.181818 3.545455 3.727273"
)
