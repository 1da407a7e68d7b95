"""Benchmark: several models on one split, side by side, as in table 1 of the paper.

::

    <out>/
      models/<name>/        predictions, scores and index.html of a model, as ebb-train evaluate writes them
      benchmark.json        means, intervals, differences, sizes: the same bytes for the same data and models
      timings.json          latency and memory, which differ from run to run
      benchmark.md          the tables as Markdown
      index.html            the tables, and one strip of pictures per pair
"""

from __future__ import annotations

import os
import platform
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ebb.arrays import Size
from ebb.errors import EbbError, Reason, Status, UsageError
from ebb.files import write_atomic
from ebb.pages.page import file_links
from ebb.progress import watched
from ebb_train.baselines.registry import BUILDERS, build_model
from ebb_train.evaluation.benchmark_page import benchmark_page, benchmark_tables
from ebb_train.evaluation.evaluate import (
    PAGE,
    PREDICTIONS,
    columns_of,
    group_metadata,
    open_scored,
    predict_and_score,
    train_of,
)
from ebb_train.evaluation.evaluate_page import evaluate_page
from ebb_train.evaluation.opinions import ScoredModel, check_models, compare_with_people
from ebb_train.evaluation.predictions import CannotRender, DepthMissing
from ebb_train.evaluation.published import read_published
from ebb_train.evaluation.results import Benchmark, BenchmarkEntry, Evaluation, LeftOut
from ebb_train.evaluation.summary import compare, summarise
from ebb_train.evaluation.tables import write_json, write_tables
from ebb_train.evaluation.texts import benchmark_markdown
from ebb_train.evaluation.timing import time_model
from ebb_train.models.weights_path import SUFFIX, is_weights_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebb.progress import Progress
    from ebb_train.baselines.model import Model
    from ebb_train.data.sources import Photos, Source
    from ebb_train.evaluation.opinions import PeopleComparison, StudyOpinions
    from ebb_train.evaluation.scores import Row
    from ebb_train.evaluation.settings import ScoreSettings, TimingSettings

MODELS, REPORT, TIMINGS, TEXT = "models", "benchmark.json", "timings.json", "benchmark.md"


def benchmark(
    names: Sequence[str],
    dataset: Path,
    out: Path,
    settings: ScoreSettings,
    timing: TimingSettings,
    progress: Progress,
    opinions: StudyOpinions | None = None,
) -> Benchmark:
    """Render, score and time several models; write tables, JSON and a page.

    A model that cannot render any pair, such as one that needs depth on a data set without depth, is left out
    and listed in the result.

    Args:
        names: Models of :data:`ebb_train.baselines.registry.BUILDERS` or weights files; the first is the
            base of the differences.
        dataset: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        out: Output folder.
        settings: Settings of the scores.
        timing: Settings of the measurement of latency and memory.
        progress: Progress over the pairs.
        opinions: Scores of a study on the same pictures, to compare the metrics with.

    Raises:
        UsageError: a model or protocol is unknown, a model occurs twice, ``out`` contains pictures of
            other models, or the study compares none of the models.
        InvalidInput: the data set or a weights file is invalid.
        CannotRender: none of the models can render a pair.
        MissingDependency: a package that a network requires is not installed.
        OutputError: a file cannot be written.
    """
    labels = label_models(names)
    if opinions is not None:
        check_models(opinions, labels)
    published = read_published()
    source, train = open_scored(dataset, out / REPORT, settings), train_of(dataset)
    first = source.read(0)
    models = [build_model(name, train, settings.device, progress) for name in names]
    entries: list[BenchmarkEntry] = []
    left_out: list[LeftOut] = []
    for model, label in zip(models, labels, strict=True):
        try:
            rows = predict_and_score(model, source, out / MODELS / label / PREDICTIONS, settings, progress)
        except CannotRender as error:
            if len(left_out) == len(models) - 1:
                raise
            reason = str(
                CannotRender(error.message, hint=error.hint)
            )  # without a path, so that equal runs give equal bytes
            left_out.append(LeftOut(label, reason, is_failure=not isinstance(error, DepthMissing)))
            continue
        entry = _entry(label, model, rows, entries, first, settings)
        _write_model(entry, source, out / MODELS / label, settings)
        entries.append(_timed(entry, model, first, timing, progress))
    found = Benchmark(
        split=settings.split,
        data=source.fingerprint(),
        num_pairs=len(source),
        photo=photo_size(source),
        groups=group_metadata(settings),
        entries=entries,
        published=published,
        left_out=left_out,
        people=_people(entries, opinions),
    )
    _write(found, source, out, settings.cases)
    return found


