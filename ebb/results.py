"""Results of the stages of a pair that are stored in ``state.sqlite``, beside the files they write."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - fields keep their types at run time, for ebb.codec
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, TypedDict

from ebb.arrays import Rect, Size
from ebb.dataset.columns import COUNT
from ebb.dataset.record import MEASUREMENT_COLUMNS
from ebb.errors import Reason, Rejected
from ebb.measurements import APART, QUALITY, Limits
from ebb.quality.gates import failing
from ebb.state import Stage

if TYPE_CHECKING:
    from ebb.registration.as_stored import AsStored
    from ebb.registration.measure import Registration


class AlignmentFields(TypedDict):
    """The fields of :class:`~ebb.dataset.record.Record` that alignment fills."""

    width: int
    height: int
    crop_x: int
    crop_y: int
    crop_width: int
    crop_height: int
    motion_model: str
    H_shallow_to_wide: tuple[float, ...] | None
    defocus_map: tuple[float | None, ...] | None
    measurements: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class StoredAlignment:
    """Result of the alignment of a pair, or of the measurement of an imported one."""

    size: Size
    """Size of the stored photos."""
    crop: Rect
    """The common crop, in pixels of the full-size wide photo."""
    H_shallow_to_wide: tuple[float, ...] | None = None
    """9 numbers, row by row, between the full-size photos."""
    motion_model: str = ""
    measurements: Mapping[str, float] = field(default_factory=dict)
    """Name → value, of those that could be measured."""
    defocus_map: tuple[float | None, ...] | None = None
    """Blur of the shallow photo in 4 x 4 parts of the frame, row by row."""
    perceptual_hash: str = ""
    """Perceptual hash of the wide photo."""
    is_measured_only: bool = False
    """Whether the photos are those of an existing data set, unchanged: the motion was found, not applied, and
    no limit has rejected the pair."""
    registered: Mapping[str, float] = field(default_factory=dict)
    """Measurements that registration of such a pair would change."""
    unregistered: Reason | None = None
    """Why no motion was found for it."""
    unregistered_detail: str = ""

    def refusals(self, limits: Limits) -> list[Rejected]:
        """What rejects an unchanged pair by these limits, the one that decides first; empty for any other.

        A pair whose residuals keep their limits after registration is ``misaligned``.
        """
        if not self.is_measured_only:
            return []
        if self.unregistered is not None:
            return [Rejected(self.unregistered, self.unregistered_detail)]
        # the photos stay as they are: limits of matched exposure do not apply
        plain = Limits(**{item.name: getattr(limits, item.name) for item in fields(Limits)})
        found = failing(self.measurements, plain)
        after = failing({**self.measurements, **self.registered}, plain)
        apart = [name for name in APART if name in found]
        if not apart or any(name in after for name in APART):
            return list(found.values())
        order = [name for name in found if name not in apart[1:]]
        return [self._misaligned(name) if name in apart else found[name] for name in order]

    def _misaligned(self, name: str) -> Rejected:
        now, then = self.measurements[name], self.registered[name]
        return Rejected(
            Reason.MISALIGNED, f"{APART[name]} is {now:.2f} px apart, {then:.2f} px when registered"
        )

    def record_fields(self) -> AlignmentFields:
        """Fields of a record in a shard; measurements without a column are left out."""
        kinds = {column.name: column.kind for column in MEASUREMENT_COLUMNS}
        stored = {name: value for name, value in self.measurements.items() if name in kinds}
        return AlignmentFields(
            width=self.size.width,
            height=self.size.height,
            crop_x=self.crop.x,
            crop_y=self.crop.y,
            crop_width=self.crop.width,
            crop_height=self.crop.height,
            motion_model=self.motion_model,
            H_shallow_to_wide=self.H_shallow_to_wide,
            defocus_map=self.defocus_map,
            measurements={
                name: int(value) if kinds[name] is COUNT else value for name, value in stored.items()
            },
        )


@dataclass(frozen=True, kw_only=True)
class DepthMap:
    """Source of the depth map of a pair."""

    provider: str
    recipe: str
    """Short name of the provider and its settings; see :func:`ebb.runner.keys.depth_recipe`."""
    depth_min: float | None = None
    """Range of the map in half precision, if there is one."""
    depth_max: float | None = None


def stored_alignment(registration: Registration, size: Size) -> StoredAlignment:
    """Convert a registration to its stored form.

    Args:
        registration: Registration of both photos at full size.
        size: Size of the stored photos.
    """
    return StoredAlignment(
        size=size,
        crop=registration.crop,
        H_shallow_to_wide=tuple(float(value) for value in registration.H_shallow_to_wide.ravel()),
        motion_model=registration.motion_model,
        measurements=registration.measurements.as_dict(),
        defocus_map=tuple(registration.defocus_map),
        perceptual_hash=registration.picture_hash,
    )


def measured_only(measured: AsStored, size: Size) -> StoredAlignment:
    """Convert the measurements of a pair that stays as it is.

    Args:
        measured: The measurements.
        size: Size of the photos.
    """
    if isinstance(measured.found, Rejected):
        return StoredAlignment(
            size=size,
            crop=Rect(0, 0, *size),
            measurements={**measured.found.measurements, QUALITY: 0.0},
            is_measured_only=True,
            unregistered=measured.found.reason,
            unregistered_detail=measured.found.message,
        )
    stored = stored_alignment(measured.found, size)
    return replace(stored, is_measured_only=True, registered=measured.registered)


ALIGN = Stage("align", StoredAlignment)
DEPTH = Stage("depth", DepthMap)
IMPORT = "import"
"""Name of the stage that takes the place of both for an imported pair."""
