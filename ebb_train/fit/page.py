"""The page of a run: curves, pictures and figures in one file that needs nothing else.

Made from what lies in the run folder, so it can be written again at any time. It holds no scripts and loads
nothing; its content security policy says so to the browser.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ebb.files import write_atomic
from ebb_train.fit.charts import Chart, Point, draw_chart
from ebb_train.fit.pictures import COLUMNS
from ebb_train.fit.run_folder import IDENTITY, pictures_file, read_log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jinja2 import Template

PAGE = "report.html"

_SCORES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS (less is better)"}
_TERMS = {"l1": "L1", "ssim": "1 − SSIM", "vgg": "VGG", "gradient_norm": "length of the gradient"}


@dataclass(frozen=True, kw_only=True)
class LevelRow:
    """What became of a level."""

    level: int
    step: int
    steps: int
    first_l1: float | None
    last_l1: float | None
    """Means over the first and the last tenth of its log."""
    best_psnr: float | None


def write_page(run: Path, steps: Mapping[int, int]) -> str:
    """Write ``report.html``.

    Args:
        run: The run folder.
        steps: Level → its steps.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: it cannot be written.
    """
    log = read_log(run)
    total = sum(steps.values())
    template, style = _template()
    text = template.render(
        title=run.resolve().name,
        style=Markup(style),  # noqa: S704 - a file of this package
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        done=max((line["total"] for line in log), default=0),
        total=total,
        rows=[level_row(log, level, count) for level, count in steps.items()],
        charts=charts(log, steps),
        columns=COLUMNS,
        pictures=[(level, uri) for level in steps if (uri := _picture_uri(pictures_file(run, level)))],
        facts=_facts(run / IDENTITY),
    )
    return write_atomic(run / PAGE, text.encode())


def charts(log: list[dict[str, Any]], steps: Mapping[int, int]) -> list[Chart]:
    """The curves a log holds: scores first, then the terms of the loss."""
    scored = [line for line in log if "validation" in line]
    trained = [line for line in log if "validation" not in line]
    found = [
        draw_chart(f"validation: {title}", _points(scored, name, "validation"), steps)
        for name, title in _SCORES.items()
    ] + [
        draw_chart(f"training: {title}", _points(trained, name), steps, log_scale=True)
        for name, title in _TERMS.items()
    ]
    return [chart for chart in found if chart]


def level_row(log: list[dict[str, Any]], level: int, steps: int) -> LevelRow:
    """Sum up one level."""
    lines = [line for line in log if line["level"] == level]
    l1 = [point.value for point in _points(lines, "l1")]
    few = max(1, len(l1) // 10)
    psnr = [point.value for point in _points(lines, "psnr", "validation")]
    return LevelRow(
        level=level,
        step=max((line["step"] for line in lines), default=0),
        steps=steps,
        first_l1=sum(l1[:few]) / few if l1 else None,
        last_l1=sum(l1[-few:]) / few if l1 else None,
        best_psnr=max(psnr, default=None),
    )


def _points(lines: list[dict[str, Any]], name: str, inside: str = "") -> list[Point]:
    values = [(line, line.get(inside, {}) if inside else line) for line in lines]
    return [Point(line["level"], line["total"], found[name]) for line, found in values if name in found]


def _picture_uri(path: Path) -> str:
    if not path.exists():
        return ""
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _facts(path: Path) -> dict[str, Any]:
    """What the run computes, one line a fact."""
    identity = json.loads(path.read_text(encoding="utf-8"))
    return {**identity["network"], **identity["settings"], **identity["dataset"]}


@cache
def _template() -> tuple[Template, str]:
    """The page and its style sheet."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("ebb_train.fit")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html.jinja"), loader.get_source(environment, "page.css")[0]
