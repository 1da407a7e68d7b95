"""Commands in hints and next steps, with the flag for the dataset folder."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

DEFAULT_DATASET = Path("dataset")
"""Default dataset folder."""


def command(text: str, dataset: Path) -> str:
    """A command of ``ebb`` for a dataset folder, without the flag for the default folder.

    Args:
        text: Verb and arguments.
        dataset: The dataset folder; an absolute path below the working folder is shortened.
    """
    here = Path.cwd()
    place = dataset.relative_to(here) if dataset.is_relative_to(here) else dataset
    return f"ebb {text}" if place == DEFAULT_DATASET else f"ebb {text} --dataset {quoted(place)}"


def flags(settings: object) -> str:
    """Settings that differ from their defaults, as flags for a command, each with a space before it.

    Args:
        settings: A dataclass whose fields are flags.
    """
    found = []
    for field in dataclasses.fields(settings):  # type: ignore[arg-type]
        value = getattr(settings, field.name)
        if value == field.default:
            continue
        flag = f" --{field.name.replace('_', '-')}"
        text = str(value).removesuffix(".0") if isinstance(value, float) else str(value)
        found.append(flag if value is True else f"{flag} {shlex.quote(text)}")
    return "".join(found)


def quoted(path: Path) -> str:
    """A path, quoted for a shell."""
    return shlex.quote(str(path))


def write_shards_again(shards: Path) -> str:
    """The command that replaces damaged shards, or the advice for shards without their dataset folder.

    Args:
        shards: Folder of the shards.
    """
    root = shards.parent
    if (root / "state.sqlite").is_file():
        return f"write them with: {command('shard', root)}"
    return "copy the folder again; where it was made, ebb shard writes it again"
