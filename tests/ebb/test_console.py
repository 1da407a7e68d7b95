"""Output of the console."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from ebb.console import (
    Console,
    DownloadBar,
    FailureProgress,
    PlainProgress,
    TerminalProgress,
)
from ebb.errors import InvalidInput, Reason, Status
from ebb.progress import SilentProgress


def test_results_go_to_stdout_and_notes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_json_has_null_for_nan(capsys: pytest.CaptureFixture[str]) -> None:
    Console(as_json=True).result({"psnr": [math.inf, 1.5, {"a": (math.nan,)}]}, "")
    assert json.loads(capsys.readouterr().out, parse_constant=pytest.fail) == {
        "psnr": [None, 1.5, {"a": [None]}]
    }


def test_quiet_prints_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(quiet=True)
    console.note("x")
    console.result({}, "y")
    assert capsys.readouterr() == ("", "")
    console.error(InvalidInput("broken"))
    assert capsys.readouterr().err == "ebb: broken\n"
    progress = console.progress()
    progress.start("render", 2)
    progress.advance("a.jpg", Status.OK, None, "")
    progress.advance("b.jpg", Status.ERROR, Reason.UNREADABLE, "cannot be read")
    progress.finish()
    assert capsys.readouterr() == ("", "render: b.jpg: unreadable: cannot be read\n")


@pytest.mark.parametrize("kind", [FailureProgress, PlainProgress, TerminalProgress])
def test_one_failure_in_two_stages_is_reported_once(
    kind: type[FailureProgress], capsys: pytest.CaptureFixture[str]
) -> None:
    progress = kind()
    for stage in ("predict", "score"):
        progress.start(stage, 2)
        progress.advance("a", Status.ERROR, Reason.NO_PREDICTION, "damaged")
        progress.advance("b", Status.REJECTED, Reason.NO_DEPTH, "no map")
        progress.finish()
    printed = " ".join(capsys.readouterr().err.split())
    assert printed.count("predict: a: no_prediction: damaged") == 1
    assert printed.count("damaged") == 1
    assert "no map" not in printed


def test_a_result_ends_with_paths_and_the_next_step(capsys: pytest.CaptureFixture[str]) -> None:
    for as_json in (False, True):
        Console(as_json=as_json).result({"n": 1}, "one", look_at=[Path("a"), "b"], next_step="ebb align")
    text, _, values = capsys.readouterr().out.partition("{")
    assert text == "one\nlook at: a\n         b\nnext: ebb align\n"
    assert json.loads("{" + values) == {"n": 1, "look_at": ["a", "b"], "next": "ebb align"}


def test_a_result_with_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    problem = InvalidInput("no pairs")
    Console().result({"n": 1}, "one file", problem)
    assert capsys.readouterr() == ("one file\n", "ebb: no pairs\n")
    Console(as_json=True).result({"n": 1}, "one file", problem)
    out, err = capsys.readouterr()
    assert json.loads(out) == {"n": 1, "error": "no pairs", "path": None, "hint": "", "exit_code": 4}
    assert err == "ebb: no pairs\n"


def test_plain_progress_reports_errors_and_the_end(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_plain_progress_says_nothing_of_the_rest_where_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 20.0, 20.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    progress = PlainProgress()
    progress.start("render", 1)
    progress.advance("a", Status.OK, None, "")
    assert capsys.readouterr().err == ""
    progress.finish()
    assert capsys.readouterr().err == "render: 1 of 1 in 20.0 s\n"


def test_terminal_progress_takes_any_file_name(capsys: pytest.CaptureFixture[str]) -> None:
    progress = TerminalProgress()
    progress.start("align", 1)
    progress.advance("[/red] \x1b[2J", Status.ERROR, Reason.UNREADABLE, "no [bold]")
    progress.finish()
    assert "[/red] \\x1b[2J: unreadable: no [bold]" in capsys.readouterr().err.replace("\n", " ")


def test_nothing_to_do_shows_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (PlainProgress(), TerminalProgress()):
        progress.start("align", 0)
        progress.finish()
    assert capsys.readouterr() == ("", "")


def test_download_bar_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with DownloadBar("megadepth", quiet=False) as bar:
        bar.show(10, None)
        bar.show(20, 20)
    assert capsys.readouterr() == ("", "")


def test_text_beside_the_count(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ebb.console.PLAIN_INTERVAL_S", 0.0)
    for progress in (PlainProgress(), TerminalProgress(), SilentProgress()):
        progress.start("level 7", 2)
        progress.tell("loss 0.5, 3 min left in all")
        progress.advance("1", Status.OK, None, "")
        progress.finish()
    printed = capsys.readouterr().err
    assert "level 7: 1 of 2, about 0 s left; loss 0.5, 3 min left in all" in printed
    assert printed.count("loss 0.5, 3 min left in all") >= 2
