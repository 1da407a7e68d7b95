"""What became of the photos that were rendered."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ebb.errors import Reason, Status

if TYPE_CHECKING:
    from pathlib import Path

MAX_TOLD = 20
"""Photos about which the text says how they were rendered; of more, the JSON does."""


class RenderedPhoto(NamedTuple):
    """Result for one photo."""

    photo: Path
    status: Status
    reason: Reason | None = None
    detail: str = ""
    files: tuple[Path, ...] = ()
    """Its pictures that are there now."""
    is_new: bool = False
    """Whether this run made them."""
    facts: dict[str, Any] = {}  # noqa: RUF012 - never changed
    """How it was rendered: where its depth comes from, the focus, the blur."""


@dataclass(frozen=True)
class RenderReport:
    """Results for all photos, in their order."""

    rows: list[RenderedPhoto] = field(default_factory=list)

    @property
    def failed(self) -> list[RenderedPhoto]:
        """Photos without a picture."""
        return [row for row in self.rows if row.status is not Status.OK]

    @property
    def files(self) -> list[Path]:
        """All pictures that are there now."""
        return [path for row in self.rows for path in row.files]

    @property
    def folders(self) -> list[Path]:
        """Folders of the pictures."""
        return list(dict.fromkeys(path.parent for path in self.files))

    def as_dict(self) -> dict[str, object]:
        """Plain values, for JSON."""
        rows = [row._asdict() | {"files": list(map(str, row.files))} for row in self.rows]
        return self._counts() | {"photos": rows}

    def text(self) -> str:
        """Counts, how photos were rendered, what to do about failures; the progress reports every failure."""
        counts = self._counts()
        lines = [f"{counts['rendered']} rendered, {counts['failed']} failed"]
        told = [f"{row.photo.name}: {_told(row.facts)}" for row in self.rows if row.facts]
        lines += told[:MAX_TOLD]
        if len(told) > MAX_TOLD:
            lines.append(f"and {len(told) - MAX_TOLD} more: --json says how")
        reasons = Counter(row.reason for row in self.failed if row.reason)
        lines += [f"{reason}: {count} ({reason.advice})" for reason, count in reasons.items()]
        if counts["already_there"]:
            there = f"{counts['already_there']} already there, kept whatever the settings"
            lines.append(f"{there} (--overwrite renders again)")
        return "\n".join(lines)

    def _counts(self) -> dict[str, int]:
        new, failed = sum(row.is_new for row in self.rows), len(self.failed)
        return {"rendered": new, "already_there": len(self.rows) - new - failed, "failed": failed}


def _told(facts: dict[str, Any]) -> str:
    """The facts of :class:`~ebb_train.inference.lens_pictures.LensPictures` as a line."""
    focus = facts["focus"]
    place = f" {','.join(map(str, focus['point']))}" if focus["point"] else ""
    blur = ", ".join(
        f"f/{number:g} {size:.0f} px" if size else f"f/{number:g} none"
        for number, size in zip(facts["f_numbers"], facts["largest_blur_px"], strict=True)
    )
    edges = f", {facts['depth_edges']}" if facts["depth_edges"] else ""
    return (
        f"depth from {facts['depth']}{edges}; focus{place}, depth {focus['depth']:.2f} ({focus['how']}); "
        f"largest blur disc: {blur}"
    )
