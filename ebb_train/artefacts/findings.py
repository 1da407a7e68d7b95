"""The kinds of artefacts, their units and limits, and what a detector returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ebb.arrays import Mask


class ArtefactKind(NamedTuple):
    """A kind of artefact."""

    title: str
    """Heading of its column; the arrow points to better values."""
    limit: float
    """Value beyond which a picture is flagged."""
    definition: str
    """What the value is, its unit, and why the limit is where it is."""


KINDS: Mapping[str, ArtefactKind] = {
    "soft_focus": ArtefactKind(
        "soft focus ↓",
        0.2,
        "share of the detail in focus that is lost, against what the lens leaves there: the median, or "
        "0.4 of the loss in the worst twentieth",
    ),
    "missing_blur": ArtefactKind(
        "missing blur ↓",
        0.03,
        "share of the textured pixels with discs of more than 8 px that keep over 0.9 of their detail, "
        "where the lens leaves less than half",
    ),
    "halo": ArtefactKind(
        "halo ↓",
        0.08,
        "colour of a sharp subject in the blurred background 3 to 8 px (of 1024) beyond its edge, as a "
        "share of the step of colour, in excess of the layered renderer: the mean along the edge, or "
        "0.27 of the largest excess over 200 connected pixels",
    ),
    "grid": ArtefactKind(
        "grid ↓",
        0.05,
        "share of the smooth blocks of 32 px with a pattern of period 2, 4 or 8 px of more than three "
        "standard errors, which the photo does not show",
    ),
    "drift": ArtefactKind(
        "drift, EV ↓",
        0.1,
        "change of light over the picture, in stops, as blur keeps the mean of light: the largest of the"
        " three channels, or a third of the local change that 5 % of the picture exceed",
    ),
    "seams": ArtefactKind(
        "seams, levels ↓",
        1.5,
        "largest step along a whole horizontal or vertical line of 64 px, in grey levels, beyond five "
        "times the largest step there in the layered render and 1.2 times that in the photo",
    ),
    "broken": ArtefactKind(
        "broken ↓",
        0.001,
        "share of the pixels that are not finite, in a constant tile of 32 px where the photo is not, or"
        " in a patch of at least 5 px that clips out of reach of what clips in the photo",
    ),
    "overshoot": ArtefactKind(
        "overshoot ↓",
        0.005,
        "share of the pixels more than 8 grey levels brighter or darker than everything in the photo "
        "within reach of the blur, which no mean of pixels is",
    ),
    "repeats": ArtefactKind(
        "repeats ↓",
        0.35,
        "correlation of the fine texture of a blurred region with itself, 5 to 48 px away, which neither"
        " the photo nor the layered render has: the third largest of the windows of 128 px",
    ),
}
"""In the order of the columns."""


@dataclass(frozen=True, eq=False)
class Finding:
    """What a detector found in a picture."""

    kind: str
    """A key of :data:`KINDS`."""
    value: float
    """In the unit of the kind."""
    where: Mask
    """(H, W): the pixels that make it up."""

    @property
    def severity(self) -> float:
        """The value as a multiple of its limit: above 1, the picture is flagged."""
        return self.value / KINDS[self.kind].limit

    @property
    def is_flagged(self) -> bool:
        """Whether the limit is exceeded."""
        return self.severity > 1


def worst(findings: Sequence[Finding]) -> Finding | None:
    """The finding with the largest severity; None if nothing could be judged."""
    return max(findings, key=lambda finding: finding.severity, default=None)
