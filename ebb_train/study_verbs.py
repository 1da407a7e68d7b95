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
