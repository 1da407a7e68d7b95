"""Paths of the weights of a trained network: a file, or the files in the run folder of ``ebb-train fit``."""

from __future__ import annotations

from pathlib import Path

from ebb.errors import InvalidInput

SUFFIX = ".safetensors"
EXPECTED = "name a weights file, or a run folder of ebb-train fit"


def level_weights(run: Path, level: int) -> Path:
    """The network at the end of a level, in a run folder."""
    return run / f"level-{level}{SUFFIX}"


def best_weights(run: Path, level: int) -> Path:
    """The network with the best validation score of a level, in a run folder."""
    return run / f"level-{level}-best{SUFFIX}"


def run_weights(run: Path) -> Path:
    """The weights that a run folder stands for.

    They are the weights with the best validation score of the last level that the run has reached, or, if
    that level was not validated, the weights at its end.

    Raises:
        InvalidInput: the folder has no weights.
    """
    if found := weights_files(run):
        return found[0]
    raise InvalidInput("no level-N.safetensors in this folder", path=run, hint=EXPECTED)


def weights_files(run: Path) -> list[Path]:
    """All weights of a run folder: the last level first, and the best of a level before those at its end."""
    paths = (path for level in range(1, 8) for path in (best_weights(run, level), level_weights(run, level)))
    return [path for path in paths if path.exists()]


def weights_path(path: Path) -> Path:
    """The weights file that a path stands for: the file itself, or the best weights of a run folder.

    Raises:
        InvalidInput: there is no such file, or the folder has no weights.
    """
    if path.is_dir():
        return run_weights(path)
    if not path.exists():
        raise InvalidInput("no such weights file", path=path, hint=EXPECTED)
    return path


def is_weights_path(name: str) -> bool:
    """Whether a name is that of a weights file or folder, not of a model."""
    return name.endswith(SUFFIX) or Path(name).is_dir()
