"""The verbs for studies in which people judge pictures: ``ebb-train study``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Annotated

from cyclopts import App, Group, Parameter

from ebb.command import Output, flags
from ebb.errors import ExitCode
from ebb.weights_verbs import Printed  # noqa: TC001 - as above
from ebb_train.next_steps import quoted
from ebb_train.study.settings import PictureSettings, ServeSettings, StudySettings


def study_app(group: Group, sort_key: int) -> App:
    """Make the sub-command ``study`` of a command line."""
    study = App(
        name="study",
        group=group,
        group_commands=Group("Commands", sort_key=1),
        sort_key=sort_key,
        help="Let people judge pictures: opinion scores or preferences, on a page that this machine serves.",
    )
    study.command(new_study, name="new", sort_key=0)
    study.command(check_study, name="check", sort_key=1)
    study.command(serve_study, name="serve", sort_key=2)
    study.command(report_study, name="report", sort_key=3)
    study.command(export_study, name="export", sort_key=4)
    return study


def new_study(
    study: Path,
    /,
    *,
    reference: Path,
    method: Annotated[list[str], Parameter(negative=())],
    settings: Annotated[StudySettings, flags("Study")] = StudySettings(),
    pictures: Annotated[PictureSettings, flags("Pictures")] = PictureSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Make the folder of a study from target photos and the pictures of methods.

    Example: ebb-train study new study --reference dataset --method a=runs/a --method layered=runs/layered

    Args:
        study: The folder to make.
        reference: Target photos: a folder of pictures, or a data set, whose shallow photos are taken.
        method: NAME=FOLDER with the pictures of a method, or a folder that ebb-train evaluate wrote; may be
            repeated. Pictures are found by the names of the target photos, or by pair_id.
    """
    from ebb_train.study.new_study import make_study

    console = output.console()
    made = make_study(study, reference, method, settings, pictures, console.progress())
    console.result(
        made.as_dict(), made.text(), look_at=[study], next_step=f"ebb-train study serve {quoted(study)}"
    )
    return ExitCode.DONE


def check_study(study: Path, /, *, output: Printed = Output()) -> ExitCode:
    """Check that a study is complete and unchanged: pictures, sizes, hashes, settings, votes.

    Example: ebb-train study check study

    Args:
        study: Folder of the study.
    """
    from ebb_train.study.check import check_study as check

    console = output.console()
    found = check(study, console.progress())
    after = "make the study again, or restore it from a backup" if found.faults else ""
    console.result(found.as_dict(), found.text(), next_step=after or f"ebb-train study serve {quoted(study)}")
    return ExitCode.INVALID_INPUT if found.faults else ExitCode.DONE


def serve_study(
    study: Path,
    /,
    *,
    settings: Annotated[ServeSettings, flags("Server")] = ServeSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Serve the page on which raters take part, until Ctrl-C; votes are on disk before they are acknowledged.

    Example: ebb-train study serve study --port 8765

    Args:
        study: Folder of the study.
    """
    from ebb_train.study.serve import serve_study as serve

    console = output.console()
    found = serve(study, settings, console.note)
    console.result(
        found.as_dict(),
        f"stopped; every vote is stored: {found.text()}",
        look_at=[study],
        next_step=f"ebb-train study report {quoted(study)}",
    )
    return ExitCode.DONE


def report_study(study: Path, /, *, out: Path | None = None, output: Printed = Output()) -> ExitCode:
    """Analyse the votes by the plan in study.toml: scores with intervals and ranks, raters, further votes.

    Example: ebb-train study report study

    Args:
        study: Folder of the study; it may be served at the same time.
        out: Folder for index.html and results.json; by default report in that of the study.
    """
    from ebb_train.study.study_report import write_report

    console = output.console()
    found = write_report(study, out)
    for note in found.notes:
        console.note(f"note: {note}")
    after = f"ebb-train study export {quoted(study)}"
    console.result(found.as_dict(), found.text(), look_at=found.files[:1], next_step=after)
    return ExitCode.DONE


def export_study(study: Path, /, *, out: Path | None = None, output: Printed = Output()) -> ExitCode:
    """Write votes, raters and results as CSV, Parquet and JSON, with a data dictionary.

    Example: ebb-train study export study --out tables

    Args:
        study: Folder of the study; it may be served at the same time.
        out: Folder for the files; by default export in that of the study.
    """
    from ebb_train.study.study_report import export_study as write_tables

    console = output.console()
    found = write_tables(study, out)
    after = f"ebb-train benchmark DATASET --models A,B --study {quoted(study)} --out runs/table"
    files = f"{len(found.files)} files in {found.files[0].parent}"
    console.result(found.as_dict(), files, look_at=found.files[:1], next_step=after)
    return ExitCode.DONE
