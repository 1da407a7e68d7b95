"""Pairing of wide and shallow captures.

The steps are: duplicates and twins of RAW files are rejected; shots of one camera, lens, focal length,
orientation, size and file kind form a group; f-numbers determine the role of each shot; wide and shallow
shots of a group are matched one to one in time (:func:`match_in_order`). Captures without a time are matched
with direct neighbours in the order of the file names. RAW and JPEG files are never paired with each other, as
a network would learn the camera's tone curve and sharpening.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from posixpath import dirname, splitext
from typing import TYPE_CHECKING, Literal, TypeAlias

from ebb.errors import Reason, Status
from ebb.names import natural_key, one_line
from ebb.photo.suffixes import RAW_SUFFIXES
from ebb.photo.twins import copy_rank, same_exposure, same_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ebb.photo.capture import Capture, Exif
    from ebb.settings import IngestSettings

Role: TypeAlias = Literal["wide", "shallow", ""]

_KINDS = {".jpg": "JPEG", ".jpeg": "JPEG", ".tif": "TIFF", ".tiff": "TIFF", ".heif": "HEIC", ".hif": "HEIC"}
_PORTRAIT = frozenset({5, 6, 7, 8})  # EXIF orientations with a rotation by 90°
_GROUP_WORDS = ("camera", "body", "lens", "orientation", "size", "file kind (never mixed)", "focal length")
_DAY_ONE = datetime.fromordinal(1)
_LIFETIME_S = 1e10  # used for an infinite --max-gap
_SAME_FOCAL_LENGTH = 1.005
_MIN_STOPS = 1.0  # between the extremes of a scene


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
    """Name of the other capture of the pair."""
    detail: str = ""
    """Explanation of the decision in one sentence."""


def pair_id(wide_sha256: str, shallow_sha256: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of both files' SHA-256 digests (binary, wide first)."""
    return sha256(bytes.fromhex(wide_sha256) + bytes.fromhex(shallow_sha256)).hexdigest()[:16]


def file_kind(name: str) -> str:
    """Kind of a file by its suffix: ``RAW``, ``JPEG``, ``TIFF``, ``PNG`` or ``HEIC``."""
    suffix = splitext(name)[1].lower()
    return "RAW" if suffix in RAW_SUFFIXES else _KINDS.get(suffix, suffix[1:].upper())


def match_in_order(at: Sequence[int], is_wide: Sequence[bool], reach: int) -> list[tuple[int, int]]:
    """Match wide and shallow shots one to one on a line with the least total cost.

    The cost is the sum of all gaps plus reach/2 for each unmatched shot, so that no gap exceeds ``reach``.
    Ties are resolved in favour of more pairs, then of fewer shots in between, then of earlier shots. The
    solution is exact.

    Let b be the number of wide shots that wait for a partner during a sweep along the line (b < 0: −b shallow
    shots). The least cost of the remaining shots is a convex function of b: each gap adds gap·|b|, each shot
    an infimal convolution. The function is represented by its sorted slopes. A shot is used if and only if b
    is below the rank of its cost among the slopes, so that one limit per shot suffices to construct the
    solution. O(n log n) comparisons, O(n) memory.

    Args:
        at: Position of each shot, ascending, in any integer unit.
        is_wide: True for a wide shot, False for a shallow one.
        reach: Largest gap of a pair, in the unit of ``at``.

    Returns:
        Pairs (i, j) of indices with i < j, ordered by j.
    """
    count = len(at)
    # Weights that combine (total cost, unmatched shots, shots in between) into one integer, in this order.
    scale = 2 * count**3
    alone = reach * scale // 2 + count**2
    line = [place * scale + index for index, place in enumerate(at)]
    limits = _usage_limits(line, is_wide, alone)
    waiting: deque[int] = deque()
    pairs: list[tuple[int, int]] = []
    for index, wide in enumerate(is_wide):
        meets_partner = bool(waiting) and is_wide[waiting[0]] is not wide
        if (-len(waiting) if meets_partner else len(waiting)) < limits[index]:
            if meets_partner:
                pairs.append((waiting.popleft(), index))
            else:
                waiting.append(index)
    return pairs


