"""Ablation: the contribution of levels (figure 8) and depth (figure 6) to a trained network.

::

    <out>/
      variants/<name>/      pictures and scores of each variant
      strips/<pair_id>.png  the wide photo, every variant, the shallow photo, side by side
      ablate.json           means, and differences from the whole network
      index.html            tables and pictures
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebb.errors import InvalidInput
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb.pages.page import file_links
from ebb_train.baselines import pynet
from ebb_train.baselines.model import Model
from ebb_train.evaluation.benchmark import photo_size
from ebb_train.evaluation.benchmark_page import benchmark_page, benchmark_tables, pictures_of
from ebb_train.evaluation.evaluate import (
    PAGE,
    PREDICTIONS,
    columns_of,
    group_metadata,
    open_scored,
    score_folder,
)
from ebb_train.evaluation.predictions import DepthMissing, PictureFolder, file_stem, predict
from ebb_train.evaluation.results import Benchmark, BenchmarkEntry
from ebb_train.evaluation.summary import compare, summarise
from ebb_train.evaluation.tables import write_json, write_tables
from ebb_train.strips import strip

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.arrays import Gray8, Rgb8, Size
    from ebb.progress import Progress
    from ebb_train.baselines.model import Cost
    from ebb_train.baselines.pynet import PyNetModel
    from ebb_train.data.sources import Source
    from ebb_train.evaluation.settings import ScoreSettings
    from ebb_train.pixels import Floats

VARIANTS, STRIPS, REPORT = "variants", "strips", "ablate.json"

MAX_LINKS = 24
"""Largest number of strips that the page links to."""

CUTS = ((), (7,), (7, 6), (7, 6, 5), (7, 6, 5, 4))
"""Levels to leave out, as in figure 8; the first variant is the whole network."""


class Variant(Model):
    """A network with one change.

    Args:
        whole: The unchanged network.
        name: Name of the variant.
        change: Description of the change, for reports.
        run: The network that renders: that of ``whole`` or a silenced one.
        blank_depth: Use a depth map of zeros.
    """

    def __init__(
        self, whole: PyNetModel, name: str, change: str, run: PyNetModel, *, blank_depth: bool = False
    ) -> None:
        self.name, self.needs_depth = name, whole.needs_depth
        self._whole, self._change, self._run, self._blank_depth = whole, change, run, blank_depth

    def render(self, wide: Rgb8, depth: Gray8 | None) -> Floats:
        """Run the changed network."""
        return self._run.render(
            wide, np.zeros_like(depth) if self._blank_depth and depth is not None else depth
        )

    def metadata(self) -> dict[str, Any]:
        """Metadata of the whole network, and the change."""
        return self._whole.metadata() | {"change": self._change}

    def cost(self, size: Size) -> Cost:
        """Cost of the whole network."""
        return self._whole.cost(size)


def ablate(
    checkpoint: Path,
    dataset: Path,
    out: Path,
    settings: ScoreSettings,
    *,
    without_depth: Path | None = None,
    progress: Progress,
) -> Benchmark:
    """Render a split with every variant of a network; score them; write strips, JSON and a page.

    Args:
        checkpoint: The network's weights file, or the run folder of ``ebb-train fit``.
        dataset: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        out: Output folder.
        settings: Settings of the scores.
        without_depth: Weights of a network that was trained without depth, for figure 6; by default the
            network of ``checkpoint`` gets a depth map of zeros, if it uses depth.
        progress: Progress over the pairs.

    Raises:
        UsageError: a protocol is unknown, or ``out`` contains pictures of another network.
        InvalidInput: the data set or a weights file is invalid.
        MissingDependency: PyTorch or safetensors is not installed.
        OutputError: a file cannot be written.
    """
    source = open_scored(dataset, out / REPORT, settings)
    models = variants(checkpoint, without_depth, settings.device)
    _check_depth(models[0], source, checkpoint)
    folders = [out / VARIANTS / model.name.replace(" ", "-") for model in models]
    jobs = [(model, folder / PREDICTIONS) for model, folder in zip(models, folders, strict=True)]
    failures = predict(jobs, source, progress)
    entries: list[BenchmarkEntry] = []
    size, columns = photo_size(source), columns_of(settings)
    for model, folder in zip(models, folders, strict=True):
        rows = score_folder(PictureFolder(folder / PREDICTIONS), source, settings, progress, failures)
        write_tables(rows, folder)
        entries.append(
            BenchmarkEntry(
                name=model.name,
                model=model.metadata(),
                cost=model.cost(size),
                rows=rows,
                summary=summarise(rows, columns),
                difference=compare(rows, entries[0].rows, columns) if entries else {},
            )
        )
    found = Benchmark(
        split=settings.split,
        data=source.fingerprint(),
        num_pairs=len(source),
        photo=size,
        groups=group_metadata(settings),
        entries=entries,
    )
    _write(found, source, out, settings.cases)
    return found


def variants(checkpoint: Path, without_depth: Path | None, device: str) -> list[Model]:
    """The whole network, levels left out, and depth left out.

    Raises:
        InvalidInput: a weights file is damaged, or the network of ``without_depth`` uses depth.
        MissingDependency: PyTorch or safetensors is not installed.
    """
    whole = pynet.load(checkpoint, device)
    models: list[Model] = []
    for cut, run in zip(CUTS, pynet.silenced(whole, CUTS), strict=True):
        levels = f"{cut[0]} to {cut[-1]}" if len(cut) > 1 else "".join(map(str, cut))
        name, change = (
            (f"no level {levels}", f"levels {levels} replaced by zeros") if cut else ("whole", "none")
        )
        models.append(Variant(whole, name, change, run))
    if without_depth is not None:
        other = pynet.load(without_depth, device)
        if other.needs_depth:
            raise InvalidInput(
                "this network uses depth", path=without_depth, hint="train with --in-channels 3"
            )
        models.append(Variant(other, "trained without depth", "another network", other))
    elif whole.needs_depth:
        models.append(
            Variant(whole, "depth zeroed", "the depth map replaced by zeros", whole, blank_depth=True)
        )
    return models


def _check_depth(whole: Model, source: Source, checkpoint: Path) -> None:
    """Name the network by its file: in the tables it is called ``whole``."""
    if whole.needs_depth and not source.has_depth():
        hint = "make depth maps with: ebb depth, then ebb shard; or train with --in-channels 3"
        raise DepthMissing("this network needs depth, and no pair has any", path=checkpoint, hint=hint)


def _write(found: Benchmark, source: Source, out: Path, num_cases: int) -> None:
    write_json(out / REPORT, found.as_dict())
    for row in found.entries[0].rows:
        if row.picture is not None:
            pictures = pictures_of(found, source.read(row.index), row.index)
            write_atomic(out / STRIPS / f"{file_stem(row.pair_id)}.png", encode_png(strip(pictures)))
    tables = benchmark_tables(found)
    heading = f"Ablation: {found.split} split"
    strips = [path.relative_to(out).as_posix() for path in sorted((out / STRIPS).glob("*.png"))[:MAX_LINKS]]
    files = file_links(out, (REPORT, *strips))
    page = benchmark_page(found, tables, source, num_cases, heading, out, files)
    write_atomic(out / PAGE, page.encode())
