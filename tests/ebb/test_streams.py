"""Standard output and standard error that are closed, full or read by nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from ebb.errors import OutputError
from ebb.streams import prepare_streams, say, say_aside


@contextmanager
def full() -> Iterator[TextIO]:
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        yield stream


@contextmanager
def left_by_its_reader() -> Iterator[TextIO]:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        yield stream


def test_a_full_output_is_an_error_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with full() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(OutputError, match="standard output: cannot write it: No space left") as caught:
            say("result")
        assert caught.value.exit_code == 5
        say("what comes after it goes nowhere")


def test_a_closed_pipe_is_not_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with left_by_its_reader() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        for _ in range(2):
            say("result" * 100_000)


@pytest.mark.parametrize("bad", [full, left_by_its_reader])
def test_the_work_goes_on_without_its_log(bad: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with bad() as stream:  # type: ignore[operator]
        monkeypatch.setattr(sys, "stderr", stream)
        for _ in range(2):
            say_aside("3 of 4")


def test_any_text_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="ascii") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        prepare_streams()
        say("0.5 × Фото")
    with os.fdopen(reader, "rb") as file:
        assert file.read() == rb"0.5 \xd7 \u0424\u043e\u0442\u043e" + b"\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_replaced(closed: str) -> None:
    code = (
        "import os, sys; from ebb.streams import prepare_streams, say, say_aside; prepare_streams();"
        "assert os.open('/dev/zero', os.O_RDONLY) > 2; say('out'); say_aside('aside'); sys.stderr.isatty()"
    )
    script = f'exec "$0" -c "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, code], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (
        "" if ">&-" in closed.split() else "out\n",
        "" if "2>&-" in closed else "aside\n",
    )
