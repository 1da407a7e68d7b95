"""The verb ``ebb-train fit-strength``."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import Annotated

from ebb.command import Output, flags
from ebb.errors import ExitCode
from ebb.weights_verbs import Printed  # noqa: TC001 - as well
from ebb_train import next_steps, optional
from ebb_train.training.strength_settings import StrengthSettings


def fit_strength(
    dataset: Path,
    /,
    *,
    checkpoint: Path,
    out: Path,
    settings: Annotated[StrengthSettings, flags("Training")] = StrengthSettings(),
    output: Printed = Output(),
) -> ExitCode:
    """Give a trained PyNET an adjustable aperture; the same command resumes a stopped run.

    The network itself is not changed. It is told the strength of the blur, N0 / N, by a further input plane
    and by FiLM; the result is rendered with --aperture.

    Example: ebb-train fit-strength series --checkpoint runs/mine --out runs/strength

    Args:
        dataset: A dataset folder of ebb run --series, or its folder of shards: pairs of several f-numbers.
        checkpoint: Weights file of PyNET, or a run folder of ebb-train fit (its best weights).
        out: Run folder: strength.safetensors, the state of the training, log.
    """
    optional.torch()
    from ebb_train.data.apertures import open_apertures
    from ebb_train.models.network import load_pynet
    from ebb_train.models.weights_path import weights_path
    from ebb_train.training.strength import fit_strength as run_training

    console = output.console()
    source = open_apertures(dataset)
    weights = run_training(source, load_pynet(weights_path(checkpoint)), out, settings, console.note)
    numbers = sorted(set(source.f_numbers))
    after = f"ebb-train render PHOTO --checkpoint {next_steps.quoted(weights)} --aperture 2.8,8"
    result = {"weights": weights, "steps": settings.steps, "f_numbers": numbers}
    text = f"{settings.steps:,} steps on {len(source)} pairs of {', '.join(f'f/{n:g}' for n in numbers)}"
    console.result(result, f"{text}\nweights: {weights}", next_step=after)
    return ExitCode.DONE
