"""Training, evaluation and benchmarks."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.api.processes import main_not_imported
from ebb.api.progress import CallbackProgress
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.models.pynet import PAPER, PyNetConfig
from ebb_train.networks.registry import PYNET
from ebb_train.settings import ComputeSettings, FitSettings, MonitorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from ebb.api.progress import ProgressFunction
    from ebb_train.evaluation.results import Benchmark, Evaluation
    from ebb_train.networks.spec import NetworkConfig
    from ebb_train.training.training import FitReport


def fit(
    dataset: str | PathLike[str],
    out: str | PathLike[str],
    config: PyNetConfig | NetworkConfig = PAPER,
    *,
    settings: FitSettings | None = None,
    compute: ComputeSettings | None = None,
    watch: MonitorSettings | None = None,
    progress: ProgressFunction | None = None,
    note: Callable[[str], None] | None = None,
) -> FitReport:
    """Train a network, PyNET level by level from 7 down to ``config.level``; an interrupted run is resumed.

    Ignatov et al., "Rendering Natural Camera Bokeh Effect with Deep Learning" (CVPR Workshops 2020), section
    3.2; the sources of other networks are in ``docs/networks.md``. Equivalent to ``ebb-train fit``.

    Args:
        dataset: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        out: The run folder, for checkpoints, log, pictures, report page and the weights of each stage.
        config: Architecture of the network: a PyNET, by default that of the paper, or another one by name.
        settings: Schedule, crops and precision; None here and below: the defaults.
        compute: Devices and number of processes.
        watch: Logging and validation.
        progress: Called with the name of the stage, the number of finished steps, and their total.
        note: Called with notices, one line each.

    Returns:
        ``weights``: the best of the last stage, and ``scores`` of them in validation; ``steps``,
        ``resumed_at``, ``run``.

    Raises:
        UsageError: settings contradict each other or those of the run folder.
        InvalidInput: the data set or all checkpoints are damaged.
        MissingDependency: a package, a GPU or the VGG-19 weights are missing.
        OutputError: the run folder cannot be written.
        DatasetLocked: another process is writing to the run folder.

    Examples:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> photos = np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), np.uint8)
        >>> pairs = [(*pair, np.zeros((32, 32), np.uint8)) for pair in photos]
        >>> _ = ebb.write_dataset("noise", train=pairs)
        >>> _ = Path("one.toml").write_text("level = [{level = 7, iterations = 1, batch = 1}]")
        >>> report = ebb_train.fit(
        ...     "noise",
        ...     "run",
        ...     ebb_train.PyNetConfig(level=7, width=1 / 32),
        ...     settings=ebb_train.FitSettings(schedule="one.toml"),
        ...     compute=ebb_train.ComputeSettings(device="cpu", loaders=0),
        ... )
        >>> report.steps, report.weights.name
        (1, 'level-7.safetensors')
    """
    from ebb_train.training.early_checks import check_inputs

    settings = settings or FitSettings()
    check_inputs(Path(dataset), settings, PYNET if isinstance(config, PyNetConfig) else config.model)
    from ebb_train.training.training import fit as fit_stages

    compute = compute or ComputeSettings()
    # processes of other devices run this script again
    is_alone = compute.devices * compute.nodes == 1
    with main_not_imported() if is_alone else nullcontext():
        return fit_stages(
            Path(dataset),
            Path(out),
            config,
            settings,
            compute,
            watch or MonitorSettings(),
            progress=CallbackProgress(progress),
            note=note or (lambda _: None),
        )


def evaluate(
    model: str | PathLike[str],
    dataset: str | PathLike[str],
    out: str | PathLike[str],
    *,
    settings: ScoreSettings | None = None,
    predictions: str | PathLike[str] | None = None,
    progress: ProgressFunction | None = None,
) -> Evaluation:
    """Render a split with a model and score the predictions, or score existing predictions.

    Equivalent to ``ebb-train evaluate``.

    Args:
        model: ``identity``, ``gain``, ``gaussian``, ``layered``, a weights file or a run folder. If
            ``predictions`` are given: the name of the model in the report.
        dataset: A dataset folder of ``ebb``, its folder of shards, or an EBB! folder.
        out: Folder for the predictions, tables, ``report.json`` and report page.
        settings: Split, protocols and number of processes; None: the defaults.
        predictions: Folder of predictions to score, named after the pair_id or the files of the photos.
        progress: Called with the name of the stage, the number of finished pairs, and their total.

    Returns:
        ``summary``: mean and confidence interval by ``protocol.metric``; ``rows``: scores of each pair.

    Raises:
        UsageError: the model or a protocol does not exist, or ``out`` contains predictions of another model.
        InvalidInput: the data set, a weights file or the folder of predictions is missing or invalid.
        MissingDependency: a package or weights of the network are missing.
        OutputError: a file cannot be written.

    Examples:
        >>> import numpy as np
        >>> photos = np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), np.uint8)
        >>> _ = ebb.write_dataset("noise", test=[(*pair, None) for pair in photos])
        >>> settings = ebb_train.ScoreSettings(skip_regions=True, skip_artefacts=True, workers=1)
        >>> found = ebb_train.evaluate("identity", "noise", "scores", settings=settings)
        >>> len(found.rows), 7 < found.summary["ebb.psnr"].value.mean < 9  # two pictures of noise
        (2, True)
    """
    from ebb_train.evaluation.evaluate import evaluate as evaluate_model

    with main_not_imported():
        return evaluate_model(
            str(model),
            Path(dataset),
            Path(out),
            settings or ScoreSettings(),
            predictions=None if predictions is None else Path(predictions),
            progress=CallbackProgress(progress),
        )


def benchmark(
    models: Sequence[str | PathLike[str]],
    dataset: str | PathLike[str],
    out: str | PathLike[str],
    *,
    settings: ScoreSettings | None = None,
    timing: TimingSettings | None = None,
    study: str | PathLike[str] | None = None,
    progress: ProgressFunction | None = None,
) -> Benchmark:
    """Compare models on a split: scores, paired differences to the first model, and costs.

    Equivalent to ``ebb-train benchmark``.

    Args:
        models: Names, weights files and run folders, as in :func:`evaluate`.
        dataset: As in :func:`evaluate`.
        out: Folder for predictions, scores, tables and report page.
        settings: Split, protocols and number of processes; None: the defaults.
        timing: Settings of the measurement of latency and memory; None: the defaults.
        study: A study folder of ``ebb-train study`` with opinions on pictures of the same models; each
            metric is correlated with its mean opinion scores.
        progress: As in :func:`evaluate`.

    Returns:
        ``entries``: one per model, with ``summary``, ``difference``, ``cost`` and ``timing``; ``people``: the
        study's scores of the models, and the agreement of each metric with them.

    Raises:
        UsageError: a model or protocol does not exist, a model occurs twice, ``out`` contains predictions
            of other models, or the study has none of the models.
        InvalidInput: the data set or a weights file is missing or invalid.
        MissingDependency: a package or weights of a network are missing.
        OutputError: a file cannot be written.

    Examples:
        >>> import numpy as np
        >>> photos = np.random.default_rng(0).integers(0, 256, (2, 2, 64, 64, 3), np.uint8)
        >>> _ = ebb.write_dataset("noise", test=[(*pair, None) for pair in photos])
        >>> settings = ebb_train.ScoreSettings(skip_regions=True, skip_artefacts=True, workers=1)
        >>> timing = ebb_train.TimingSettings(repeats=0)
        >>> models = ["identity", "gain"]
        >>> found = ebb_train.benchmark(models, "noise", "table", settings=settings, timing=timing)
        >>> [entry.name for entry in found.entries]
        ['identity', 'gain']
    """
    from ebb_train.evaluation.benchmark import benchmark as benchmark_models
    from ebb_train.study.study_api import read_opinions

    with main_not_imported():
        return benchmark_models(
            [str(model) for model in models],
            Path(dataset),
            Path(out),
            settings or ScoreSettings(),
            timing or TimingSettings(),
            CallbackProgress(progress),
            None if study is None else read_opinions(study),
        )
