"""Weights files: safetensors with a note about their content, read without a deep-learning framework.

The format has no checksum, so the note contains a hash of the tensors, which is verified whenever the file is
read. The note is stored in the file, so that no second file can be lost or out of date.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ebb.documents import parse_json
from ebb.errors import InvalidInput
from ebb.files import check_regular, write_atomic
from ebb_train import optional
from ebb_train.models.pynet import PyNetConfig, tensor_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Tensors: TypeAlias = dict[str, NDArray[np.float32]]
"""Name in the state dict → values, in PyTorch's layout."""

PYNET = "pynet"
"""Name of the network in the note."""

STRENGTH_NETWORK = "pynet-strength"
"""Name of a PyNET with adjustable strength in the note."""

NOTE = "ebb_weights"
"""Key of the note in the metadata: a single key, because safetensors writes several in no fixed order."""


_PICKLES = (b"PK\x03\x04", b"\x80")
"""First bytes of files of ``torch.save`` and ``pickle``."""


@dataclass(frozen=True, kw_only=True)
class About:
    """The note in a weights file."""

    network: str
    """Name of the network: ``pynet``."""
    config: dict[str, Any] = field(default_factory=dict)
    """Configuration of the network."""
    source: str = ""
    """Origin of the weights."""
    licence: str = ""
    """Terms of use; empty if unknown."""


def save_weights(path: Path, tensors: Tensors, about: About) -> str:
    """Write a weights file atomically; equal input gives equal bytes.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
        MissingDependency: safetensors is not installed.
    """
    note = asdict(about) | {"sha256": tensors_sha256(tensors)}
    metadata = {NOTE: json.dumps(note, sort_keys=True, ensure_ascii=False)}
    contiguous = {name: np.ascontiguousarray(values, np.float32) for name, values in tensors.items()}
    return write_atomic(path, optional.safetensors().numpy.save(contiguous, metadata))


def read_weights(path: Path) -> tuple[Tensors, About]:
    """Read a weights file and check every byte of it.

    Raises:
        InvalidInput: the file does not exist, is not a weights file of this project, or is damaged.
        MissingDependency: safetensors is not installed.
    """
    safetensors = optional.safetensors()
    if path.is_dir():
        hint = "name a file, such as level-1.safetensors in the run folder of ebb-train fit"
        raise InvalidInput("a folder, not a weights file", path=path, hint=hint)
    try:
        check_regular(path)
        with safetensors.safe_open(path, framework="numpy") as file:
            note = parse_json((file.metadata() or {})[NOTE], path)
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:  # safetensors repeats the path in its message
        raise InvalidInput("no such weights file", path=path) from error
    except OSError as error:
        raise InvalidInput(f"cannot read the weights: {error.strerror or error}", path=path) from error
    except (safetensors.SafetensorError, ValueError) as error:
        _refuse_pickle(path)
        raise InvalidInput(f"not a safetensors file, or a broken one: {error}", path=path) from error
    except (KeyError, TypeError) as error:
        hint = "ebb-train convert makes one from the authors' checkpoint"
        raise InvalidInput("safetensors, but not weights of this project", path=path, hint=hint) from error
    _check_values(tensors, path)
    about, digest = _about(note, path)
    if digest != tensors_sha256(tensors):
        hint = "copy or download it again"
        raise InvalidInput(
            "the weights are damaged: their hash is not the recorded one", path=path, hint=hint
        )
    return tensors, about


def network_in(path: Path) -> str:
    """Name of the network in the note of a weights file; empty if it cannot be read. No more is checked."""
    safetensors = optional.safetensors()
    try:
        check_regular(path)
        with safetensors.safe_open(path, framework="numpy") as file:
            note = parse_json((file.metadata() or {})[NOTE], path)
    except (OSError, safetensors.SafetensorError, ValueError, LookupError, TypeError, InvalidInput):
        return ""
    return str(note.get("network", "")) if isinstance(note, dict) else ""


def _check_values(tensors: Tensors, path: Path) -> None:
    for name, values in tensors.items():
        if values.dtype != np.float32:
            raise InvalidInput(f"weights {name}: {values.dtype} in the file, float32 expected", path=path)
        if not np.isfinite(values).all():
            raise InvalidInput(f"weights {name}: not all values are finite", path=path)


def _refuse_pickle(path: Path) -> None:
    """Refuse files of ``torch.save`` by their first bytes: opening one can run arbitrary code."""
    with path.open("rb") as file:
        if file.read(4).startswith(_PICKLES):
            hint = "expected: safetensors, as written by ebb-train fit and ebb-train convert"
            raise InvalidInput("a pickle, which could run code: not opened", path=path, hint=hint)


def read_pynet(path: Path, config: PyNetConfig | None = None) -> tuple[Tensors, PyNetConfig]:
    """Read the weights of a PyNET and check that they are complete.

    Args:
        path: The safetensors file.
        config: Required configuration; None accepts any.

    Raises:
        InvalidInput: as for :func:`read_weights`, or the weights belong to another network or config.
        MissingDependency: safetensors is not installed.
    """
    tensors, about = read_weights(path)
    return tensors, pynet_config(tensors, about, path, config)


def pynet_config(
    tensors: Tensors, about: About, path: Path, wanted: PyNetConfig | None = None
) -> PyNetConfig:
    """Configuration of the network in a weights file, after a check of its tensors.

    Args:
        tensors: Result of :func:`read_weights`.
        about: Result of :func:`read_weights`.
        path: The file, for messages.
        wanted: Required configuration; None accepts any.

    Raises:
        InvalidInput: the weights belong to another network or config.
    """
    if about.network != PYNET:
        raise InvalidInput(f"weights of the network {about.network!r}, not of {PYNET!r}", path=path)
    found = PyNetConfig.from_dict(about.config, path)
    if wanted is not None:
        found.require(wanted, path)
    check_shapes({name: values.shape for name, values in tensors.items()}, tensor_shapes(found), path)
    return found


def check_shapes(
    found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]], path: Path | None = None
) -> None:
    """Check that no tensor is missing, unknown or of another shape.

    Raises:
        InvalidInput: a tensor is; the message names the first.
    """
    for name in [*wanted, *sorted(set(found) - set(wanted))]:
        if found.get(name) != wanted.get(name):
            has, needs = found.get(name, "missing"), wanted.get(name, "no such tensor")
            raise InvalidInput(f"weights {name}: {has} in the file, {needs} in the network", path=path)


def tensors_sha256(tensors: Tensors) -> str:
    """SHA-256 over names, shapes and float32 values, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        values = np.ascontiguousarray(tensors[name], "<f4")
        digest.update(f"{name} {values.shape}\n".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _about(note: object, path: Path) -> tuple[About, object]:
    known = {item.name for item in fields(About)} | {"sha256"}
    if not isinstance(note, dict) or set(note) != known or not isinstance(note["config"], dict):
        raise InvalidInput("the note in the weights file is unknown to this version", path=path)
    digest = note.pop("sha256")
    return About(**note), digest
