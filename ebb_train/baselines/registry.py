"""Models by name; networks by the path of a weights file or run folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import UsageError
from ebb.progress import SilentProgress
from ebb_train.baselines import gain, gaussian, identity, layered, lens, pixel_style, portrait, trained
from ebb_train.models.weights_path import SUFFIX, is_weights_path
from ebb_train.subject.source import open_masks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ebb.progress import Progress
    from ebb_train.baselines.model import Model, ModelBuilder, TrainPairs
    from ebb_train.subject.source import MaskSource

BUILDERS: Mapping[str, ModelBuilder] = {
    "identity": identity.build,
    "gain": gain.build,
    "gaussian": gaussian.build,
    "layered": layered.build,
    "lens": lens.build,
    "portrait": portrait.build,
    "pixel-style": pixel_style.build,
}
"""Add a model: write its file, then a line here."""

MASKED: Mapping[str, Callable[[MaskSource], ModelBuilder]] = {
    "portrait": portrait.with_masks,
    "pixel-style": pixel_style.with_masks,
}
"""Models that masks may be chosen for, as in ``portrait:grabcut``."""


def build_model(
    name: str, train: TrainPairs, device: str = "auto", progress: Progress | None = None
) -> Model:
    """Make a model.

    Args:
        name: A name of :data:`BUILDERS`, one of :data:`MASKED` with masks behind a colon
            (:data:`ebb_train.subject.source.CHOICES`), or the path of a weights file or of a run folder.
        train: Gives train pairs to those that calibrate themselves.
        device: Where networks run: cpu, cuda, or auto.
        progress: Shows the calibration.

    Raises:
        UsageError: no such model, or no such masks.
        InvalidInput: a weights file or a train pair is damaged.
        MissingDependency: a network is named, and what it needs is not installed.
    """
    if name in BUILDERS:
        return BUILDERS[name](train, progress or SilentProgress())
    method, _, masks = name.partition(":")
    if masks and method in MASKED:
        return MASKED[method](open_masks(masks))(train, progress or SilentProgress())
    if is_weights_path(name):
        return trained.load(Path(name), device)
    if masks and method in BUILDERS:
        raise UsageError(f"{method} takes no masks", hint=f"those that do: {', '.join(MASKED)}")
    known = f"one of: {', '.join(BUILDERS)}, or the path of a {SUFFIX} file or a run folder"
    raise UsageError(f"no model is called {name!r}", hint=known)
