"""Alignment of a series: one wide photo and several shallow ones, on one pixel grid."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ebb.aligned_pair import AlignedPair, least_reduction, prior_ev, resample_shallow, resample_wide
from ebb.errors import ItemError, Rejected
from ebb.geometry.crop import Covering, crop_of_all, stored_size
from ebb.photo.raw import pair_balance
from ebb.quality.gates import check_alignment
from ebb.registration.detection import detection_photo
from ebb.registration.measure import crop_to_store, edge_margin, with_crop
from ebb.registration.register import register_detected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb.aligned_pair import PhotoSource
    from ebb.arrays import Rect, Rgb8, Size
    from ebb.photo.frame import Frame, Openable
    from ebb.photo.raw import Balance, Balances
    from ebb.registration.coarse import Look
    from ebb.registration.detection import DetectionPhoto
    from ebb.registration.keypoints import Keypoints
    from ebb.registration.measure import Registration
    from ebb.settings import AlignSettings


class _Opened(NamedTuple):
    """A shallow photo in memory, before it is developed."""

    source: PhotoSource
    photo: Openable
    balances: Balances | None


@dataclass(frozen=True)
class _Wide:
    """The wide photo, developed once for all pairs."""

    source: PhotoSource
    frame: Frame
    detected: DetectionPhoto
    reduction: float
    balance: Balance | None
    seen: dict[Look, Keypoints] = field(default_factory=dict)


class _Registered(NamedTuple):
    """A shallow photo with its place in the wide one."""

    opened: _Opened
    size: Size
    registration: Registration


def align_series(
    wide: PhotoSource, shallow: Sequence[PhotoSource], settings: AlignSettings
) -> list[AlignedPair | ItemError]:
    """Register several photos to one wide photo, and cut all of them to what all of them show.

    The wide photo is developed, searched for keypoints and resampled once, and is the same array in all
    pairs. Each shallow photo is decoded twice, so that one of them is in memory at a time. RAW files share a
    white balance. A pair that is rejected or cannot be read has no influence on the crop. Where the crop of
    all pairs is beyond a limit, the pair without which it is largest is rejected.

    Args:
        wide: The wide photo.
        shallow: The shallow photos.
        settings: Settings of the alignment and its limits.

    Returns:
        For each shallow photo the aligned pair, or the error that stands for it, as
        :func:`ebb.aligned_pair.align_sources` raises it.

    Raises:
        Broken: the wide photo cannot be read or decoded.
    """
    opened = [_opened(source) for source in shallow]
    readable = [one for one in opened if isinstance(one, _Opened)]
    first = _developed(wide, readable, least_reduction([wide, *shallow], settings))
    found = [_registered(first, one, settings) if isinstance(one, _Opened) else one for one in opened]
    members = {i: one for i, one in enumerate(found) if isinstance(one, _Registered)}
    refused = _refuse_outliers(members, first.frame.size, settings)
    aligned = _resampled(first, members, settings)
    others = {i: one for i, one in enumerate(found) if isinstance(one, ItemError)}
    return [(aligned | refused | others)[i] for i in range(len(shallow))]


def _opened(source: PhotoSource) -> _Opened | ItemError:
    try:
        photo = source.load()
        return _Opened(source, photo, photo.balances())
    except ItemError as error:
        return error


def _developed(wide: PhotoSource, shallow: Sequence[_Opened], reduction: float) -> _Wide:
    photo = wide.load()
    known = [photo.balances(), *(one.balances for one in shallow)]
    balance = pair_balance([one for one in known if one is not None])
    frame = photo.frame(reduction, balance)
    return _Wide(wide, frame, detection_photo(frame), reduction, balance)


def _registered(wide: _Wide, one: _Opened, settings: AlignSettings) -> _Registered | ItemError:
    try:
        frame = one.photo.frame(wide.reduction, wide.balance)
        ev = prior_ev(wide.source, one.source)
        found = register_detected(wide.detected, detection_photo(frame), settings, ev, wide.seen)
    except ItemError as error:
        return error
    return _Registered(one, frame.size, found)


def _refuse_outliers(
    members: dict[int, _Registered], wide: Size, settings: AlignSettings
) -> dict[int, Rejected]:
    """Give the members one crop, and take out those that leave too little of the frame."""
    refused: dict[int, Rejected] = {}
    while members:
        try:
            crop = _common_crop(members, wide, settings)
        except Rejected as error:
            outlier = max(members, key=lambda i: (_area_without(i, members, wide, settings), i))
            own = members.pop(outlier)
            message = f"{error.message}, as the crop of all {len(members) + 1} photos of its series"
            refused[outlier] = Rejected(
                error.reason,
                message if members else error.message,
                measurements=own.registration.measurements.as_dict(),
            )
            continue
        for i, one in members.items():
            members[i] = one._replace(registration=with_crop(one.registration, crop, wide, settings))
        break
    return refused


def _common_crop(members: Mapping[int, _Registered], wide: Size, settings: AlignSettings) -> Rect:
    """The crop of all members.

    Raises:
        Rejected: it is beyond a limit.
    """
    crop = _crop_of(members, wide, settings)
    for one in members.values():
        check_alignment(with_crop(one.registration, crop, wide, settings).measurements, settings)
    stored_size(crop, settings.height)
    return crop


def _crop_of(members: Mapping[int, _Registered], wide: Size, settings: AlignSettings) -> Rect:
    crop = crop_of_all(
        wide,
        [
            Covering(one.registration.H_shallow_to_wide, one.size, edge_margin(one.size, settings))
            for one in members.values()
        ],
    )
    return crop_to_store(crop, settings)


def _area_without(index: int, members: Mapping[int, _Registered], wide: Size, settings: AlignSettings) -> int:
    others = {i: one for i, one in members.items() if i != index}
    try:
        crop = _crop_of(others, wide, settings) if others else None
    except Rejected:
        return 0
    return crop.width * crop.height if crop is not None else 0


def _resampled(
    wide: _Wide, members: Mapping[int, _Registered], settings: AlignSettings
) -> dict[int, AlignedPair | ItemError]:
    aligned: dict[int, AlignedPair | ItemError] = {}
    photo: Rgb8 | None = None
    for i, one in members.items():
        if photo is None:
            photo = resample_wide(wide.frame, one.registration, settings)
        frame = one.opened.photo.frame(wide.reduction, wide.balance)
        shallow = resample_shallow(frame, one.registration, settings)
        aligned[i] = AlignedPair(photo, shallow, one.registration)
    return aligned
