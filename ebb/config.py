"""Where a flag that is not given gets its value: environment, ``--config``, profile, the dataset's file."""

from __future__ import annotations

import dataclasses
import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from cyclopts import Token

from ebb.measurements import PROFILES
from ebb.published_weights import WEIGHTS
from ebb.settings import SECTIONS, read_sections
from ebb.weights import CACHE_VARIABLE
from ebb.workspace import settings_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cyclopts import App, Argument, ArgumentCollection

SettingsSource: TypeAlias = tuple[str, dict[str, Any]]
"""A name to cite, and settings by section."""

GLOBAL_FLAGS = {"dataset": "EBB_DATASET", "config": "EBB_CONFIG", "profile": "EBB_PROFILE"}
"""Flags outside the stage settings that the environment may set."""

SIMILAR = 0.85
"""Smallest similarity, 0 … 1, of a variable to the name that is suggested for it."""


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
        return "settings of ebb-train have no variables"
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=SIMILAR)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return "settings of ebb are named like EBB_ALIGN_HEIGHT; those of ebb-train have no variables"


def _variable(section: str, name: str) -> str:
    return f"EBB_{section}_{name}".upper()


def _fill(argument: Argument, section: str, name: str, files: list[SettingsSource]) -> None:
    variable = _variable(section, name)
    _offer(argument, os.environ.get(variable), variable)
    for source, stored in files:
        _offer(argument, stored.get(section, {}).get(name), f"{source} [{section}] {name}")


def _offer(argument: Argument, value: object, source: str) -> None:
    """Use ``value`` unless an earlier source has one."""
    if value is None or argument.tokens:
        return
    text = str(value).lower() if isinstance(value, bool) else str(value)
    argument.append(Token(keyword=argument.name, value=text, source=source))


def _settings_files(leaves: dict[str, Argument]) -> list[SettingsSource]:
    """What is asked in turn: the ``--config`` file, the limits of ``--profile``, the dataset's own file."""
    found: list[SettingsSource] = []
    if "config" in leaves and leaves["config"].tokens:
        path = Path(leaves["config"].tokens[0].value)
        found.append((path.name, read_sections(path)))
    if "profile" in leaves and leaves["profile"].tokens:
        profile = leaves["profile"].tokens[0].value
        if profile in PROFILES:  # cyclopts refuses another
            found.append((f"--profile {profile}", {"align": dataclasses.asdict(PROFILES[profile])}))
    if "dataset" in leaves:
        tokens = leaves["dataset"].tokens
        path = settings_file(Path(tokens[0].value if tokens else "dataset"))
        if path.exists():
            found.append((path.name, read_sections(path)))
    return found
