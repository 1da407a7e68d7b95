"""What is said about photos that were rendered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ebb.errors import Reason, Status
from ebb_train.inference.render_report import MAX_TOLD, RenderedPhoto, RenderReport


def facts(point: tuple[int, int] | None = (812, 430)) -> dict[str, Any]:
    return {
        "depth": "a_depth.png beside the photo",
        "depth_edges": "its edges moved" if point else "",
        "focus": {"depth": 0.834, "how": "found automatically", "point": point},
        "f_numbers": [1.8, 16.0],
        "largest_blur_px": [61.2, 0.0],
    }


def made(name: str, **values: Any) -> RenderedPhoto:
    path = Path(name)
    return RenderedPhoto(path, Status.OK, files=(path.with_suffix(".png"),), is_new=True, **values)


def test_how_a_photo_was_rendered() -> None:
    report = RenderReport([made("x/a.jpg", facts=facts()), made("b.jpg"), made("c.jpg", facts=facts(None))])
    rest = "depth 0.83 (found automatically); largest blur disc: f/1.8 61 px, f/16 none"
    assert report.text().splitlines() == [
        "3 rendered, 0 failed",
        f"a.jpg: depth from a_depth.png beside the photo, its edges moved; focus 812,430, {rest}",
        f"c.jpg: depth from a_depth.png beside the photo; focus, {rest}",
    ]
    assert json.loads(json.dumps(report.as_dict(), default=str))["photos"][0]["facts"]["focus"]["point"] == [
        812,
        430,
    ]
    assert report.folders == [Path("x"), Path()]


def test_many_photos() -> None:
    report = RenderReport([made(f"{number}.jpg", facts=facts()) for number in range(MAX_TOLD + 3)])
    lines = report.text().splitlines()
    assert (len(lines), lines[-1]) == (MAX_TOLD + 2, "and 3 more: --json says how")


def test_failures_and_what_was_there() -> None:
    failed = RenderedPhoto(Path("b.jpg"), Status.REJECTED, Reason.NO_DEPTH, "none")
    kept = RenderedPhoto(Path("c.jpg"), Status.OK, detail="already there", files=(Path("c.png"),))
    report = RenderReport([failed, kept])
    assert report.failed == [failed]
    assert report.files == [Path("c.png")]
    assert report.text().splitlines() == [
        "0 rendered, 1 failed",
        f"no_depth: 1 ({Reason.NO_DEPTH.advice})",
        "1 already there, kept whatever the settings (--overwrite renders again)",
    ]
