"""Values of flags that are not given: environment, ``--config`` file, ``ebb.toml`` of the dataset."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclopts import Token

from ebb.settings import SECTIONS, read_sections
from ebb.weights import CACHE_VARIABLE, WEIGHTS
from ebb.workspace import settings_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclopts import App, Argument, ArgumentCollection

GLOBAL_FLAGS = {"dataset": "EBB_DATASET", "config": "EBB_CONFIG"}
"""Variables of flags that are no stage settings."""


def layered(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:  # noqa: ARG001 - cyclopts' signature
    """Fill in the flags that the command line left open, as the ``config`` of a ``cyclopts.App``.

    Raises:
        UsageError: a settings file has an unknown section or key, or is not TOML.
    """
    leaves = {argument.field_info.name: argument for argument in arguments if not argument.children}
    for name, variable in GLOBAL_FLAGS.items():
        if name in leaves:
            _offer(leaves[name], os.environ.get(variable), variable)
    files = _settings_files(leaves)
    # a verb's own flags may have the name of a setting: ebb status --pairs
    settings = {name: argument for name, argument in leaves.items() if argument.keys}
    for section, cls in SECTIONS.items():
        for field in dataclasses.fields(cls):
            if field.name in settings:
                _fill(settings[field.name], section, field.name, files)


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """List the variables that begin like settings of ebb and are none, one message each.

    Args:
        environment: Name → value.
    """
    known = {*GLOBAL_FLAGS.values(), CACHE_VARIABLE, *(file.variable for file in WEIGHTS.values())}
    for section, cls in SECTIONS.items():
        known |= {_variable(section, field.name) for field in dataclasses.fields(cls)}
    odd = sorted(name for name in environment if name.startswith("EBB_") and name not in known)
    return [f"the variable {name} has no effect: {_advice(name, known)}" for name in odd]


def _advice(name: str, known: set[str]) -> str:
    if name.startswith("EBB_TRAIN_"):
        return "ebb-train takes its settings from flags only"
    nearest = difflib.get_close_matches(name, sorted(known), n=1)
    return f"did you mean {nearest[0]}?" if nearest else "settings are named like EBB_ALIGN_HEIGHT"


def _variable(section: str, name: str) -> str:
    return f"EBB_{section}_{name}".upper()


def _fill(argument: Argument, section: str, name: str, files: list[tuple[Path, dict[str, Any]]]) -> None:
    variable = _variable(section, name)
    _offer(argument, os.environ.get(variable), variable)
    for path, stored in files:
        _offer(argument, stored.get(section, {}).get(name), f"{path.name} [{section}] {name}")


def _offer(argument: Argument, value: object, source: str) -> None:
    """Use ``value`` unless an earlier source has one."""
    if value is None or argument.tokens:
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    argument.append(Token(keyword=argument.name, value=text, source=source))


def _settings_files(leaves: dict[str, Argument]) -> list[tuple[Path, dict[str, Any]]]:
    files = []
    if "config" in leaves and leaves["config"].tokens:
        path = Path(leaves["config"].tokens[0].value)
        files.append((path, read_sections(path)))
    if "dataset" in leaves:
        tokens = leaves["dataset"].tokens
        path = settings_file(Path(tokens[0].value if tokens else "dataset"))
        if path.exists():
            files.append((path, read_sections(path)))
    return files
