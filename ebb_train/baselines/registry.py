"""Models by name; networks by the path of a weights file or run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import UsageError
from ebb.progress import SilentProgress
from ebb_train.baselines import gain, gaussian, identity, layered, lens, pynet
from ebb_train.models.weights_path import SUFFIX, is_weights_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.progress import Progress
    from ebb_train.baselines.model import Model, ModelBuilder, TrainPairs

BUILDERS: Mapping[str, ModelBuilder] = {
    "identity": identity.build,
    "gain": gain.build,
    "gaussian": gaussian.build,
    "layered": layered.build,
    "lens": lens.build,
}
"""Add a model: write its file, then a line here."""


def build_model(
    name: str, train: TrainPairs, device: str = "auto", progress: Progress | None = None
) -> Model:
    """Make a model.

    Args:
        name: A name of :data:`BUILDERS`, or the path of a PyNET weights file or of a run folder.
        train: Gives train pairs to those that calibrate themselves.
        device: Where networks run: cpu, cuda, or auto.
        progress: Shows the calibration.

    Raises:
        UsageError: no such model.
        InvalidInput: a weights file or a train pair is damaged.
        MissingDependency: a network is named, and what it needs is not installed.
    """
    if name in BUILDERS:
        return BUILDERS[name](train, progress or SilentProgress())
    if is_weights_path(name):
        return pynet.load(Path(name), device)
    known = f"one of: {', '.join(BUILDERS)}, or the path of a {SUFFIX} file or a run folder"
    raise UsageError(f"no model is called {name!r}", hint=known)
