"""Tables and page of a benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ebb.names import counted
from ebb.pages.data_uri import data_uri
from ebb.pages.page import render_page
from ebb_train.evaluation.difference_maps import as_rgb8
from ebb_train.evaluation.evaluate_page import picture_address, rank, title
from ebb_train.evaluation.opinions import people_tables
from ebb_train.evaluation.predictions import read_picture
from ebb_train.evaluation.result_tables import ResultTable, TextCell, metric_tables, published_table
from ebb_train.evaluation.summary import DASH, about_intervals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.arrays import Rgb8
    from ebb_train.data.sources import Photos, Source
    from ebb_train.evaluation.results import Benchmark, BenchmarkEntry
    from ebb_train.evaluation.scores import Row

STRIP_SIDE = 640
"""Longer side of the pictures in a strip."""


def benchmark_tables(found: Benchmark) -> list[ResultTable]:
    """Means, differences from the first model, opinions of people, costs, and published numbers."""
    base, *others = found.entries
    tables = metric_tables({entry.name: entry.summary for entry in found.entries}, found.groups, "Mean")
    if others:
        differences = {entry.name: entry.difference for entry in others}
        no_metadata: dict[str, dict[str, str]] = {group: {} for group in found.groups}
        tables += metric_tables(differences, no_metadata, f"Paired difference from {base.name}")
    costs = (
        [_costs(found)]
        if any(entry.timing or entry.untimed for entry in found.entries) or found.published
        else []
    )
    people = people_tables(found.people) if found.people else []
    return [*tables, *people, *costs, *map(published_table, found.published)]


def benchmark_page(
    found: Benchmark,
    tables: Sequence[ResultTable],
    source: Source,
    num_strips: int,
    heading: str,
    folder: Path,
    files: Sequence[tuple[str, str]] = (),
) -> str:
    """Write the page.

    Args:
        found: The results.
        tables: Its tables.
        source: The pairs, for the pictures.
        num_strips: Number of pairs to show: those on which the last model is worst.
        heading: Heading of the page.
        folder: Folder of the page.
        files: Files to link to: text, address.
    """
    last, pairs = found.entries[-1], counted(found.num_pairs, "pair")
    column = next(iter(last.summary))
    strips = [_strip(found, row, source, column, folder) for row in rank(last.rows, column)[:num_strips]]
    return render_page(
        "ebb_train.evaluation",
        "benchmark.html.jinja",
        title=heading,
        files=files,
        about="; ".join([pairs, f"data {found.data[:16]}", about_intervals(found.num_pairs)]),
        left_out=[str(model) for model in found.left_out],
        tables=tables,
        strips=strips,
        ranked_by=f"{title(column)} of {last.name}",
    )


def _costs(found: Benchmark) -> ResultTable:
    return ResultTable(
        title=f"Costs for one photo of {found.photo.width} × {found.photo.height} pixels",
        corner="model",
        heads=["parameters", "multiply-adds", "latency, ms", "peak memory, MB"],
        rows=[(entry.name, _cost(entry)) for entry in found.entries],
        notes=["Latency: median and interquartile range. Memory: of the whole process."],
    )


def _cost(entry: BenchmarkEntry) -> list[TextCell]:
    operations, timing = entry.cost.multiply_adds, entry.timing
    untimed = TextCell(text=DASH, reason=entry.untimed or "not timed: --repeats 0")
    latency = memory = untimed
    if timing is not None:
        spread = f"± {timing.iqr_ms:.0f}" if timing.repeats > 1 else ""
        latency = TextCell(text=f"{timing.latency_ms:.0f}", interval=spread)
        gpu = "" if timing.gpu_memory_mb is None else f"{timing.gpu_memory_mb:.0f} on the GPU"
        memory = TextCell(text=f"{timing.peak_memory_mb:.0f}", interval=gpu)
    depends = TextCell(text=DASH, reason="the number of multiply-adds depends on the photo")
    return [
        TextCell(text=f"{entry.cost.parameters:,}"),
        depends if operations is None else TextCell(text=f"{operations / 1e9:.3g} G"),
        latency,
        memory,
    ]


def pictures_of(found: Benchmark, photos: Photos, index: int) -> dict[str, Rgb8]:
    """The wide photo, the picture of each model, and the shallow photo."""
    pictures = {"input": photos.wide}
    for entry in found.entries:
        path = entry.rows[index].picture
        if path is not None:
            pictures[entry.name] = as_rgb8(read_picture(path))
    return pictures | {"target": photos.shallow}


def _strip(found: Benchmark, row: Row, source: Source, column: str, folder: Path) -> dict[str, Any]:
    scores = {entry.name: entry.rows[row.index].scores for entry in found.entries}
    captions = {name: f"{own[column]:.2f}" for name, own in scores.items() if column in own}
    pictures = pictures_of(found, source.read(row.index), row.index)
    targets = {entry.name: picture_address(entry.rows[row.index], folder) for entry in found.entries}
    return {
        "pair_id": row.pair_id,
        "pictures": [
            {
                "name": name,
                "caption": captions.get(name, ""),
                "uri": data_uri(picture, STRIP_SIDE),
                "address": targets.get(name, ""),
            }
            for name, picture in pictures.items()
        ],
    }