def label_models(names: Sequence[str]) -> list[str]:
    """Names of the models in tables and folders; weights are named after their file or run folder.

    If two names are equal, the name of the parent folder is added.

    Raises:
        UsageError: there is no model, or a model occurs twice.
    """
    if not names:
        raise UsageError("no models to compare", hint="--models identity,gaussian,layered")
    counts = Counter(_stem(name) for name in names if _is_network(name)) + Counter(list(BUILDERS))
    labels = [_label(name, is_unique=counts[_stem(name)] == 1) for name in names]
    if twice := [label for label, count in Counter(labels).items() if count > 1]:
        raise UsageError(f"two models are called {twice[0]}", hint="name each once, or rename a weights file")
    return labels


def _label(name: str, *, is_unique: bool) -> str:
    if not _is_network(name):
        method, _, masks = name.partition(":")
        return f"{method}-{Path(masks).stem}" if masks else method
    return _stem(name) if is_unique else f"{Path(name).absolute().parent.name}-{_stem(name)}"


def _is_network(name: str) -> bool:
    return name not in BUILDERS and is_weights_path(name)


def _stem(name: str) -> str:
    path = Path(name).absolute()
    return path.stem if path.suffix == SUFFIX else path.name


def machine() -> dict[str, Any]:
    """Properties of the machine that timings depend on."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def _entry(
    label: str,
    model: Model,
    rows: list[Row],
    before: Sequence[BenchmarkEntry],
    first: Photos,
    settings: ScoreSettings,
) -> BenchmarkEntry:
    columns = columns_of(settings)
    return BenchmarkEntry(
        name=label,
        model=model.metadata(),
        cost=model.cost(size_of(first)),
        rows=rows,
        summary=summarise(rows, columns),
        difference=compare(rows, before[0].rows, columns) if before else {},
    )


def _people(entries: Sequence[BenchmarkEntry], opinions: StudyOpinions | None) -> PeopleComparison | None:
    if opinions is None:
        return None
    return compare_with_people([ScoredModel(one.name, one.rows, one.summary) for one in entries], opinions)


def _timed(
    entry: BenchmarkEntry, model: Model, photos: Photos, settings: TimingSettings, progress: Progress
) -> BenchmarkEntry:
    """The entry with timings; a model that cannot be timed keeps its scores."""
    if not settings.repeats:
        return entry
    with watched(progress, f"time {entry.name}", 1):
        try:
            entry = replace(entry, timing=time_model(model, photos, settings))
        except (EbbError, MemoryError) as error:
            entry = replace(entry, untimed=str(error) or Reason.OUT_OF_MEMORY)
            progress.advance(entry.name, Status.ERROR, Reason.WORKER_CRASH, entry.untimed)
        else:
            progress.advance(entry.name, Status.OK, None, "")
    return entry


def photo_size(source: Source) -> Size:
    """Size of the photos of the first pair."""
    return size_of(source.read(0))


def size_of(photos: Photos) -> Size:
    """Size of the photos of a pair."""
    height, width = photos.wide.shape[:2]
    return Size(width, height)


def _write_model(entry: BenchmarkEntry, source: Source, folder: Path, settings: ScoreSettings) -> None:
    """Write the scores and the page of one model, like ``evaluate``."""
    write_tables(entry.rows, folder)
    found = Evaluation(
        name=entry.name,
        model=entry.model,
        split=settings.split,
        groups=group_metadata(settings),
        data=source.fingerprint(),
        rows=entry.rows,
        summary=entry.summary,
    )
    back = [("all models", f"../../{PAGE}")]
    write_atomic(folder / PAGE, evaluate_page(found, source, settings.cases, folder, back).encode())


def _write(found: Benchmark, source: Source, out: Path, num_cases: int) -> None:
    write_json(out / REPORT, found.as_dict())
    timings = {entry.name: asdict(entry.timing) for entry in found.entries if entry.timing}
    if timings:
        write_json(out / TIMINGS, {"machine": machine(), "photo": list(found.photo), "models": timings})
    tables = benchmark_tables(found)
    write_atomic(out / TEXT, benchmark_markdown(found, tables).encode())
    heading = f"Benchmark: {found.split} split"
    models = [(entry.name, quote(f"{MODELS}/{entry.name}/{PAGE}")) for entry in found.entries]
    files = [*models, *file_links(out, (REPORT, TEXT, TIMINGS))]
    page = benchmark_page(found, tables, source, num_cases, heading, out, files)
    write_atomic(out / PAGE, page.encode())
