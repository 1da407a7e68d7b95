"""Conversion of typed values to plain ones, as in JSON and TOML, and back with a check of every type."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_type_hints = functools.cache(get_type_hints)


def to_plain(value: object) -> object:
    """Convert a value to plain ones: a dataclass becomes an object, a tuple an array.

    Args:
        value: Text, a number, a boolean, ``None``, a path, a time, a member of an enumeration, or a
            dataclass, tuple or mapping of such values.
    """
    if dataclasses.is_dataclass(value):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else value


def from_plain(kind: type[T], plain: object, name: str | None = None) -> T:
    """Undo :func:`to_plain`; fields with a default may be missing.

    Args:
        kind: The type of the value; the annotations of a dataclass are the types of its fields.
        plain: The plain value.
        name: Name of the value in messages; by default that of its type.

    Raises:
        ValueError: the value is not of that type; the message names the field.
    """
    value: T = _typed(kind, plain, kind.__name__ if name is None else name)
    return value


def _typed(hint: Any, plain: object, where: str) -> Any:  # noqa: ANN401 - a type hint is any object
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (only,) = (option for option in arguments if option is not types.NoneType)
        return None if plain is None else _typed(only, plain, where)
    if origin is Literal:
        return plain if plain in arguments else _refuse(where, f"one of: {', '.join(arguments)}", plain)
    if origin is tuple and isinstance(plain, list):
        return tuple(_typed(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(plain))
    if origin in (dict, Mapping) and isinstance(plain, dict):
        return {name: _typed(arguments[1], item, f"{where}.{name}") for name, item in plain.items()}
    return _refuse(where, str(hint), plain) if origin else _plain_type(hint, plain, where)


def _plain_type(kind: type[T], plain: object, where: str) -> T | float:
    """A value of a type without parameters."""
    if dataclasses.is_dataclass(kind) and isinstance(plain, dict):
        return _dataclass(kind, plain, where)
    if issubclass(kind, tuple) and isinstance(plain, list):
        return _named_tuple(kind, plain, where)
    if kind is float and type(plain) is int:
        return float(plain)
    if isinstance(plain, str) and issubclass(kind, Enum | datetime):
        return kind(plain) if issubclass(kind, Enum) else kind.fromisoformat(plain)
    if isinstance(plain, str) and issubclass(kind, Path) and "\0" not in plain:
        return kind(plain)
    return plain if type(plain) is kind else _refuse(where, kind.__name__, plain)


def _named_tuple(kind: type[T], plain: list[object], where: str) -> T:
    hints = _type_hints(kind)  # type: ignore[arg-type]  # types are hashable
    if len(hints) != len(plain):
        _refuse(where, kind.__name__, plain)
    values = zip(hints, plain, strict=True)
    return kind(*(_typed(hints[name], item, f"{where}.{name}") for name, item in values))


def _dataclass(kind: type[T], plain: dict[str, object], where: str) -> T:
    hints = _type_hints(kind)  # type: ignore[arg-type]  # types are hashable
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if odd := sorted(plain.keys() - fields.keys()):
        raise ValueError(f"{_inside(where, odd[0])}: unknown field")
    for name, field in fields.items():
        if name not in plain and field.default is field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{_inside(where, name)}: missing")
    return kind(**{name: _typed(hints[name], item, _inside(where, name)) for name, item in plain.items()})


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _refuse(where: str, expected: str, found: object) -> Any:  # noqa: ANN401 - never returns
    text = repr(found)
    raise ValueError(f"{where}: expected {expected}, got {text if len(text) <= 40 else text[:37] + '...'}")
