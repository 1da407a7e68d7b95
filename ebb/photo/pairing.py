"""Pairing of wide and shallow captures.

The steps are: duplicates and twins of RAW files are rejected; shots of one camera, lens, focal length,
orientation, size and file kind form a group; f-numbers determine the role of each shot; wide and shallow
shots of a group are matched one to one in time (:func:`ebb.photo.one_to_one.match_in_order`), or, for a
series, all apertures of a scene with one wide photo (:mod:`ebb.photo.series`). Captures without a time are
matched with neighbours in the order of the file names. RAW and JPEG files are never paired with each other,
as a network would learn the camera's tone curve and sharpening.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from posixpath import dirname, splitext
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ebb.errors import Reason, Status
from ebb.names import natural_key
from ebb.pair_ids import ShallowPhoto, pair_ids, scene_of
from ebb.photo.one_to_one import match_in_order
from ebb.photo.series import MIN_STOPS, Rules, apertures, choose, divide, stops
from ebb.photo.suffixes import RAW_SUFFIXES
from ebb.photo.twins import copy_rank, same_exposure, same_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ebb.photo.capture import Capture, Exif
    from ebb.settings import IngestSettings

Role: TypeAlias = Literal["wide", "shallow", ""]

_KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".heif": "HEIC", ".hif": "HEIC"}
_GROUP_WORDS = ("camera", "body", "lens", "orientation", "size", "file kind (never mixed)", "focal length")
_DAY_ONE = datetime.fromordinal(1)
_LIFETIME_S = 1e10  # used for an infinite --max-gap
_SAME_FOCAL_LENGTH = 1.005


@dataclass(frozen=True)
class Verdict:
    """Result of the pairing for one capture."""

    capture: Capture
    status: Status
    reason: Reason | None = None
    role: Role = ""
    """Role by f-number, with or without a partner; ``""`` if it was not determined."""
    pair_id: str = ""
    partner: str = ""
    """Name of the other capture of the pair; for a wide photo with several, that of the largest aperture."""
    detail: str = ""
    """Explanation of the decision in one sentence."""


def file_kind(name: str) -> str:
    """Kind of a file by its suffix: ``RAW``, ``JPEG``, ``TIFF``, ``PNG`` or ``HEIC``."""
    suffix = splitext(name)[1].lower()
    return "RAW" if suffix in RAW_SUFFIXES else _KINDS.get(suffix, suffix[1:].upper())


@dataclass(slots=True, eq=False)
class _Shot:
    """A capture during pairing."""

    capture: Capture
    exif: Exif
    f_number: float
    """0 if the file has none, as with manual lenses."""
    kind: str
    folder: tuple[str, str]
    timed: bool
    at: int
    """Microseconds of the camera's clock, or the index in the folder's file order if there is no time."""
    rank: int = 0
    """Unique index in natural name order, which resolves ties."""
    place: int = 0
    """Index in the folder's file order."""
    group: tuple[object, ...] = ()
    role: Role = ""
    mate: _Shot | None = None
    pair_id: str = ""
    reason: Reason | None = None
    detail: str = ""

    @property
    def opposite(self) -> Role:
        return "shallow" if self.role == "wide" else "wide"

    def reject(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail

    def verdict(self) -> Verdict:
        if self.mate is None:
            return Verdict(self.capture, Status.REJECTED, self.reason, self.role, detail=self.detail)
        partner = self.mate.capture.name
        return Verdict(self.capture, Status.OK, None, self.role, self.pair_id, partner, self.detail)


class _Scene(NamedTuple):
    """Shots that are paired with each other only."""

    shots: Sequence[_Shot]
    is_series: bool
    """All of them with one wide photo, instead of one to one."""


def pair_captures(captures: Sequence[Capture], settings: IngestSettings) -> list[Verdict]:
    """Pair captures. The result does not depend on their order.

    Args:
        captures: The readable camera files; folder and name are unique.
        settings: Apertures, tolerance and longest gap.

    Returns:
        One verdict per capture, in the given order.
    """
    shots = [_shot(capture) for capture in captures]
    ordered = sorted(shots, key=lambda s: (natural_key(s.capture.name), s.capture.name, s.capture.folder))
    for rank, shot in enumerate(ordered):
        shot.rank = rank
    _reject_unusable(ordered)
    _reject_twins([s for s in ordered if s.reason is None])
    usable = [s for s in ordered if s.reason is None]
    _set_groups(usable)
    _pair_groups(usable, settings)
    _name_pairs(usable)
    return [shot.verdict() for shot in shots]


def _shot(capture: Capture) -> _Shot:
    value, time = capture.exif.f_number, capture.exif.captured_at
    f_number = value if value is not None and math.isfinite(value) and value > 0 else 0.0
    kind, folder = file_kind(capture.name), (capture.folder, dirname(capture.name))
    at = (time - _DAY_ONE) // timedelta(microseconds=1) if time is not None else 0
    return _Shot(capture, capture.exif, f_number, kind, folder, time is not None, at)


def _reject_unusable(shots: Sequence[_Shot]) -> None:
    originals: dict[str, _Shot] = {}
    for shot in sorted(shots, key=lambda s: (copy_rank(s.capture.name), s.rank)):
        originals.setdefault(shot.capture.sha256.lower(), shot)
    for shot in shots:
        original = originals[shot.capture.sha256.lower()]
        if original is not shot:
            shot.reject(Reason.DUPLICATE, f"same bytes as {_name(original, shot)}")
        elif not shot.f_number:
            shot.reject(Reason.NO_F_NUMBER, "the file has no f-number")


def _reject_twins(shots: Iterable[_Shot]) -> None:
    """Keep only the RAW file of each exposure; native RAW files take precedence over DNG conversions."""
    raws: dict[tuple[object, ...], list[_Shot]] = defaultdict(list)
    for shot in sorted(shots, key=lambda s: (s.kind != "RAW", _is_dng(s))):
        name, time = shot.capture.name, shot.exif.captured_at
        stem = splitext(name.rpartition("/")[2])[0].casefold()
        keys: list[tuple[object, ...]] = [(stem, *shot.folder)]
        keys += [(stem, time.replace(microsecond=0))] if time else []
        found = (raw for key in keys for raw in raws[key] if same_exposure(raw.capture, shot.capture))
        raw = next(found, None)
        if time and raw is None:
            raw = next((raw for raw in raws[time,] if _is_named_apart(raw, shot)), None)
        if raw is not None:
            shot.reject(Reason.JPEG_TWIN, f"same exposure as {_name(raw, shot)}")
        elif shot.kind == "RAW":
            for key in (*keys, (time,)) if time else keys:
                raws[key].append(shot)


def _is_named_apart(raw: _Shot, shot: _Shot) -> bool:
    """Whether a file shows the same shot as a RAW file of another name; two native RAW files never do."""
    return (shot.kind != "RAW" or _is_dng(raw) != _is_dng(shot)) and same_instant(raw.capture, shot.capture)


def _is_dng(shot: _Shot) -> bool:
    return shot.capture.name.lower().endswith(".dng")


def _set_groups(shots: Iterable[_Shot]) -> None:
    """Group by the properties that photos of a pair share; focal lengths may differ by 0.5 % (chained)."""
    for shot in shots:
        exif, portrait = shot.exif, shot.exif.is_portrait
        size = (shot.capture.width, shot.capture.height)
        shot.group = (exif.camera.casefold(), exif.serial, exif.lens, portrait, size, shot.kind)
    for members in _split(shots, lambda s: s.group).values():
        step, previous = -1.0, -1.0
        for shot in sorted(members, key=lambda s: s.exif.focal_length_mm or 0.0):
            focal = shot.exif.focal_length_mm or 0.0
            step = step if focal <= previous * _SAME_FOCAL_LENGTH else focal
            previous = focal
            shot.group += (step,)


def _pair_groups(shots: Sequence[_Shot], settings: IngestSettings) -> None:
    """Assign roles and pairs in each group, in order of time, or in file order if there are no times."""
    reach = round(min(settings.max_gap, _LIFETIME_S) * 1e6)
    _set_places(shots)
    lines = _split(sorted(shots, key=_place), lambda s: (s.group, None if s.timed else s.folder)).values()
    chains = [chain for line in lines for chain in _chains(line, [s.at for s in line], reach)]
    scenes = [scene for chain in chains for scene in _scenes(chain, reach, settings)]
    for scene in scenes:
        _set_roles(scene, settings)
    shots = [s for s in shots if s.role]
    # Shots with a time count as well: two shots with one between them are not neighbours.
    _set_places(shots)
    for shot in shots:
        shot.at = shot.at if shot.timed else shot.place
    for scene in scenes:
        line = [s for s in scene.shots if s.role]
        if scene.is_series:
            _pair_series(scene.shots, _rules(scene.shots, reach, settings))
        elif line:
            _pair_line(line, reach if line[0].timed else 1)
    _reject_missing(sorted(shots, key=_place), settings.max_gap)


def _set_places(shots: Sequence[_Shot]) -> None:
    for folder in _split(shots, lambda s: s.folder).values():
        for place, shot in enumerate(folder):
            shot.place = place


def _name_pairs(shots: Iterable[_Shot]) -> None:
    """Set the names of pairs; a wide photo with several pairs has that of its largest aperture."""
    of_wide: dict[_Shot, list[_Shot]] = defaultdict(list)
    for shot in shots:
        if shot.role == "shallow" and shot.mate is not None:
            of_wide[shot.mate].append(shot)
    for wide, shallow in of_wide.items():
        photos = [ShallowPhoto(shot.capture.sha256, shot.f_number) for shot in shallow]
        for shot, name in zip(shallow, pair_ids(wide.capture.sha256, photos), strict=True):
            shot.pair_id = name
            if name == scene_of(name):
                wide.pair_id, wide.mate = name, shot


def _split(shots: Iterable[_Shot], key: Callable[[_Shot], object]) -> dict[object, list[_Shot]]:
    """Group shots by key, preserving their order."""
    parts: dict[object, list[_Shot]] = defaultdict(list)
    for shot in shots:
        parts[key(shot)].append(shot)
    return dict(parts)


def _chains(line: Sequence[_Shot], at: Sequence[int], reach: float) -> Iterator[Sequence[_Shot]]:
    """Split a line where neighbours are further apart than ``reach``."""
    starts = [i for i in range(1, len(line)) if at[i] - at[i - 1] > reach]
    for start, end in pairwise([0, *starts, len(line)]):
        yield line[start:end]


def _scenes(chain: Sequence[_Shot], reach: int, settings: IngestSettings) -> Iterator[_Scene]:
    """Divide a chain into scenes if it holds a series; shots at two apertures are paired one to one."""
    if not settings.series or not _has_series(chain, settings):
        yield _Scene(chain, is_series=False)
        return
    chains = [chain] if chain[0].timed else _chains(chain, [s.place for s in chain], 1)
    for part in chains:
        at = [shot.at if shot.timed else shot.place for shot in part]
        for found in divide(at, _f_numbers(part), _rules(part, reach, settings)):
            shots = part[found.start : found.stop]
            yield _Scene(shots, is_series=_has_series(shots, settings))


def _has_series(shots: Sequence[_Shot], settings: IngestSettings) -> bool:
    return len(set(apertures(_f_numbers(shots), settings.f_tolerance))) > 2


def _rules(shots: Sequence[_Shot], reach: int, settings: IngestSettings) -> Rules:
    return Rules(reach if shots[0].timed else math.inf, settings.f_tolerance)


def _f_numbers(shots: Iterable[_Shot]) -> list[float]:
    return [shot.f_number for shot in shots]


def _set_roles(scene: _Scene, settings: IngestSettings) -> None:
    """Assign each shot of a scene a role by f-number, or reject it."""
    shots, numbers = scene.shots, _f_numbers(scene.shots)
    wide_f, shallow_f, text = settings.wide_f, settings.shallow_f, "f/{} is neither f/{} nor f/{}"
    if settings.series or settings.apertures == "extremes":
        wide_f, shallow_f = max(numbers), min(numbers)
        text = "f/{} is between f/{} and f/{}, the extremes of its scene"
        if stops(wide_f, shallow_f) < MIN_STOPS - settings.f_tolerance:
            span = f"f/{shallow_f:g} to f/{wide_f:g}" if wide_f > shallow_f else f"f/{wide_f:g} only"
            for shot in shots:
                shot.reject(Reason.MISSING_PARTNER, f"shots of this scene: {len(shots)}, {span}")
            return
    numbered = apertures(numbers, settings.f_tolerance)
    for shot, aperture in zip(shots, numbered, strict=True):
        from_wide, from_shallow = stops(shot.f_number, wide_f), stops(shot.f_number, shallow_f)
        is_wide = from_wide <= min(from_shallow, settings.f_tolerance)
        is_shallow = from_shallow <= settings.f_tolerance
        if scene.is_series:
            is_wide = aperture == max(numbered)
            is_shallow = from_wide >= MIN_STOPS - settings.f_tolerance
            text = "f/{} is less than a stop from f/{}, the smallest aperture of its scene"
        if is_wide or is_shallow:
            shot.role = "wide" if is_wide else "shallow"
        else:
            words = [f"{value:g}" for value in (shot.f_number, wide_f, shallow_f)]
            shot.reject(Reason.OTHER_F_NUMBER, text.format(*words))


def _pair_series(shots: Sequence[_Shot], rules: Rules) -> None:
    """Pair one frame of each aperture of a scene with one wide photo; the other frames are repeated shots."""
    chosen = choose([shot.at for shot in shots], _f_numbers(shots), rules)
    if chosen is None:
        return
    wide, shallow = shots[chosen.wide], [shots[index] for index in chosen.shallow]
    for shot in shallow:
        shot.mate, wide.mate = wide, shallow[0]
        order = "earlier" if (wide.at, wide.rank) < (shot.at, shot.rank) else "later"
        how = f"{_gap(wide, shot)} {order}" if shot.timed else f"{order} by file order"
        shot.detail = f"partner {_name(wide, shot)}, {how}"
    told = ", ".join(f"{_name(shot, wide)} (f/{shot.f_number:g})" for shot in shallow)
    wide.detail = f"partners of a series: {told}"
    numbers = apertures(_f_numbers(shots), rules.tolerance)
    used = {numbers[index]: shots[index] for index in (chosen.wide, *chosen.shallow)}
    for shot, number in zip(shots, numbers, strict=True):
        other = used.get(number, shot)
        if other is not shot:
            text = f"{_name(other, shot)} is the frame at f/{other.f_number:g} that is used of this scene"
            shot.reject(Reason.REPEATED_SHOT, text)


def _pair_line(line: Sequence[_Shot], reach: int) -> None:
    """Pair the shots of one group; an unpaired shot within reach of a paired one is a repeated shot."""
    for i, j in match_in_order([s.at for s in line], [s.role == "wide" for s in line], reach):
        first, second = line[i], line[j]
        first.mate, second.mate = second, first
        later, earlier = "next by file order", "previous by file order"
        if first.timed:
            later, earlier = f"{_gap(first, second)} later", f"{_gap(first, second)} earlier"
        first.detail = f"partner {_name(second, first)}, {later}"
        second.detail = f"partner {_name(first, second)}, {earlier}"
    of_role = _split(line, lambda s: s.role)
    for shot in (s for s in line if s.mate is None):
        near = _nearest(shot, of_role.get(shot.opposite, ()))
        if near is not None and near.mate is not None and abs(near.at - shot.at) <= reach:
            text = f"{_name(near, shot)} (f/{near.f_number:g}) is paired with {_name(near.mate, shot)}"
            how = f", {_gap(near, near.mate)} from it and {_gap(near, shot)} from this" if shot.timed else ""
            shot.reject(Reason.REPEATED_SHOT, text + how)


def _place(shot: _Shot) -> tuple[int, int]:
    return shot.at, shot.rank


def _nearest(shot: _Shot, shots: Sequence[_Shot]) -> _Shot | None:
    """Nearest of ``shots``, which are sorted by position."""
    index = bisect_left(shots, _place(shot), key=_place)
    around = shots[max(index - 1, 0) : index + 1]
    return min(around, key=lambda s: (abs(s.at - shot.at), abs(s.rank - shot.rank), s.rank), default=None)


def _reject_missing(shots: Sequence[_Shot], max_gap: float) -> None:
    """Reject shots without a partner; the detail names the nearest candidate."""
    of_group = _split(shots, lambda s: (s.timed, s.group, s.role))
    of_camera = _split(shots, lambda s: (s.timed, s.group[0], s.role))
    for shot in (s for s in shots if s.mate is None and s.reason is None):
        near = _nearest(shot, of_camera.get((shot.timed, shot.group[0], shot.opposite), ()))
        kin = _nearest(shot, of_group.get((shot.timed, shot.group, shot.opposite), ()))
        if not shot.timed:
            detail = f"no capture time, and no {shot.opposite} shot of its group beside it in file order"
        elif near is None:
            detail = f"no {shot.opposite} shot of this camera"
        elif kin is not None and abs(near.at - shot.at) > max_gap * 1e6:
            detail = f"nearest f/{kin.f_number:g} shot of this camera and lens is {_name(kin, shot)}, "
            detail += f"{_gap(shot, kin)} away, more than --max-gap {max_gap:g}"
        else:
            differences = (w for w, a, b in zip(_GROUP_WORDS, shot.group, near.group, strict=True) if a != b)
            detail = f"nearest f/{near.f_number:g} shot of this camera is {_name(near, shot)}, "
            detail += f"{_gap(shot, near)} away, with another {' and '.join(differences)}"
        shot.reject(Reason.MISSING_PARTNER, detail)


def _name(shot: _Shot, seen_from: _Shot) -> str:
    name, folder = shot.capture.name, shot.capture.folder
    return name if folder == seen_from.capture.folder else f"{folder}/{name}"


def _gap(one: _Shot, other: _Shot) -> str:
    seconds = abs(one.at - other.at) / 1e6
    return f"{seconds:.2f} s" if seconds < 3600 else f"{seconds / 3600:.1f} h"
