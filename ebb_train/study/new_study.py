"""Making a study: its folder with settings, pictures and an empty store.

::

    <study>/
      study.toml            settings; texts may be edited at any time
      study.sqlite          stimuli, sessions, questions, votes
      pictures/<sha256>.png plain sRGB, without metadata
"""

from __future__ import annotations

import random
import shutil
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ebb.codec import to_plain
from ebb.errors import InvalidInput, OutputError, Status, UsageError
from ebb.files import cannot_write, sync_folder
from ebb.names import counted
from ebb.progress import watched
from ebb.serving.tokens import new_id
from ebb.settings import canonical_json
from ebb_train.study.config import StudyConfig, write_config
from ebb_train.study.controls import ANCHOR_SIGMA, MIDDLE_SIGMA, blurred, with_text
from ebb_train.study.pictures import store_picture
from ebb_train.study.schema import create_store
from ebb_train.study.sources import open_methods, open_targets
from ebb_train.study.votes import SCALE, Answer, StimulusKind

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import Rgb8
    from ebb.progress import Progress
    from ebb_train.study.settings import PictureSettings, StudySettings
    from ebb_train.study.sources import MethodFolder, Target, TargetPhotos

TARGET, TRAINING = "target", "training"
"""Kinds of stimuli that are never judged: the photo shown beside a picture, and pictures of the training."""

MAX_CONTROLS = 8
"""Number of images of which there are anchors, and of those with traps."""

NUM_TRAINING = 3

_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class NewStudy:
    """A study that was made."""

    folder: Path
    config: StudyConfig
    num_images: int
    left_out: tuple[str, ...]
    """Images without a picture of every method."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "study": str(self.folder),
            "answer": str(self.config.answer),
            "methods": list(self.config.methods),
            "images": self.num_images,
            "left_out": list(self.left_out),
            "questions": self.config.questions,
            "plan": self.config.analysis.sha256,
        }

    def text(self) -> str:
        """The same for people."""
        counts = [counted(self.num_images, "image"), counted(len(self.config.methods), "method")]
        lines = [
            f"{', '.join(counts)}, {counted(self.config.questions, 'question')} a session",
            f"plan of the analysis: {self.config.analysis.sha256}",
        ]
        if self.left_out:
            lines.append(f"left out, as a method lacks a picture: {_listed(self.left_out)}")
        return "\n".join(lines)


def make_study(
    folder: Path,
    reference: Path,
    methods: Sequence[str],
    settings: StudySettings,
    pictures: PictureSettings,
    progress: Progress,
) -> NewStudy:
    """Make the folder of a study; on failure there is none.

    Args:
        folder: The folder, which must not exist.
        reference: Folder of target photos, or a data set.
        methods: ``NAME=FOLDER`` for each method.
        settings: What raters are asked.
        pictures: Which pictures, and how they are stored.
        progress: Progress over the images.

    Raises:
        UsageError: the folder exists, or the settings do not suit the methods.
        InvalidInput: pictures are missing, damaged, or of different sizes.
        OutputError: a file cannot be written.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(
            "exists already", path=folder, hint="give the study another folder, or remove this one"
        )
    sources = open_methods(methods)
    values = vars(settings) | {"answer": Answer(settings.answer)}
    config = StudyConfig(**values, methods=tuple(source.name for source in sources))
    targets = open_targets(reference, pictures.split, pictures.max_height)
    temporary = folder.with_name(f".{folder.name}.new")
    _remove(temporary)
    try:
        temporary.mkdir(parents=True)
        maker = _Maker(temporary, config, pictures, sources)
        made = maker.make(targets, progress)
        sync_folder(temporary)
        temporary.rename(folder)
        sync_folder(folder.absolute().parent)
    except OSError as error:
        raise cannot_write(folder, error) from error
    finally:
        _remove(temporary)
    return replace(made, folder=folder)


def _remove(folder: Path) -> None:
    """Remove what an earlier attempt left."""
    if folder.is_symlink() or folder.is_file():
        raise OutputError("is in the way", path=folder, hint="remove it")
    shutil.rmtree(folder, ignore_errors=True)


