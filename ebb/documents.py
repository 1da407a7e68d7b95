"""Readers of JSON and TOML that return plain values or raise an error of this project, for any bytes."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

from ebb.errors import InvalidInput, UsageError
from ebb.files import check_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path

MAX_DEPTH = 64
"""Levels of nesting that are accepted; code that walks through the values by recursion is safe with them."""

_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def parse_json(text: str | bytes, path: Path | str | None = None, *, hint: str = "") -> Any:  # noqa: ANN401
    """Read JSON text.

    Args:
        text: The text, or its bytes in UTF-8, with or without a byte order mark.
        path: The file it comes from, for messages.
        hint: What to do about a damaged file, for messages.

    Raises:
        InvalidInput: it is not JSON, or nested more than :data:`MAX_DEPTH` levels deep.
    """
    try:
        values = json.loads(text if isinstance(text, str) else text.decode("utf-8-sig"))
        _check_depth(values)
    except RecursionError as error:
        raise InvalidInput(f"not JSON: {_TOO_DEEP}", path=path, hint=hint) from error
    except ValueError as error:
        raise InvalidInput(f"not JSON: {error}", path=path, hint=hint) from error
    return values


def read_json(path: Path, *, hint: str = "") -> Any:  # noqa: ANN401 - plain values
    """Read a JSON file.

    Args:
        path: The file.
        hint: What to do about a damaged file, for messages.

    Raises:
        InvalidInput: it cannot be read, is not JSON, or nested more than :data:`MAX_DEPTH` levels deep.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror or error}", path=path, hint=hint) from error
    return parse_json(data, path, hint=hint)


def read_toml(path: Path, what: str = "the file") -> dict[str, Any]:
    """Read a TOML file.

    Args:
        path: The file.
        what: What it holds, for messages.

    Raises:
        UsageError: it cannot be read, is not TOML, or nested more than :data:`MAX_DEPTH` levels deep.
    """
    try:
        check_regular(path)
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        _check_depth(values)
    except OSError as error:
        raise UsageError(f"cannot read {what}: {error.strerror or error}", path=path) from error
    except RecursionError as error:
        raise UsageError(f"cannot read {what}: {_TOO_DEEP}", path=path) from error
    except ValueError as error:  # also TOMLDecodeError and UnicodeDecodeError
        raise UsageError(f"cannot read {what}: {error}", path=path) from error
    return values


def flattened(values: object, name: str = "") -> dict[str, Any]:
    """The leaves of nested values by their dotted names, ``settings.seed`` or ``levels.0``; for comparisons.

    Args:
        values: Plain values; empty objects and lists leave nothing.
        name: Their own name, which the others begin with.
    """
    if isinstance(values, dict):
        items = values.items()
    elif isinstance(values, list):
        items = {str(index): value for index, value in enumerate(values)}.items()
    else:
        return {name: values}
    return {
        path: leaf
        for key, value in items
        for path, leaf in flattened(value, f"{name}.{key}".lstrip(".")).items()
    }


def _check_depth(values: object) -> None:
    level = [values]
    for _ in range(MAX_DEPTH):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
