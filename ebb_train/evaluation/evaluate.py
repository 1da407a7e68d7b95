"""Evaluation of a model on a split; pictures are rendered once and can be scored repeatedly.

::

    <out>/
      predictions/          a PNG per pair, and predictions.json, which identifies model and data
      scores.parquet        a row per pair; scores.csv has the same content
      report.json           means with intervals, protocols, reasons for missing scores
      index.html            tables, worst and best pairs, all pairs
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput, Reason
from ebb.files import check_writable, write_atomic
from ebb_train.baselines.calibration import train_pairs
from ebb_train.baselines.registry import build_model
from ebb_train.data.sources import SplitIsEmpty, open_source
from ebb_train.evaluation.artefact_scores import ARTEFACT_COLUMNS, ARTEFACT_METADATA, ARTEFACTS
from ebb_train.evaluation.evaluate_page import evaluate_page
from ebb_train.evaluation.predictions import PictureFolder, file_stem, predict
from ebb_train.evaluation.results import Evaluation
from ebb_train.evaluation.scores import REGIONS, Row, Scoring, score_all, usable_lpips
from ebb_train.evaluation.summary import summarise
from ebb_train.evaluation.tables import write_json, write_tables
from ebb_train.metrics.protocols import find_protocol
from ebb_train.metrics.regions import BOUNDARY_SHARE, COLUMNS, FOCUS_COC_PX

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ebb.progress import Progress
    from ebb_train.baselines.model import Model, TrainPairs
    from ebb_train.data.sources import Photos, Source
    from ebb_train.evaluation.settings import ScoreSettings

PREDICTIONS, REPORT, PAGE = "predictions", "report.json", "index.html"

REGION_METADATA = {
    "regions": "from the pair: by how much the shallow photo is blurrier than the wide photo",
    "in focus": f"blur discs up to {FOCUS_COC_PX} px",
    "boundary": f"{BOUNDARY_SHARE:.2%} of the height to either side of the border between the two",
    "scores": "as in the protocol ebb, over the pixels of a region",
    "edge halo": "share of the other side's colour that shows at the boundary beyond that of the target",
    "blur ratio": "mean blur out of focus over that of the target",
    "blur error": "mean difference of the diameters of blur discs there",
}


def evaluate(
    name: str,
    dataset: Path,
    out: Path,
    settings: ScoreSettings,
    *,
    predictions: Path | None = None,
    progress: Progress,
) -> Evaluation:
    """Render a split with a model, or take pictures made elsewhere; score them; write tables and a page.

    Args:
        name: A model of :data:`ebb_train.baselines.registry.BUILDERS`, a weights file, a run folder, or, with
            ``predictions``, any name.
        dataset: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        out: Output folder.
        settings: Settings of the scores.
        predictions: Folder of pictures to score instead of rendering.
        progress: Progress over the pairs.

    Raises:
        UsageError: the model or a protocol is unknown, or ``out`` contains pictures of another model.
        InvalidInput: the data set, a weights file or the folder of pictures is invalid.
        MissingDependency: a package that the network requires is not installed.
        OutputError: a file cannot be written.
    """
    source = open_scored(dataset, out / REPORT, settings)
    if predictions is None:
        model = build_model(name, train_of(dataset), settings.device, progress)
        name, metadata = model.name, model.metadata()
        rows = predict_and_score(model, source, out / PREDICTIONS, settings, progress)
    else:
        metadata = {"model": name, "predictions": predictions.name}
        rows = score_folder(PictureFolder(predictions), source, settings, progress)
        if all(row.reason is Reason.NO_PREDICTION for row in rows):
            hint = f"name them after their pairs, the first {file_stem(rows[0].pair_id)}.png"
            message = f"none of its pictures belongs to the {settings.split} split"
            raise InvalidInput(message, path=predictions, hint=hint)
        _refuse_shared(rows, predictions)
    found = Evaluation(
        name=name,
        model=metadata,
        split=settings.split,
        groups=group_metadata(settings),
        data=source.fingerprint(),
        rows=rows,
        summary=summarise(rows, columns_of(settings)),
    )
    write_tables(rows, out)
    write_json(out / REPORT, found.as_dict())
    write_atomic(out / PAGE, evaluate_page(found, source, settings.cases, out).encode())
    return found


def _refuse_shared(rows: Sequence[Row], predictions: Path) -> None:
    """Refuse pictures that are named after the wide photo of a series, which has several pairs.

    Raises:
        InvalidInput: a picture is that of several pairs.
    """
    pictures: dict[Path, Row] = {}
    for row in rows:
        if row.picture is None:
            continue
        other = pictures.setdefault(row.picture, row)
        if other is not row:
            message = f"{row.picture.name} is named after a photo of several pairs"
            names = f"{file_stem(other.pair_id)}.png, {file_stem(row.pair_id)}.png"
            raise InvalidInput(message, path=predictions, hint=f"name pictures after their pairs: {names}")


def open_scored(dataset: Path, report: Path, settings: ScoreSettings) -> Source:
    """Open a split, after a check of the protocols and the output.

    Raises:
        UsageError: a protocol is unknown.
        InvalidInput: the data set is invalid.
        OutputError: the report cannot be written.
    """
    for protocol in settings.protocol:
        find_protocol(protocol)
    check_writable(report)
    return open_source(dataset, settings.split)


def predict_and_score(
    model: Model, source: Source, folder: Path, settings: ScoreSettings, progress: Progress
) -> list[Row]:
    """Render the missing pictures, and score all of them.

    Raises:
        InvalidInput: no pair could be rendered.
    """
    failures = predict([(model, folder)], source, progress)
    return score_folder(PictureFolder(folder), source, settings, progress, failures)


def score_folder(
    pictures: PictureFolder,
    source: Source,
    settings: ScoreSettings,
    progress: Progress,
    failures: dict[int, str] | None = None,
) -> list[Row]:
    """Score a folder of pictures."""
    scoring = Scoring(
        source=source,
        pictures=pictures,
        protocols=settings.protocol,
        regions=not settings.skip_regions,
        artefacts=not settings.skip_artefacts,
        lpips=settings.lpips,
        failures=failures or {},
    )
    return score_all(scoring, settings.workers, progress)


def group_metadata(settings: ScoreSettings) -> dict[str, dict[str, str]]:
    """Descriptions of the protocols, of the weights of LPIPS, of the regions, and of the artefacts."""
    metadata = {
        name: find_protocol(name).metadata(lpips=usable_lpips(settings.lpips)) for name in settings.protocol
    }
    if not settings.skip_regions:
        metadata[REGIONS] = REGION_METADATA
    if not settings.skip_artefacts:
        metadata[ARTEFACTS] = ARTEFACT_METADATA
    return metadata


def columns_of(settings: ScoreSettings) -> list[str]:
    """Names ``group.metric`` of all scores; scores of different protocols never share a column."""
    protocols = [f"{name}.{metric}" for name in settings.protocol for metric in find_protocol(name).metrics]
    regions = [] if settings.skip_regions else [f"{REGIONS}.{name}" for name in COLUMNS]
    artefacts = [] if settings.skip_artefacts else [f"{ARTEFACTS}.{name}" for name in ARTEFACT_COLUMNS]
    return protocols + regions + artefacts


def train_of(dataset: Path) -> TrainPairs:
    """Train pairs of a data set, read on first use; empty if it has no train split."""

    @cache
    def pairs() -> list[Photos]:
        try:
            source = open_source(dataset, "train")
        except SplitIsEmpty:
            return []
        return train_pairs(source)

    return pairs
