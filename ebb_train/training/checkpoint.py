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
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - only imported by training

from ebb.documents import parse_json
from ebb.errors import InvalidInput
from ebb.files import cannot_write, read_regular, sha256_bytes, sha256_file, write_atomic
from ebb.pytorch import load_file
from ebb.settings import canonical_json
from ebb_train.models.pynet import PyNetConfig
from ebb_train.networks.files import read_network, save_any
from ebb_train.settings import level_key, title
from ebb_train.training.run_folder import stage_of, where

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ebb_train.models.network import PyNet
    from ebb_train.models.weights import Tensors
    from ebb_train.networks.files import Config
    from ebb_train.networks.photo_network import PhotoNetwork

FOLDER = "checkpoints"
WEIGHTS, TRAINING, METADATA = "weights.safetensors", "training.pt", "checkpoint.json"

CHECKSUM = "content_sha256"
"""Key of the SHA-256 over the rest of ``checkpoint.json``."""

KEEP = 2
"""How many are kept: if the newest is damaged, the run resumes from the one before."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Position of a run."""

    stage: str
    """Key of the stage, such as ``level-7``."""
    step: int
    """Steps of this stage that are done."""
    total: int
    """Steps of all stages that are done."""

    @property
    def title(self) -> str:
        """Name of the stage in messages."""
        return title(self.stage)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was read."""

    path: Path
    position: Position
    config: Config
    tensors: Tensors
    training: dict[str, Any]
    """As it was given to :func:`save_checkpoint`."""


def save_checkpoint(
    run: Path,
    network: PyNet | PhotoNetwork,
    training: Mapping[str, Any],
    position: Position,
    identity: Mapping[str, Any],
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
    source = f"ebb-train fit: {position.title}, step {position.step}"
    buffer = io.BytesIO()
    torch.save(dict(training), buffer)
    _remove(path)  # a broken one whose steps were done again
    hashes = {
        WEIGHTS: save_any(path / WEIGHTS, network, source=source),
        TRAINING: write_atomic(path / TRAINING, buffer.getvalue()),
    }
    metadata = {
        "position": where(position.stage, position.step, position.total),
        "sha256": hashes,
        "run": identity,
    }
    content = canonical_json(metadata | {CHECKSUM: _checksum(metadata)})
    write_atomic(path / METADATA, f"{content}\n".encode())
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
    position, found = _read_metadata(path)
    if canonical_json(found) != canonical_json(identity):
        raise InvalidInput("of a run with other settings", path=path / METADATA)
    training = load_file(path / TRAINING)
    if not isinstance(training, dict):
        raise InvalidInput("not the state of a training", path=path / TRAINING)
    tensors, config = read_network(path / WEIGHTS)
    if isinstance(config, PyNetConfig) and level_key(config.level) != position.stage:
        message = f"says {position.title}, {WEIGHTS} is a network of level {config.level}"
        raise InvalidInput(message, path=path / METADATA)
    return Checkpoint(path=path, position=position, config=config, tensors=tensors, training=training)


def _read_metadata(path: Path) -> tuple[Position, object]:
    """Position and identity of the run, once all hashes have been verified."""
    try:
        metadata = parse_json(read_regular(path / METADATA), path / METADATA)
        checksum = metadata.pop(CHECKSUM)
        if checksum != _checksum(metadata):
            raise InvalidInput("damaged: its SHA-256 is not the recorded one", path=path / METADATA)
        position, hashes, found = _position(metadata["position"]), metadata["sha256"], metadata["run"]
        for name in (WEIGHTS, TRAINING):
            if sha256_file(path / name) != hashes[name]:
                raise InvalidInput("its SHA-256 is not the recorded one", path=path / name)
    except OSError as error:
        raise InvalidInput(f"not finished: {error.strerror}", path=error.filename or path) from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(f"not the metadata of a checkpoint: {error}", path=path / METADATA) from error
    if position.total != int(path.name):
        message = f"says step {position.total}, its folder is called {path.name}"
        raise InvalidInput(message, path=path / METADATA)
    return position, found


def _position(values: dict[str, Any]) -> Position:
    """A result of :func:`~ebb_train.training.run_folder.where`.

    Raises:
        ValueError: it is none.
    """
    position = Position(stage=stage_of(values), step=values["step"], total=values["total"])
    if where(position.stage, position.step, position.total) != values:
        raise ValueError(f"position {values}")
    return position


def _checksum(metadata: Mapping[str, Any]) -> str:
    return sha256_bytes(canonical_json(metadata).encode())


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
