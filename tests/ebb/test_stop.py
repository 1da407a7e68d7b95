"""Signals at places where Python would lose them, and at many points of a whole run."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from ebb.errors import ExitCode
from ebb.stop import STOPPED, HeldSignals, Terminated, run_stoppable, stopped_by

CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def in_plain_code(number: int) -> None:
    send(number)


class Sends:
    """Sends a signal when it is looked at or destroyed."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        send(self.number)

    @property
    def attribute(self) -> int:
        send(self.number)
        return 1


def in_a_destructor(number: int) -> None:
    Sends(number)


def in_a_callback_of_a_weak_reference(number: int) -> None:
    owner = threading.Event()
    reference = weakref.ref(owner, lambda _: send(number))
    del owner
    assert reference() is None


def in_a_callback_of_the_collector(number: int) -> None:
    def callback(phase: str, _: object) -> None:
        gc.callbacks.remove(callback)
        send(number)

    gc.callbacks.append(callback)
    gc.collect()


def in_a_callback_of_c_code(number: int) -> None:
    ctypes.CFUNCTYPE(None)(partial(send, number))()


def before_an_except_that_catches_everything(number: int) -> None:
    try:  # noqa: SIM105 - as some libraries do
        send(number)
    except:  # noqa: E722
        pass


def in_an_import(number: int, folder: Path) -> None:
    """A module that catches any exception during its import."""
    (folder / "half.py").write_text(
        f"import os\nstate = 'half'\ntry: os.kill(os.getpid(), {number})\nexcept: pass\nstate = 'whole'\n"
    )
    sys.path.insert(0, str(folder))
    try:
        import half  # type: ignore[import-not-found]
    finally:
        sys.path.remove(str(folder))
        assert sys.modules.pop("half").state == "whole"
    assert half.state == "whole"


PLACES = [
    in_plain_code,
    in_a_destructor,
    in_a_callback_of_a_weak_reference,
    in_a_callback_of_the_collector,
    in_a_callback_of_c_code,
    before_an_except_that_catches_everything,
    in_an_import,
]


def stopped_at(place: Callable[[], None], cleaned: list[str]) -> int:
    try:
        place()
        assert not threading.Event().wait(30), "the signal was lost"
    finally:
        cleaned.append("begun")
        threading.Event().wait(0.25)  # longer than the time after which a lost exception comes again
        cleaned.append("done")
    return 0


@pytest.mark.parametrize("number", CODES)
@pytest.mark.parametrize("place", PLACES)
def test_a_signal_is_never_lost_and_does_not_interrupt_clean_up(
    place: Callable[..., None], number: signal.Signals, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cleaned: list[str] = []
    arguments = (number, tmp_path) if place is in_an_import else (number,)
    assert run_stoppable(partial(stopped_at, partial(place, *arguments), cleaned)) is CODES[number]
    assert cleaned == ["begun", "done"]
    assert capsys.readouterr() == ("", f"{STOPPED}\n")


def test_the_handlers_of_the_caller_are_restored() -> None:
    numbers = (*CODES, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers], sys.unraisablehook
    assert run_stoppable(lambda: 3) == 3
    with pytest.raises(LookupError):
        run_stoppable(partial({}.__getitem__, 1))
    assert run_stoppable(partial(stopped_at, partial(send, signal.SIGTERM), [])) == 143
    assert ([signal.getsignal(number) for number in numbers], sys.unraisablehook) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_an_error_caused_by_a_signal_is_not_reported_as_a_bug(capsys: pytest.CaptureFixture[str]) -> None:
    def convert() -> int:
        try:
            send(signal.SIGTERM)
        except BaseException:  # noqa: BLE001
            raise ImportError("half a module") from None
        return 0

    assert run_stoppable(convert) is ExitCode.TERMINATED
    assert capsys.readouterr().err == f"{STOPPED}\n"


def test_in_a_thread_signals_are_left_to_the_program() -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(run_stoppable(lambda: 3)))
    thread.start()
    thread.join()
    assert codes == [3]


