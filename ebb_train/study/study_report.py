"""Reports and exports of a study folder, and its scores for a benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebb.errors import OutputError, UsageError
from ebb.files import make_folder, write_atomic
from ebb.pages.page import file_links
from ebb.tables import table
from ebb_train.evaluation.opinions import MethodOpinion, StudyOpinions
from ebb_train.evaluation.tables import write_json
from ebb_train.study.analysis import analyse_votes
from ebb_train.study.export_tables import csv_of, data_dictionary, export_tables, parquet_of, plain_results
from ebb_train.study.opinion_results import OpinionResults
from ebb_train.study.study_page import counts_of, study_page, warnings_of
from ebb_train.study.study_tables import summary_table
from ebb_train.study.vote_reader import read_votes, store_exclusions
from ebb_train.study.votes import StimulusKind

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.study.analysis import StudyAnalysis
    from ebb_train.study.votes import StudyVotes

REPORT, EXPORT = "report", "export"
"""Folders inside a study folder."""

PAGE, RESULTS, DICTIONARY = "index.html", "results.json", "data_dictionary.csv"


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """What was written about a study.

    Examples:
        >>> import ebb_train.study
        >>> list(ebb_train.study.StudyReport.__dataclass_fields__)
        ['analysis', 'files', 'notes']
    """

    analysis: StudyAnalysis
    files: tuple[Path, ...]
    """Files that were written, the page or the data dictionary first."""
    notes: tuple[str, ...] = ()
    """What could not be done beside it."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return plain_results(self.analysis) | {"files": [str(path) for path in self.files]}

    def text(self) -> str:
        """Scores, ranks and counts for the terminal."""
        grid = summary_table(self.analysis)
        lines = [[name, *map(_with_interval, cells)] for name, cells in grid.rows]
        counts = [f"{name}: {text}" for name, text in counts_of(self.analysis).items()]
        warnings = [f"warning: {text}" for text in warnings_of(self.analysis)]
        return "\n".join([grid.title, table([grid.corner, *grid.heads], lines), *counts, *warnings])


def write_report(folder: Path, out: Path | None = None) -> StudyReport:
    """Analyse a study folder; write its page and its results, and store the exclusions beside the votes.

    Args:
        folder: The study folder.
        out: Folder for the page; None: ``report`` in the study folder.

    Raises:
        UsageError: ``study.toml`` is invalid.
        InvalidInput: the store is damaged, or there are no votes.
        MissingDependency: SciPy or statsmodels is not installed.
        OutputError: a file cannot be written.
    """
    found = analyse_votes(read_votes(folder))
    out = out or folder / REPORT
    make_folder(out)
    write_json(out / RESULTS, plain_results(found))
    write_atomic(out / PAGE, study_page(found, file_links(out, [RESULTS])).encode())
    try:
        store_exclusions(folder, found.checks)
    except OutputError as error:
        notes: tuple[str, ...] = (f"exclusions are not stored beside the votes: {error}",)
    else:
        notes = ()
    return StudyReport(analysis=found, files=(out / PAGE, out / RESULTS), notes=notes)


def export_study(folder: Path, out: Path | None = None) -> StudyReport:
    """Write the votes and results of a study folder as CSV, Parquet and JSON, with a data dictionary.

    Args:
        folder: The study folder.
        out: Folder for the files; None: ``export`` in the study folder.

    Raises:
        UsageError: ``study.toml`` is invalid.
        InvalidInput: the store is damaged, or there are no votes.
        MissingDependency: SciPy or statsmodels is not installed.
        OutputError: a file cannot be written.
    """
    study = read_votes(folder)
    found = analyse_votes(study)
    out = out or folder / EXPORT
    make_folder(out)
    tables = export_tables(study, found)
    dictionary = data_dictionary(tables)
    write_atomic(out / DICTIONARY, csv_of(dictionary).encode())
    files = [out / DICTIONARY]
    for one in tables:
        text, parquet = out / f"{one.name}.csv", out / f"{one.name}.parquet"
        write_atomic(text, csv_of(one).encode())
        write_atomic(parquet, parquet_of(one))
        files += [text, parquet]
    write_json(out / RESULTS, plain_results(found))
    return StudyReport(analysis=found, files=(*files, out / RESULTS))


def read_opinions(folder: Path) -> StudyOpinions:
    """Mean opinion scores of a study folder, for a benchmark of the same models on the same pairs.

    Args:
        folder: The study folder, with images called after the pair_id.

    Raises:
        UsageError: ``study.toml`` is invalid, the study asks for preferences, or no rater can be used.
        InvalidInput: the store is damaged, or there are no votes.
        MissingDependency: SciPy or statsmodels is not installed.
    """
    return opinions_of(read_votes(folder))


def opinions_of(study: StudyVotes) -> StudyOpinions:
    """Mean opinion scores of the raters whom no rule excludes, for a benchmark.

    Raises:
        UsageError: the study asks for preferences, or no rater can be used.
        InvalidInput: there are no votes.
    """
    results = analyse_votes(study).used
    if results is None:
        raise UsageError(
            f"study {study.name}: the rules exclude all raters", hint="see ebb-train study report"
        )
    if not isinstance(results, OpinionResults):
        raise UsageError(f"study {study.name} asks for preferences, not for scores of pictures")
    return StudyOpinions(
        name=study.name,
        plan_sha256=study.plan.sha256,
        methods={
            score.name: MethodOpinion(
                score.mos, score.low, score.high, score.num_images, score.num_votes, score.rank
            )
            for score in results.comparison.scores
        },
        pictures={
            (one.image, one.method): one.mos for one in results.stimuli if one.kind is StimulusKind.REAL
        },
    )


def _with_interval(cell: object) -> str:
    text = getattr(cell, "interval", "")
    return f"{cell} ({text})" if text else str(cell)
