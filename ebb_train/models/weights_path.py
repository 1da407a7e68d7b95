"""Paths of the weights of a trained network: a file, or the files in the run folder of ``ebb-train fit``."""

from __future__ import annotations

import re
from pathlib import Path

from ebb.errors import InvalidInput

SUFFIX = ".safetensors"
EXPECTED = "name a weights file, or a run folder of ebb-train fit"


_NAME = re.compile(r"(level|stage)-(\d+)(-best)?")


def stage_weights(run: Path, key: str) -> Path:
    """The network at the end of a stage, such as ``level-7`` of PyNET, in a run folder."""
    return run / f"{key}{SUFFIX}"


def best_weights(run: Path, key: str) -> Path:
    """The network with the best validation score of a stage, in a run folder."""
    return run / f"{key}-best{SUFFIX}"


def run_weights(run: Path) -> Path:
    """The weights that a run folder stands for.

    They are the weights with the best validation score of the last stage that the run has reached, or, if
    that stage was not validated, the weights at its end.

    Raises:
        InvalidInput: the folder has no weights.
    """
    if found := weights_files(run):
        return found[0]
    message = "no level-N.safetensors or stage-N.safetensors in this folder"
    raise InvalidInput(message, path=run, hint=EXPECTED)


def weights_files(run: Path) -> list[Path]:
    """All weights of a run folder: the last stage first, and the best of a stage before those at its end.

    PyNET's levels are counted down to 1, the stages of other networks up from 1.
    """
    found = [(path, _NAME.fullmatch(path.stem)) for path in run.glob(f"*{SUFFIX}")]
    return [path for path, match in sorted(found, key=_order) if match]


def _order(found: tuple[Path, re.Match[str] | None]) -> tuple[int, bool]:
    match = found[1]
    if match is None:
        return 0, False
    number = int(match[2])
    return (number if match[1] == "level" else -number), match[3] is None


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