def hold(number: int, seen: list[object]) -> int:
    """Nested blocks; the inner one receives the signal."""
    with HeldSignals() as outer:
        with HeldSignals("wait") as inner:
            send(number)
            seen.append(inner.number)
        seen.append(outer.number)
        with HeldSignals() as later:
            seen.append(later.number)
    seen.append("after the block")
    return 0


@pytest.mark.parametrize("number", CODES)
def test_a_held_signal_comes_at_the_end_of_the_block(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[object] = []
    assert run_stoppable(partial(hold, number, seen)) is CODES[number]
    assert seen == [number] * 3
    assert capfd.readouterr() == ("", f"wait\n{STOPPED}\n")


def test_a_held_signal_reaches_the_handler_of_a_script() -> None:
    seen: list[object] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with HeldSignals() as held:
            send(signal.SIGTERM)
            assert seen == []
            with pytest.raises(KeyboardInterrupt):
                send(signal.SIGTERM)
        assert seen == [held.number] == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with HeldSignals() as held:
            send(signal.SIGINT)
            assert held.number == 0
    finally:
        signal.signal(signal.SIGINT, before)


def test_in_a_thread_nothing_is_held() -> None:
    before = signal.getsignal(signal.SIGTERM)
    found: list[object] = []

    def look() -> None:
        with HeldSignals() as held:
            found.extend((held.number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [0, before]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_code_that_is_stopped_may_say_where(
    number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where another process of the run received the signal."""

    def stopped() -> int:
        raise stopped_by(number, "stopped after step 3")

    assert isinstance(stopped_by(number), KeyboardInterrupt | Terminated)
    assert run_stoppable(stopped) == code
    assert capsys.readouterr().err == "stopped after step 3\n"


def run_script(script: str, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    return done.returncode, done.stderr


AT_THE_END = """
import atexit, os, signal, sys
from ebb.stop import HeldSignals, run_program

def send():
    os.kill(os.getpid(), signal.SIGTERM)

def first():
    try:
        send()
    finally:
        send()

def held():
    with HeldSignals("wait"), HeldSignals():
        send()
        send()
        print("not ended", file=sys.stderr)

class Late:
    def __del__(self):
        os.kill(os.getpid(), 15)

match sys.argv[1]:
    case "while it cleans up":
        run_program(first)
    case "while a signal is held back":
        run_program(held)
    case "after it was stopped":
        atexit.register(send)
        run_program(send)
    case "after it has finished":
        atexit.register(send)
        run_program(int)
    case "in the last destructors":
        late = Late()
        run_program(send)
"""


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("while it cleans up", ""),
        ("while a signal is held back", ""),
        ("after it was stopped", f"{STOPPED}\n"),
        ("after it has finished", ""),
        ("in the last destructors", f"{STOPPED}\n"),
    ],
)
def test_a_signal_at_the_end_ends_the_process_without_a_message(when: str, said: str) -> None:
    code, error = run_script(AT_THE_END, when)
    assert code in (143, -signal.SIGTERM)  # at the very end there is no Python to translate it
    assert error == said


AFTER_CALLS = """
import os, signal, sys
number, after, argv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
sys.argv[1:] = argv
from ebb.__main__ import main
calls = 0

def count(frame, event, argument):
    global calls
    calls += event == "call"
    if event == "call" and calls == after:
        os.kill(os.getpid(), number)

sys.setprofile(count)
try:
    main()
finally:
    sys.setprofile(None)
    print("calls:", calls, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def calls() -> int:
    """Function calls of a whole run."""
    code, error = run_script(AFTER_CALLS, "15", "0", "doctor", "--json")
    assert code == 0
    return int(error.rpartition(" ")[2])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_a_signal_at_any_point_of_a_run(calls: int, share: float, number: signal.Signals) -> None:
    after = str(1 + int(share * calls))
    code, error = run_script(AFTER_CALLS, str(int(number)), after, "doctor", "--json")
    assert code in (CODES[number], -number)  # before the first line of the program, the latter
    assert "Traceback" not in error
    assert "Exception ignored" not in error
