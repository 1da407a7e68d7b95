"""Reports, exports and scores of a study folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from ebb_train.evaluation.opinions import StudyOpinions
    from ebb_train.study.study_report import StudyReport


def report_study(study: str | PathLike[str], out: str | PathLike[str] | None = None) -> StudyReport:
    """Analyse a study by its plan, and write a page and ``results.json``.

    Equivalent to ``ebb-train study report``. Votes are never removed; which raters are not used, and why, is
    stored beside them.

    Args:
        study: The study folder; it may be in use by ``ebb-train study serve``.
        out: Folder for the page; None: ``report`` in the study folder.

    Returns:
        ``analysis``: scores, ranks, raters; ``files``: what was written.

    Raises:
        UsageError: ``study.toml`` is invalid.
        InvalidInput: there is no study, it is damaged, or it has no votes yet.
        MissingDependency: SciPy or statsmodels is not installed.
        OutputError: a file cannot be written.

    Examples:
        >>> try:
        ...     ebb_train.study.report_study("study")
        ... except ebb.EbbError as error:
        ...     print(error.exit_code.name)
        INVALID_INPUT
    """
    from ebb_train.study.study_report import write_report

    return write_report(Path(study), None if out is None else Path(out))


def export_study(study: str | PathLike[str], out: str | PathLike[str] | None = None) -> StudyReport:
    """Write the votes and results of a study as CSV, Parquet and JSON, with a data dictionary.

    Equivalent to ``ebb-train study export``.

    Args:
        study: The study folder.
        out: Folder for the files; None: ``export`` in the study folder.

    Returns:
        ``analysis``: scores, ranks, raters; ``files``: what was written.

    Raises:
        UsageError: ``study.toml`` is invalid.
        InvalidInput: there is no study, it is damaged, or it has no votes yet.
        MissingDependency: SciPy or statsmodels is not installed.
        OutputError: a file cannot be written.

    Examples:
        >>> try:
        ...     ebb_train.study.export_study("study", "tables")
        ... except ebb.EbbError as error:
        ...     print(error.exit_code.name)
        INVALID_INPUT
    """
    from ebb_train.study.study_report import export_study as write_tables

    return write_tables(Path(study), None if out is None else Path(out))


def read_opinions(study: str | PathLike[str]) -> StudyOpinions:
    """Mean opinion scores of a study, as ``ebb_train.benchmark`` compares its metrics with.

    Args:
        study: The study folder, with images called after the pair_id and methods after the models.

    Returns:
        ``methods``: mean opinion score, interval and rank of each; ``pictures``: mean opinion score of each.

    Raises:
        UsageError: ``study.toml`` is invalid, the study asks for preferences, or no rater can be
            used.
        InvalidInput: there is no study, it is damaged, or it has no votes yet.
        MissingDependency: SciPy or statsmodels is not installed.

    Examples:
        >>> try:
        ...     ebb_train.study.read_opinions("study")
        ... except ebb.EbbError as error:
        ...     print(error.exit_code.name)
        INVALID_INPUT
    """
    from ebb_train.study.study_report import read_opinions as read

    return read(Path(study))
