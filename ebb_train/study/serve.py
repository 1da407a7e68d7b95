"""Serving a study until a signal."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebb.names import counted
from ebb.serving.address import Address, listen
from ebb.serving.packages import check_packages
from ebb.temporary import sole_writer
from ebb_train.study.config import read_config
from ebb_train.study.schema import open_store_to_read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ebb_train.study.settings import ServeSettings


@dataclass(frozen=True, kw_only=True)
class Participation:
    """How far a study has come."""

    sessions: int
    finished: int
    deleted: int
    votes: int

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return vars(self)

    def text(self) -> str:
        """The same for people."""
        return (
            f"{counted(self.sessions, 'session')}, {self.finished} finished, {self.deleted} deleted, "
            f"{counted(self.votes, 'vote')}"
        )


def participation(study: Path) -> Participation:
    """Count the sessions and votes of a study.

    Raises:
        InvalidInput: the store is missing or damaged.
    """
    with closing(open_store_to_read(study)) as db:
        sessions, finished, deleted, votes = db.execute(
            "SELECT count(*), count(finished_at), count(deleted_at), (SELECT count(*) FROM vote) FROM session"
        ).fetchone()
    return Participation(sessions=sessions, finished=finished, deleted=deleted, votes=votes)


def serve_study(study: Path, settings: ServeSettings, note: Callable[[str], None]) -> Participation:
    """Serve a study until SIGINT or SIGTERM; requests that have begun are answered first.

    Args:
        study: Folder of the study.
        settings: Where.
        note: Receives the address when the page can be opened.

    Raises:
        MissingDependency: a package of the server is not installed.
        DatasetLocked: the study is served already.
        UsageError: the settings are invalid, or were changed after the first session.
        InvalidInput: the folder is not a study, or is damaged.
        OutputError: the port is in use, or the store cannot be written.
    """
    check_packages()
    from ebb.serving.run import make_server
    from ebb_train.study.app import study_app
    from ebb_train.study.store import StudyStore

    read_config(study)
    with sole_writer(study), closing(StudyStore(study)) as store:
        opened, address = listen(Address(settings.host, settings.port))
        with opened:
            app = study_app(store, names=address.names_with(settings.public_name))
            lines = [
                f"open {address.url} ({address.meaning}); Ctrl-C ends it",
                f"plan of the analysis: {store.config.analysis.sha256}",
            ]
            server = make_server(app, lambda: note("\n".join(lines)))
            server.run(sockets=[opened])
    return participation(study)