class _Maker:
    """Fills the folder of a study."""

    def __init__(
        self, folder: Path, config: StudyConfig, pictures: PictureSettings, methods: Sequence[MethodFolder]
    ) -> None:
        self._folder, self._config, self._pictures, self._methods = folder, config, pictures, methods
        self._rows: list[tuple[object, ...]] = []
        self._images: list[str] = []
        self._left_out: list[str] = []

    def make(self, targets: TargetPhotos, progress: Progress) -> NewStudy:
        """Store all pictures, then the settings and the store."""
        with watched(progress, "pictures", len(targets)):
            for target in targets:
                self._add(target)
                progress.advance(target.image, Status.OK, None, "")
        if not self._images:
            hint = f"left out: {_listed(self._left_out)}" if self._left_out else ""
            raise InvalidInput("no image has a picture of every method", hint=hint)
        config = _fitting(self._config, len(self._images))
        write_config(self._folder, config)
        with closing(create_store(self._folder)) as db:
            _fill(db, config, self._rows)
        return NewStudy(
            folder=self._folder,
            config=config,
            num_images=len(self._images),
            left_out=tuple(self._left_out),
        )

    def _add(self, target: Target) -> None:
        """Store the pictures of an image."""
        paths = [method.find(target) for method in self._methods]
        missing = [method for method, path in zip(self._methods, paths, strict=True) if path is None]
        if missing and self._pictures.common:
            self._left_out.append(target.image)
            return
        if missing:
            message = f"{missing[0].name} has no picture of {target.image}"
            hint = f"name it {target.names[0]}.png, or add --common to use only images that all methods have"
            raise InvalidInput(message, path=missing[0].folder, hint=hint)
        number = len(self._images)
        self._images.append(target.image)
        self._store(target, target.pixels, TARGET)
        for method, path in zip(self._methods, paths, strict=True):
            if path is not None:
                pixels = method.read(path, target, self._pictures.max_height)
                self._store(target, pixels, StimulusKind.REAL, method.name)
        self._add_controls(target, number)

    def _add_controls(self, target: Target, number: int) -> None:
        photo = target.pixels
        if number < NUM_TRAINING:
            for expected, share in ((0, 0.0), (2, MIDDLE_SIGMA), (4, ANCHOR_SIGMA)):
                pixels = blurred(photo, share) if share else photo
                self._store(target, pixels, TRAINING, expected=expected)
        if self._config.answer is Answer.PAIR:
            self._add_pair_trap(target, number)
            return
        self._store(target, photo, StimulusKind.REFERENCE, "reference")
        if number < MAX_CONTROLS:
            self._store(target, blurred(photo, ANCHOR_SIGMA), StimulusKind.ANCHOR, "anchor")
            score = (3 * number + self._config.seed) % len(SCALE)
            self._store(target, with_text(photo, f"Please choose {score}"), StimulusKind.TRAP, expected=score)

    def _add_pair_trap(self, target: Target, number: int) -> None:
        """A pair with a right answer: the photo and a blurred one, or pictures that say what to choose."""
        if number >= 2 * MAX_CONTROLS:
            return
        if number % 2:
            right, wrong = target.pixels, blurred(target.pixels, ANCHOR_SIGMA)
        else:
            right = with_text(target.pixels, "Choose this picture")
            wrong = with_text(target.pixels, "Choose the other picture")
        self._store(target, right, StimulusKind.TRAP, expected=0)
        self._store(target, wrong, StimulusKind.TRAP)

    def _store(
        self, target: Target, pixels: Rgb8, kind: str, method: str = "", expected: int | None = None
    ) -> None:
        stored = store_picture(self._folder, pixels, self._pictures.pictures)
        self._rows.append((new_id(), target.image, method, str(kind), expected, *stored))


def _fitting(config: StudyConfig, num_images: int) -> StudyConfig:
    """The settings with no more questions than there are pictures."""
    traps = min(config.traps, num_images, MAX_CONTROLS)
    references = min(config.references, num_images) if config.answer is Answer.OPINION else 0
    anchors = min(config.anchors, num_images, MAX_CONTROLS)
    if config.answer is Answer.PAIR:  # both are pairs with a right answer, one of each image
        anchors = min(anchors, max(0, num_images - traps))
    judged = min(config.num_judged, num_images * len(config.conditions))
    repeats = min(config.repeats, judged)
    return replace(
        config,
        questions=judged + references + anchors + traps + repeats,
        references=references,
        anchors=anchors,
        traps=traps,
        repeats=repeats,
    )


def _fill(db: sqlite3.Connection, config: StudyConfig, rows: Sequence[tuple[object, ...]]) -> None:
    """Write the settings and all stimuli; ids are in random order, so that they tell nothing."""
    order = list(rows)
    random.SystemRandom().shuffle(order)
    db.execute("BEGIN")
    values = (canonical_json(to_plain(config)), config.design_hash, config.analysis.sha256, time.time())
    db.execute("INSERT INTO study VALUES (1, ?, ?, ?, ?)", values)
    db.executemany(
        "INSERT INTO stimulus "
        "(picture, image, method, kind, expected, file, sha256, width, height, num_bytes) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        order,
    )
    db.execute("COMMIT")


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
