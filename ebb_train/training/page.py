"""The page of a run: curves, pictures and settings in one file.

It is made from the files of the run folder and can be written again at any time.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple

from ebb.documents import read_json
from ebb.errors import InvalidInput
from ebb.files import read_regular, write_atomic
from ebb.formats.png import decode_png
from ebb.pages.data_uri import data_uri
from ebb.pages.page import address, file_links, render_page
from ebb_train.models.weights_path import weights_files
from ebb_train.settings import title
from ebb_train.training.charts import Chart, Point, draw_chart
from ebb_train.training.previews import COLUMNS
from ebb_train.training.run_folder import IDENTITY, KINDS, LOG, pictures_file, read_log, stage_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

PAGE = "report.html"

FILES = (IDENTITY, LOG)
"""Files of the run folder that the page links to, beside its best weights."""

PICTURE_WIDTH = 1600
"""Largest width or height of a picture on the page, in pixels."""

_SCORES = {"psnr": "PSNR (dB)", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "lpips": "LPIPS (less is better)"}
_TERMS = {
    "l1": "L1",
    "l2": "L2",
    "ssim": "1 − SSIM",
    "ms_ssim": "1 − MS-SSIM",
    "gradient": "gradients",
    "fft": "Fourier transforms",
    "vgg": "VGG",
    "earlier": "earlier pictures",
    "gradient_norm": "length of the gradient",
}
_HEADS = ("steps", "L1 at the start", "L1 at the end", "best PSNR")
_ADAM = {"tensorflow": "Adam as in TensorFlow", "pytorch": "Adam as in PyTorch", "adamw": "AdamW"}
"""Names for the table of stages, whose L1 is the mean over the first and the last tenth of a stage's log."""


class StageSummary(NamedTuple):
    """The summary of a stage: one text for each of the table's columns."""

    number: int
    texts: tuple[str, str, str, str]


def write_page(run: Path, steps: Mapping[str, int]) -> str:
    """Write ``report.html``.

    Args:
        run: The run folder.
        steps: Key of a stage → number of steps.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the page cannot be written.
    """
    log = read_log(run)
    done, total = max((line["total"] for line in log), default=0), sum(steps.values())
    text = render_page(
        "ebb_train.training",
        "fit.html.jinja",
        title=f"{run.resolve().name}: training",
        about=f"{done:,} of {total:,} steps{', finished' if done == total else ''}",
        done=done,
        total=total,
        files=file_links(run, [*FILES, *(path.name for path in weights_files(run)[:1])]),
        heads=(next(iter(steps), KINDS[0]).split("-")[0], *_HEADS),
        rows=[(row.number, *row.texts) for row in _stage_rows(log, steps)],
        charts=charts(log, steps),
        columns=", ".join(COLUMNS),
        pictures=_pictures(run, steps),
        settings=_metadata(run / IDENTITY),
    )
    return write_atomic(run / PAGE, text.encode())


def charts(log: list[dict[str, Any]], steps: Mapping[str, int]) -> list[Chart]:
    """Curves of a log: scores first, then the terms of the loss."""
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


def stage_row(log: list[dict[str, Any]], key: str, steps: int) -> StageSummary:
    """Summarise one stage."""
    lines = [line for line in log if stage_of(line) == key]
    l1 = [point.value for point in _points(lines, "l1")]
    few = max(1, len(l1) // 10)
    psnr = [point.value for point in _points(lines, "psnr", "validation")]
    step = max((line["step"] for line in lines), default=0)
    first = l1[:few] if len(l1) > 1 else []  # a single line is of the end
    start, end = (f"{sum(part) / few:.4f}" if part else "" for part in (first, l1[-few:]))
    best = f"{max(psnr):.2f} dB" if psnr else ""
    return StageSummary(int(key.split("-")[1]), (f"{step:,} of {steps:,}", start, end, best))


def _points(lines: list[dict[str, Any]], name: str, inside: str = "") -> list[Point]:
    values = [(line, line.get(inside, {}) if inside else line) for line in lines]
    return [
        Point(stage_of(line), line["total"], found[name])
        for line, found in values
        if isinstance(found, dict) and isinstance(found.get(name), int | float)
    ]


def _stage_rows(log: list[dict[str, Any]], steps: Mapping[str, int]) -> list[StageSummary]:
    return [stage_row(log, key, count) for key, count in steps.items()]


def _pictures(run: Path, keys: Iterable[str]) -> list[tuple[str, str, str]]:
    """Pictures of the stages: title, address of the file, ``data:`` URI."""
    found = []
    for key in keys:
        path = pictures_file(run, key)
        with contextlib.suppress(OSError, InvalidInput):  # none, or a damaged one
            pixels = decode_png(read_regular(path))
            found.append((title(key), address(path, run), data_uri(pixels, PICTURE_WIDTH)))
    return found


def _metadata(path: Path) -> dict[str, Any]:
    """Network, schedule, settings and data of the run."""
    identity = read_json(path)
    rows = sorted(identity["schedule"].values(), key=_place)
    schedule = {_row_title(row): plan_text(row) for row in rows}
    return {**identity["network"], **schedule, **identity["settings"], **identity["dataset"]}


def _place(row: Mapping[str, Any]) -> int:
    """Levels are counted down, other stages up."""
    return -row["level"] if "level" in row else int(row["number"])


def _row_title(row: Mapping[str, Any]) -> str:
    if "level" in row:
        return f"level {row['level']}"
    return f"stage {row['number']}" + (f", {row['name']}" if row["name"] else "")


def plan_text(row: Mapping[str, Any]) -> str:
    """A row of the schedule in ``run.json`` as text."""
    loss = " + ".join(f"{weight:g} {name}" for name, weight in row["loss"].items() if weight)
    return (
        f"{row['iterations']:,} steps of {row['batch']} crops of {row['crop']} px{_reduced(row)}, "
        f"learning rate {row['learning_rate']:g}, "
        f"{_ADAM[row['adam']]}, epsilon {row['epsilon']:g}, loss {loss}"
    )


def _reduced(row: Mapping[str, Any]) -> str:
    scale, part = row.get("scale", 1), row.get("part", "")
    return (f" reduced by {scale}" if scale > 1 else "") + (f" for {part}" if part else "")
