"""Readers of JSON and TOML are total: plain values or an error of this project."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebb.documents import MAX_DEPTH, flattened, parse_json, read_json, read_toml
from ebb.errors import InvalidInput, UsageError

DEEP = 100_000
BAD_JSON = ["", "{", "[" * DEEP, '{"a":' * DEEP, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "1" * 5000]
BAD_TOML = [
    "[",
    "a = " + "[" * DEEP,
    "a = " + "{b=" * DEEP,
    f"{'a.' * 1000}a = 1",
    f"a = {'1' * 5000}",
    "a = 2021-02-31",
]


@pytest.mark.parametrize("text", BAD_JSON, ids=range(len(BAD_JSON)))
def test_bad_json_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"facts\.json: not JSON: .* \(make it again\)"):
        read_json(path, hint="make it again")


@pytest.mark.parametrize("text", BAD_TOML, ids=range(len(BAD_TOML)))
def test_bad_toml_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "ebb.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"ebb\.toml: cannot read settings: "):
        read_toml(path, "settings")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match="cannot be read: "):
            read_json(path)
        with pytest.raises(UsageError, match="cannot read the file: "):
            read_toml(path)


@given(st.binary(max_size=40))
def test_any_bytes_give_values_or_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(data)
    for read, error in ((read_json, InvalidInput), (read_toml, UsageError)):
        with suppress(error):
            read(path)  # type: ignore[operator]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=30)
@given(PLAIN)
def test_json_round_trips(values: object) -> None:
    assert parse_json(json.dumps(values)) == values
    assert parse_json(json.dumps(values).encode()) == values


def test_toml_round_trips(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[a]\nb = 1.5\nc = ["ü"]\r\n', encoding="utf-8")
    assert read_toml(tmp_path / "a.toml") == {"a": {"b": 1.5, "c": ["ü"]}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_settings(encoding: str, tmp_path: Path) -> None:
    """Editors of Windows write one."""
    (tmp_path / "a.toml").write_text("a = 1\n", encoding=encoding)
    assert read_toml(tmp_path / "a.toml") == {"a": 1}
    (tmp_path / "a.json").write_text('{"a": 1}', encoding=encoding)
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_leaves_have_dotted_names() -> None:
    values = {"a": {"b": 1, "c": [2, {"d": None}]}, "e": {}, "f": "x"}
    assert flattened(values) == {"a.b": 1, "a.c.0": 2, "a.c.1.d": None, "f": "x"}
    assert flattened(3) == {"": 3}


def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="pipe: cannot be read: not a regular file"):
        read_json(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: cannot read the file: not a regular file"):
        read_toml(tmp_path / "pipe")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32-le", "latin-1"])
def test_json_in_another_encoding(encoding: str) -> None:
    with pytest.raises(InvalidInput, match="not JSON: "):
        parse_json('{"a": "é"}'.encode(encoding))
