"""What a person sees."""

from __future__ import annotations

import json
import math

import pytest

from ebb.console import (
    Console,
    DownloadBar,
    PlainProgress,
    SilentProgress,
    TerminalProgress,
    watched,
)
from ebb.errors import InvalidInput, Reason, Status
from tests.helpers.doubles import RecordedProgress


def test_results_go_out_and_notes_go_aside(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.note("on the way")
    console.result({"n": 1}, "one")
    assert capsys.readouterr() == ("one\n", "on the way\n")


def test_json_is_one_object_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(as_json=True)
    console.result({"n": 1}, "one")
    assert json.loads(capsys.readouterr().out) == {"n": 1}
    console.error(InvalidInput("broken", path="a", hint="mend it"))
    out, err = capsys.readouterr()
    assert json.loads(out) == {"error": "broken", "path": "a", "hint": "mend it", "exit_code": 4}
    assert err == "ebb: a: broken (mend it)\n"


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=True).result({"psnr": [math.inf, 1.5, {"a": (math.nan,)}]}, "")
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "psnr": [None, 1.5, {"a": [None]}]
    }


def test_quiet_says_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.note("x")
    console.result({}, "y")
    assert capsys.readouterr() == ("", "")
    console.error(InvalidInput("broken"))
    assert capsys.readouterr().err == "ebb: broken\n"
    assert isinstance(console.progress(), SilentProgress)


def test_a_result_with_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    problem = InvalidInput("no pairs")
    Console().result({"n": 1}, "one file", problem)
    assert capsys.readouterr() == ("one file\n", "ebb: no pairs\n")
    Console(as_json=True).result({"n": 1}, "one file", problem)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"n": 1, "error": "no pairs", "path": None, "hint": "", "exit_code": 4}
    assert err == "ebb: no pairs\n"


def test_plain_progress_tells_errors_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Console().progress()
    assert isinstance(progress, PlainProgress)
    progress.start("align", 2)
    progress.advance("a", Status.OK, None, "")
    progress.advance("b", Status.ERROR, Reason.TIMEOUT, "stopped after 2 s")
    progress.finish()
    first, second = capsys.readouterr().err.splitlines()
    assert first == "align: b: timeout: stopped after 2 s"
    assert second.startswith("align: 2 of 2 in ")


def test_an_item_without_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start("verify", 1)
    progress.advance("a.png", Status.ERROR, None, "is gone")
    assert capsys.readouterr().err == "verify: a.png: is gone\n"


def test_plain_progress_estimates_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 20.0, 40.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = PlainProgress()
    progress.start("align", 4)
    progress.advance("a", Status.OK, None, "")
    assert capsys.readouterr().err == "align: 1 of 4, about 60 s left\n"


def test_terminal_progress_takes_any_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    progress.start("align", 1)
    progress.advance("[/red] \x1b[2J", Status.ERROR, Reason.UNREADABLE, "no [bold]")
    progress.finish()
    assert "[/red] \\x1b[2J: unreadable: no [bold]" in capsys.readouterr().err.replace("\n", " ")


def test_nothing_to_do_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (PlainProgress(), TerminalProgress()):
        progress.start("align", 0)
        progress.finish()
    assert capsys.readouterr() == ("", "")


def test_download_bar_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with DownloadBar("megadepth", quiet=False) as bar:
        bar.show(10, None)
        bar.show(20, 20)
    assert capsys.readouterr() == ("", "")


def test_what_stands_beside_the_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ebb.console.PLAIN_INTERVAL_S", 0.0)
    for progress in (PlainProgress(), TerminalProgress(), SilentProgress()):
        progress.start("level 7", 2)
        progress.tell("loss 0.5, 3 min left in all")
        progress.advance("1", Status.OK, None, "")
        progress.finish()
    printed = capsys.readouterr().err
    assert "level 7: 1 of 2, about 0 s left; loss 0.5, 3 min left in all" in printed
    assert printed.count("loss 0.5, 3 min left in all") >= 2


def test_a_stage_ends_whatever_happens() -> None:
    progress = RecordedProgress()
    with pytest.raises(KeyboardInterrupt), watched(progress, "score", 2):
        raise KeyboardInterrupt
    with watched(progress, "nothing", 0):
        pass
    assert progress.stages == ["score 2", "done"]
