"""Agreement of raters, against published numbers and exact cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ebb.errors import UsageError
from ebb_train.study.reliability import intraclass_correlation, krippendorff_alpha
from tests.helpers.study_oracles import VOTES


@pytest.mark.parametrize(
    ("level", "expected"), [("nominal", 0.190068), ("ordinal", 0.561369), ("interval", 0.553901)]
)
def test_alpha_is_that_of_the_oracle(level: Any, expected: float) -> None:
    assert krippendorff_alpha(VOTES, level) == pytest.approx(expected, abs=1e-6)


def test_alpha_of_the_example_of_its_author() -> None:
    """Krippendorff, "Computing Krippendorff's alpha-reliability" (2011): 12 units, 4 observers."""
    n = np.nan
    votes = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, n, n, n],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, n, 3],
            [n, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, n],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, n],
        ]
    ).T
    assert krippendorff_alpha(votes, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(votes, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(votes, "interval") == pytest.approx(0.849, abs=5e-4)


def test_extremes_of_alpha() -> None:
    agree = np.tile(np.arange(5.0)[:, None], (1, 3))
    assert krippendorff_alpha(agree) == 1
    rng = np.random.default_rng(0)
    assert abs(krippendorff_alpha(rng.integers(0, 5, (2000, 3)).astype(float))) < 0.03
    assert np.isnan(krippendorff_alpha(np.ones((3, 2))))
    assert np.isnan(krippendorff_alpha(np.array([[1.0, np.nan], [np.nan, 2]])))


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(UsageError, match="nominal, ordinal or interval"):
        krippendorff_alpha(VOTES, "ratio")  # type: ignore[arg-type]


def test_intraclass_correlations_are_those_of_the_oracle() -> None:
    found = intraclass_correlation(VOTES[:, :11])
    assert found.num_stimuli == 17
    assert found.single == pytest.approx(0.742524, abs=1e-6)
    assert found.average == pytest.approx(0.96944, abs=1e-6)


def test_intraclass_correlations_of_the_example_of_shrout_and_fleiss() -> None:
    votes = np.array([[9.0, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
    found = intraclass_correlation(votes)
    assert found.single == pytest.approx(0.29, abs=5e-3)
    assert found.average == pytest.approx(0.62, abs=5e-3)


def test_without_complete_stimuli_there_is_none() -> None:
    found = intraclass_correlation(np.array([[1.0, np.nan], [np.nan, 2]]))
    assert found.num_stimuli == 0
    assert np.isnan(found.single)
    assert np.isnan(intraclass_correlation(np.ones((3, 2))).average)
