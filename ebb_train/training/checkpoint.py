"""Checkpoints: the state from which a run resumes to the same bits, with hashes that verify it.

::

    checkpoints/00001500/
      weights.safetensors     the network
      training.pt             optimizer, random number generators, loss scaler
      checkpoint.json         position and settings of the run, SHA-256 of the two files; written last

Every file is written atomically. A folder without ``checkpoint.json`` is not finished; one whose hashes
differ is broken, and the one before it is used.
"""

from __future__ import annotations

import io
import pickle
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

from ebb.documents import parse_json
from ebb.errors import InvalidInput
from ebb.files import cannot_write, sha256_file, write_atomic
from ebb.settings import canonical_json
from ebb_train.models.network import save_pynet
from ebb_train.models.weights import Tensors, read_pynet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebb_train.models.network import PyNet
    from ebb_train.models.pynet import PyNetConfig

FOLDER = "checkpoints"
WEIGHTS, TRAINING, METADATA = "weights.safetensors", "training.pt", "checkpoint.json"

KEEP = 2
"""How many are kept: if the newest is damaged, the run resumes from the one before."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Position of a run."""

    level: int
    step: int
    """Steps of this level that are done."""
    total: int
    """Steps of all levels that are done."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was read."""

    path: Path
    position: Position
    config: PyNetConfig
    tensors: Tensors
    training: dict[str, Any]
    """As it was given to :func:`save_checkpoint`."""


def save_checkpoint(
    run: Path, network: PyNet, training: Mapping[str, Any], position: Position, identity: Mapping[str, Any]
) -> Path:
    """Write a checkpoint and remove the oldest beyond :data:`KEEP`.

    Args:
        run: The run folder.
        network: Its weights are stored.
        training: State dicts and tensors that ``torch.load(weights_only=True)`` can read.
        position: Of the run.
        identity: Settings and data-set hash of the run.

    Returns:
        The folder of the checkpoint.

    Raises:
        OutputError: it cannot be written; the ones before are kept.
    """
    path = run / FOLDER / f"{position.total:08d}"
    source = f"ebb-train fit: level {position.level}, step {position.step}"
    buffer = io.BytesIO()
    torch.save(dict(training), buffer)
    _remove(path)  # a broken one whose steps were done again
    hashes = {
        WEIGHTS: save_pynet(path / WEIGHTS, network, source=source),
        TRAINING: write_atomic(path / TRAINING, buffer.getvalue()),
    }
    metadata = {"position": asdict(position), "sha256": hashes, "run": identity}
    write_atomic(path / METADATA, (canonical_json(metadata) + "\n").encode())
    _prune(run, position.total)
    return path


def newest_checkpoint(
    run: Path, identity: Mapping[str, Any], note: Callable[[str], None]
) -> Checkpoint | None:
    """Read the newest checkpoint that is whole.

    Args:
        run: The run folder.
        identity: Settings and data-set hash of the run.
        note: Called with one line for each that is skipped.

    Returns:
        ``None`` if there is none at all.

    Raises:
        InvalidInput: there are checkpoints, but none is whole or of this run; nothing is overwritten.
    """
    found = _numbered(run)
    for path in reversed(found):
        try:
            return _read(path, identity)
        except InvalidInput as error:
            note(f"warning: skipped a broken checkpoint: {error}")
    if any((path / METADATA).exists() for path in found):
        hint = "delete the folder to start from the beginning"
        raise InvalidInput("none of the checkpoints is whole", path=run / FOLDER, hint=hint)
    return None


def _read(path: Path, identity: Mapping[str, Any]) -> Checkpoint:
    try:
        metadata = parse_json((path / METADATA).read_bytes(), path / METADATA)
        position, hashes, found = Position(**metadata["position"]), dict(metadata["sha256"]), metadata["run"]
        for name in (WEIGHTS, TRAINING):
            if sha256_file(path / name) != hashes[name]:
                raise InvalidInput("its SHA-256 is not the recorded one", path=path / name)
    except OSError as error:
        raise InvalidInput(f"not finished: {error.strerror}", path=error.filename or path) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"not what it should be: {error}", path=path / METADATA) from error
    if canonical_json(found) != canonical_json(identity):
        raise InvalidInput("of a run with other settings", path=path / METADATA)
    try:
        training = torch.load(path / TRAINING, map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise InvalidInput("not what it should be", path=path / TRAINING) from error
    tensors, config = read_pynet(path / WEIGHTS)
    return Checkpoint(path=path, position=position, config=config, tensors=tensors, training=training)


def _prune(run: Path, total: int) -> None:
    """Keep the last few up to ``total``; those with higher numbers were skipped as broken."""
    up_to_now = [path for path in _numbered(run) if int(path.name) <= total]
    for path in set(_numbered(run)) - set(up_to_now[-KEEP:]):
        _remove(path)


def _remove(path: Path) -> None:
    try:
        if path.exists():
            shutil.rmtree(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def _numbered(run: Path) -> list[Path]:
    """Folders of checkpoints, oldest first."""
    return sorted(path for path in (run / FOLDER).glob("*") if path.name.isdecimal())
