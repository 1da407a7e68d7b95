"""Studies in which people judge pictures: statistics of their votes, reports and exports.

What is in ``ebb_train.study.__all__`` is imported when it is first used. Scores are from 0 (almost identical
to the target) to 4 (mostly different): lower is better. SciPy and statsmodels are needed: the extra
``study``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.lazy import lazy_names

if TYPE_CHECKING:
    from ebb_train.study.analysis_plan import AnalysisPlan
    from ebb_train.study.method_comparison import (
        MethodComparison,
        MethodDifference,
        MethodScore,
        compare_methods,
        paired_difference,
    )
    from ebb_train.study.opinion_scores import (
        OpinionScores,
        RaterModel,
        alternating_projection,
        mean_opinion_scores,
        remove_bias,
        sos_parameter,
    )
    from ebb_train.study.paired_comparison import PairScores, bradley_terry, thurstone
    from ebb_train.study.reliability import (
        IntraclassCorrelation,
        intraclass_correlation,
        krippendorff_alpha,
    )
    from ebb_train.study.sample_size import (
        images_for_difference,
        votes_for_difference,
        votes_for_half_width,
        votes_for_share,
    )
    from ebb_train.study.screening import Bt500Screening, bt500_screening, leave_one_out_correlations
    from ebb_train.study.shares import PreferenceShare, preference_share
    from ebb_train.study.study_api import export_study, read_opinions, report_study
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "ebb_train.study.analysis_plan": ("AnalysisPlan",),
            "ebb_train.study.method_comparison": (
                *("MethodComparison", "MethodDifference", "MethodScore"),
                *("compare_methods", "paired_difference"),
            ),
            "ebb_train.study.opinion_scores": (
                *("OpinionScores", "RaterModel", "alternating_projection", "mean_opinion_scores"),
                *("remove_bias", "sos_parameter"),
            ),
            "ebb_train.study.paired_comparison": ("PairScores", "bradley_terry", "thurstone"),
            "ebb_train.study.reliability": (
                *("IntraclassCorrelation", "intraclass_correlation", "krippendorff_alpha"),
            ),
            "ebb_train.study.sample_size": (
                *("images_for_difference", "votes_for_difference", "votes_for_half_width", "votes_for_share"),
            ),
            "ebb_train.study.screening": (
                *("Bt500Screening", "bt500_screening", "leave_one_out_correlations"),
            ),
            "ebb_train.study.shares": ("PreferenceShare", "preference_share"),
            "ebb_train.study.study_api": ("export_study", "read_opinions", "report_study"),
        },
    )

__all__ = [
    "AnalysisPlan",
    "Bt500Screening",
    "IntraclassCorrelation",
    "MethodComparison",
    "MethodDifference",
    "MethodScore",
    "OpinionScores",
    "PairScores",
    "PreferenceShare",
    "RaterModel",
    "alternating_projection",
    "bradley_terry",
    "bt500_screening",
    "compare_methods",
    "export_study",
    "images_for_difference",
    "intraclass_correlation",
    "krippendorff_alpha",
    "leave_one_out_correlations",
    "mean_opinion_scores",
    "paired_difference",
    "preference_share",
    "read_opinions",
    "remove_bias",
    "report_study",
    "sos_parameter",
    "thurstone",
    "votes_for_difference",
    "votes_for_half_width",
    "votes_for_share",
]
