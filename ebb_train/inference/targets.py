"""Which files the pictures of a photo are written to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ebb.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb_train.inference.settings import RenderSettings


class Targets(NamedTuple):
    """Files that belong to one photo."""

    pictures: tuple[Path, ...]
    """One for each f-number."""
    compare: Path | None = None
    """Photo and picture side by side."""
    strip: Path | None = None
    """The photo and its pictures in a row."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them; the strip first."""
        whole = (self.strip, *self.pictures, self.compare)
        return tuple(path for path in whole if path is not None)


def plan_targets(
    photos: Sequence[Path], out: Path | None, settings: RenderSettings, f_numbers: Sequence[float] = ()
) -> list[Targets]:
    """Where the pictures go.

    ``<photo>_bokeh``, and ``<photo>_compare`` to compare; with several f-numbers ``<photo>_bokeh_f2.8`` for
    each, and ``<photo>_strip``.

    Raises:
        UsageError: there are no photos, two would get the same picture, or a comparison is wanted of several
            f-numbers.
        InvalidInput: a photo is a folder.
    """
    if not photos:
        raise UsageError("no photos", hint="ebb-train render PHOTO...")
    if len(f_numbers) > 1 and settings.compare:
        hint = "leave it away: the strip begins with the photo"
        raise UsageError("--compare with several f-numbers", hint=hint)
    targets = [_targets(photo, out, settings, f_numbers) for photo in photos]
    twice, count = Counter(target.files[0] for target in targets).most_common(1)[0]
    if count > 1:
        hint = "render them one by one, each with another --out"
        raise UsageError(f"{count} photos would become this picture", path=twice, hint=hint)
    return targets


def _targets(photo: Path, out: Path | None, settings: RenderSettings, f_numbers: Sequence[float]) -> Targets:
    if photo.is_dir():
        raise InvalidInput("a folder, not a photo", path=photo, hint=f"name its photos: {photo / '*.jpg'}")

    def named(kind: str) -> Path:
        return (out or photo.parent) / f"{photo.stem}_{kind}.{settings.format}"

    if len(f_numbers) > 1:
        return Targets(tuple(named(f"bokeh_f{value:g}") for value in f_numbers), strip=named("strip"))
    return Targets((named("bokeh"),), named("compare") if settings.compare else None)
