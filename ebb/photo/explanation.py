"""Why a camera file is, or is not, part of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.names import one_line
from ebb.photo.pairing import file_kind

if TYPE_CHECKING:
    from ebb.photo.pairing import Verdict


def explain(verdict: Verdict) -> str:
    """Text of ``ebb ingest --explain NAME``: file, group, decision, explanation and advice."""
    capture, exif, kind = verdict.capture, verdict.capture.exif, file_kind(verdict.capture.name)
    upright = "portrait" if exif.is_portrait else "landscape"
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
