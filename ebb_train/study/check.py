"""Checking a study: nothing missing, nothing changed, everything of one size."""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ebb.errors import Status
from ebb.names import counted
from ebb.progress import watched
from ebb_train.study.config import read_config
from ebb_train.study.new_study import NUM_TRAINING
from ebb_train.study.pictures import StoredPicture, picture_fault
from ebb_train.study.schema import open_store_to_read
from ebb_train.study.serve import Participation, participation
from ebb_train.study.votes import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ebb.progress import Progress
    from ebb_train.study.config import StudyConfig


@dataclass(frozen=True, kw_only=True)
class StudyCheck:
    """What a check found."""

    num_images: int
    num_pictures: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]
    """What is no fault, but should be known."""
    participation: Participation
    plan_hash: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "images": self.num_images,
            "pictures": self.num_pictures,
            "faults": list(self.faults),
            "notes": list(self.notes),
            "participation": self.participation.as_dict(),
            "plan": self.plan_hash,
        }

    def text(self) -> str:
        """The same for people."""
        first = f"{counted(self.num_images, 'image')}, {counted(self.num_pictures, 'picture')}: " + (
            counted(len(self.faults), "fault") if self.faults else "complete and unchanged"
        )
        return "\n".join(
            [
                first,
                *self.faults,
                *(f"note: {note}" for note in self.notes),
                self.participation.text(),
                f"plan of the analysis: {self.plan_hash}",
            ]
        )


def check_study(study: Path, progress: Progress) -> StudyCheck:
    """Check that every method has a picture of every image, that sizes and hashes agree, and the settings.

    Raises:
        UsageError: the settings are invalid.
        InvalidInput: the folder is not a study, or its store is damaged.
    """
    config = read_config(study)
    with closing(open_store_to_read(study)) as db:
        (design, plan) = db.execute("SELECT config_hash, plan_hash FROM study").fetchone()
        files = _files(db)
        images = _images(db)
        faults = [*_missing(config, images), *_sizes(db), *_votes(db)]
    faults += _file_faults(study, files, progress)
    notes = []
    if design != config.design_hash:
        notes.append(
            "study.toml was changed since the study was made; serve accepts it before the first session"
        )
    if plan != config.analysis.sha256:
        notes.append("the plan of the analysis was changed since the study was made")
    return StudyCheck(
        num_images=len(images),
        num_pictures=len(files),
        faults=tuple(faults),
        notes=tuple(notes),
        participation=participation(study),
        plan_hash=config.analysis.sha256,
    )


def _files(db: sqlite3.Connection) -> list[StoredPicture]:
    rows = db.execute("SELECT DISTINCT file, sha256, width, height, num_bytes FROM stimulus ORDER BY file")
    return [StoredPicture(*row) for row in rows]


def _images(db: sqlite3.Connection) -> dict[str, Counter[tuple[str, str]]]:
    """Image → number of its stimuli by kind and method."""
    found: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for image, kind, method in db.execute("SELECT image, kind, method FROM stimulus"):
        found[image][kind, method] += 1
    return dict(found)


def _missing(config: StudyConfig, images: Mapping[str, Counter[tuple[str, str]]]) -> Iterator[str]:
    """Stimuli that an image should have exactly once."""
    needed = [("target", ""), *(("real", method) for method in config.methods)]
    if config.answer is Answer.OPINION:
        needed.append(("reference", "reference"))
    for image, counts in sorted(images.items()):
        for kind, method in needed:
            if counts[kind, method] != 1:
                yield f"{image}: {counts[kind, method]} pictures of {method or 'the target photo'}, not 1"
        if unknown := {method for kind, method in counts if kind == "real"} - set(config.methods):
            yield f"{image}: pictures of methods that study.toml does not name: {', '.join(sorted(unknown))}"
    if sum(counts["training", ""] > 0 for counts in images.values()) < min(NUM_TRAINING, len(images)):
        yield "pictures of the training are missing"


def _sizes(db: sqlite3.Connection) -> Iterator[str]:
    rows = db.execute(
        "SELECT image, count(DISTINCT width || 'x' || height) AS sizes FROM stimulus "
        "GROUP BY image HAVING sizes > 1 ORDER BY image"
    )
    for image, sizes in rows:
        yield f"{image}: its pictures have {sizes} sizes"


def _votes(db: sqlite3.Connection) -> Iterator[str]:
    """Votes and questions that do not belong to anything."""
    for row in db.execute("PRAGMA foreign_key_check"):
        yield f"a row of {row[0]} belongs to nothing: the store was edited by hand"
    (late,) = db.execute(
        "SELECT count(*) FROM session s WHERE finished_at IS NOT NULL AND "
        "(SELECT count(*) FROM vote WHERE session = s.id) <> "
        "(SELECT count(*) FROM question WHERE session = s.id)"
    ).fetchone()
    if late:
        yield f"{counted(late, 'finished session')} without all votes"


def _file_faults(study: Path, files: list[StoredPicture], progress: Progress) -> list[str]:
    found = []
    with watched(progress, "pictures", len(files)):
        for stored in files:
            if fault := picture_fault(study, stored):
                found.append(fault)
            progress.advance(stored.file, Status.OK, None, "")
    return found