def _usage_limits(line: Sequence[int], is_wide: Sequence[bool], alone: int) -> list[int]:
    """Limit for each shot: it is used if fewer shots of its role wait (negative: of the opposite role)."""
    # Ascending slopes of the remaining cost per additional waiting shot of each role, minus `gone`.
    rising: dict[bool, list[int]] = {True: [], False: []}
    limits = [0] * len(line)
    gone = 0
    for index in reversed(range(len(line))):
        if index + 1 < len(line):
            gone += line[index + 1] - line[index]
        own, other = rising[is_wide[index]], rising[not is_wide[index]]
        limits[index] = bisect_right(own, alone - gone) - bisect_left(other, -alone - gone)
        insort(own, alone - gone)
        insort(other, -(own.pop(0) + gone) - gone)
    return limits


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
    group: tuple[object, ...] = ()
    role: Role = ""
    mate: _Shot | None = None
    reason: Reason | None = None
    detail: str = ""

    @property
    def opposite(self) -> Role:
        return "shallow" if self.role == "wide" else "wide"

    def reject(self, reason: Reason, detail: str) -> None:
        self.reason, self.detail = reason, detail

    def verdict(self) -> Verdict:
        capture, role, detail = self.capture, self.role, self.detail
        if self.mate is None:
            return Verdict(capture, Status.REJECTED, self.reason, role, detail=detail)
        other = self.mate.capture
        wide, shallow = (capture, other) if role == "wide" else (other, capture)
        key = pair_id(wide.sha256, shallow.sha256)
        return Verdict(capture, Status.OK, None, role, key, other.name, detail)


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
        exif, portrait = shot.exif, shot.exif.orientation in _PORTRAIT
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
    lines = _split(sorted(shots, key=_place), lambda s: (s.group, None if s.timed else s.folder)).values()
    for line in lines:
        for scene in _scenes(line, reach):
            _set_roles(scene, settings)
    shots = [s for s in shots if s.role]
    # Shots with a time count as well: two shots with one between them are not neighbours.
    for folder in _split(shots, lambda s: s.folder).values():
        for place, shot in enumerate(folder):
            shot.at = shot.at if shot.timed else place
    for line in lines:
        _pair_line([s for s in line if s.role], reach if line[0].timed else 1)
    _reject_missing(sorted(shots, key=_place), settings.max_gap)


def _split(shots: Iterable[_Shot], key: Callable[[_Shot], object]) -> dict[object, list[_Shot]]:
    """Group shots by key, preserving their order."""
    parts: dict[object, list[_Shot]] = defaultdict(list)
    for shot in shots:
        parts[key(shot)].append(shot)
    return dict(parts)


def _scenes(line: Sequence[_Shot], reach: int) -> Iterator[Sequence[_Shot]]:
    """Split a line where neighbours are further apart than ``reach``."""
    starts = [i for i in range(1, len(line)) if line[i].at - line[i - 1].at > reach]
    for start, end in pairwise([0, *starts, len(line)]):
        yield line[start:end]


def _set_roles(scene: Sequence[_Shot], settings: IngestSettings) -> None:
    """Assign each shot of a scene a role by f-number, or reject it."""
    wide_f, shallow_f, text = settings.wide_f, settings.shallow_f, "f/{} is neither f/{} nor f/{}"
    if settings.apertures == "extremes":
        wide_f, shallow_f = max(s.f_number for s in scene), min(s.f_number for s in scene)
        text = "f/{} is between f/{} and f/{}, the extremes of its scene"
        if _stops(wide_f, shallow_f) < _MIN_STOPS - settings.f_tolerance:
            span = f"f/{shallow_f:g} to f/{wide_f:g}" if wide_f > shallow_f else f"f/{wide_f:g} only"
            for shot in scene:
                shot.reject(Reason.MISSING_PARTNER, f"shots of this scene: {len(scene)}, {span}")
            return
    for shot in scene:
        from_wide, from_shallow = _stops(shot.f_number, wide_f), _stops(shot.f_number, shallow_f)
        if min(from_wide, from_shallow) <= settings.f_tolerance:
            shot.role = "wide" if from_wide <= from_shallow else "shallow"
        else:
            numbers = (f"{value:g}" for value in (shot.f_number, wide_f, shallow_f))
            shot.reject(Reason.OTHER_F_NUMBER, text.format(*numbers))


def _stops(one: float, other: float) -> float:
    """Difference of two f-numbers in stops."""
    return abs(2.0 * math.log2(one / other))


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


def explain(verdict: Verdict) -> str:
    """Text of ``ebb ingest --explain NAME``: file, group, decision, explanation and advice."""
    capture, exif, kind = verdict.capture, verdict.capture.exif, file_kind(verdict.capture.name)
    upright = "portrait" if exif.orientation in _PORTRAIT else "landscape"
    decided = f"pair {verdict.pair_id}" if verdict.reason is None else verdict.reason.value
    lines = {
        "file": f"{kind}, {capture.width} x {capture.height}" if capture.width else kind,
        "camera": exif.camera or "unknown",
        "lens": (exif.lens or "unknown") + (f", {exif.focal_length_mm:g} mm" if exif.focal_length_mm else ""),
        "f-number": f"f/{exif.f_number:g}" if exif.f_number else "unknown",
        "time": exif.captured_at.isoformat(" ") if exif.captured_at else "unknown, file order counts",
        "group": f"{upright} {kind} files of one size, by this camera, lens and focal length",
        "role": verdict.role or "none",
        "status": f"{verdict.status.value}, {decided}",
        "why": verdict.detail,
        "to do": verdict.reason.advice if verdict.reason is not None else "nothing",
    }
    told = [capture.name, *(f"  {word:<10}{text}" for word, text in lines.items())]
    return "\n".join(map(one_line, told))
