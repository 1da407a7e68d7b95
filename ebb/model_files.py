"""Files of depth networks that the user names: their paths, and one hash over all of them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ebb.errors import MissingDependency, UsageError, install_extra
from ebb.files import sha256_file
from ebb.settings import canonical_json

if TYPE_CHECKING:
    from ebb.settings import DepthSettings

HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
"""A model of the Hugging Face hub: ``owner/name``."""

_HUB_FILES = ["*.json", "*.safetensors"]
"""Files that are downloaded; pickled weights are not."""


def find_onnx(settings: DepthSettings) -> Path:
    """The ONNX file that ``--model`` names.

    Raises:
        UsageError: none is named.
        MissingDependency: it is not there.
    """
    path = Path(settings.model).expanduser()
    if not settings.model:
        raise UsageError("--provider onnx needs a model", hint="--model FILE.onnx")
    if not path.is_file():
        raise MissingDependency("no such ONNX file", path=path, hint="name one with --model")
    return path


def find_transformers(settings: DepthSettings) -> Path:
    """The folder of a transformers model that ``--model`` names, or that of a model of the hub in its cache.

    Raises:
        UsageError: none is named.
        MissingDependency: it is not there; the hint says how to get it.
    """
    path = Path(settings.model).expanduser()
    if not settings.model:
        raise UsageError("--provider transformers needs a model", hint="--model FOLDER, or owner/name")
    return path if path.is_dir() else _from_hub(settings)


def find_path(settings: DepthSettings) -> Path | None:
    """The path in ``--model``, if it is one: the model of a plug-in may also be a name."""
    path = Path(settings.model).expanduser()
    return path if settings.model and path.exists() else None


def sha256_model(path: Path | None) -> str:
    """One hash over a model's files and their names within it; empty for no model.

    A folder's model is all of its files. A file's model is that file and those whose names continue its own:
    large ONNX networks keep their weights in ``<name>.onnx_data`` or ``<name>.onnx.data``.
    """
    if path is None:
        return ""
    if path.is_file():
        files = sorted(file for file in path.parent.glob("*") if file.name.startswith(path.name))
        if len(files) == 1:
            return sha256_file(path)
        names = [file.name.removeprefix(path.name) for file in files]
    else:
        files = sorted(file for file in path.rglob("*") if file.is_file() and ".git" not in file.parts)
        names = [file.relative_to(path).as_posix() for file in files]
    hashes = [[name, sha256_file(file)] for name, file in zip(names, files, strict=True)]
    return hashlib.sha256(canonical_json(hashes).encode()).hexdigest()


def model_name(model: str) -> str:
    """Name of a model without a private path: its id on the hub, or the last part of the path."""
    return model if HUB_ID.fullmatch(model) else Path(model).name


def _from_hub(settings: DepthSettings) -> Path:
    """Folder of a hub model in its cache; downloaded before the run, only with ``--model-download``."""
    if not HUB_ID.fullmatch(settings.model):
        raise MissingDependency("no such folder", path=settings.model, hint="--model FOLDER, or owner/name")
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingDependency(
            "the Python package transformers is missing", hint=install_extra("transformers")
        ) from error
    for local_only in (True, False) if settings.model_download else (True,):
        try:
            folder = huggingface_hub.snapshot_download(
                settings.model, local_files_only=local_only, allow_patterns=_HUB_FILES
            )
        except (OSError, ValueError) as error:
            reason = "not in the cache" if local_only else str(error).strip().partition("\n")[0]
            continue
        if any(Path(folder).glob("*.safetensors")):
            return Path(folder)
        reason = "no weights in safetensors"
    hint = "--model-download fetches it from the Hugging Face hub" if not settings.model_download else ""
    raise MissingDependency(f"cannot use this model: {reason}", path=settings.model, hint=hint)
