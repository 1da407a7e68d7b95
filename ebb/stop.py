"""SIGINT and SIGTERM end a program with exit code 130 or 143, whenever they come.

The first signal raises an exception, so that open files, bars and workers are closed. Python may lose it: in
destructors, in callbacks of C code, in a bare ``except``. It is therefore raised again until it arrives.
During an import it waits for a few seconds, as a module that is imported by half raises other errors. The
second signal ends the process at once, which loses no finished work: every file is written atomically.

Work that must not be interrupted in the middle holds signals back (:class:`HeldSignals`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from ebb.errors import ExitCode
from ebb.streams import prepare_streams, say_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType
    from typing import Self

STOPPED = "stopped; what was finished is kept, run the same command again to go on"

_EXIT_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}

_AGAIN_SECONDS = 0.1
"""Time after which the exception is raised again."""

_IMPORT_SECONDS = 5.0
"""Longest time that an import is waited for."""

_SHOW_CURSOR = b"\x1b[?25h"


class Terminated(BaseException):
    """SIGTERM as an exception."""


def stopped_by(number: int, message: str = "") -> KeyboardInterrupt | Terminated:
    """The exception for SIGINT or SIGTERM; a message takes the place of :data:`STOPPED`."""
    return KeyboardInterrupt(message) if number == signal.SIGINT else Terminated(message)


class HeldSignals:
    """Holds back a signal until the end of a ``with`` block; a second one ends the process at once.

    At the end of the block the handler of the caller is called. Blocks may be nested; outside the main
    thread, which receives all signals, nothing is held back. Where neither ``ebb`` nor ``ebb-train`` is the
    program, a second signal raises :class:`KeyboardInterrupt`.

    Args:
        notice: Line to print on standard error when a signal comes.
    """

    def __init__(self, notice: str = "") -> None:
        self._notice = notice
        self._number = 0
        self._handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    @property
    def number(self) -> int:
        """The signal that came, also to an outer block; 0 for none."""
        return self._number or (self._outer.number if isinstance(self._outer, HeldSignals) else 0)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _EXIT_CODES:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if self._number:
            signal.raise_signal(self._number)

    def end_at_once(self, number: int) -> None:
        """End the process, if it is a command."""
        if not isinstance(self._outer, HeldSignals | _Stop):
            raise KeyboardInterrupt
        self._outer.end_at_once(number)

    @property
    def _outer(self) -> object:
        """What handles the signals outside this block."""
        return next((getattr(handler, "__self__", None) for handler in self._handlers.values()), None)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.number:
            self.end_at_once(number)
        self._number = number
        if self._notice:
            with contextlib.suppress(OSError):
                os.write(2, f"{self._notice}\n".encode())  # printing is not allowed in a handler


def run_program(command: Callable[[], int]) -> None:
    """Run the command of this process and exit with its code.

    Raises:
        SystemExit: always.
    """
    prepare_streams()
    code = _Stop().run(command)
    sys.exit(code)  # the handlers stay: a signal from here on ends the process at once


def run_stoppable(command: Callable[[], int]) -> int:
    """Run a command that signals can stop, and restore the handlers of its caller.

    Inside another such command, or in a thread, signals are left to the main program.

    Returns:
        What the command returns; 130 or 143 if it was stopped.
    """
    if isinstance(getattr(signal.getsignal(signal.SIGTERM), "__self__", None), _Stop):
        return command()
    if threading.current_thread() is not threading.main_thread():
        return command()
    handlers = {number: signal.getsignal(number) for number in (*_EXIT_CODES, signal.SIGALRM)}
    hook = sys.unraisablehook
    try:
        return _Stop().run(command)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        sys.unraisablehook = hook


class _Stop:
    """The handlers of a command, and the signal that came."""

    def __init__(self) -> None:
        self._number = 0
        self._came_at = 0.0
        self._is_over = False
        """Whether the command has returned, or its end by a signal is on its way out."""
        self._hook = sys.unraisablehook

    def run(self, command: Callable[[], int]) -> int:
        """Run a command, and translate its end by a signal."""
        try:
            for number in _EXIT_CODES:
                signal.signal(number, self._on_signal)
            signal.signal(signal.SIGALRM, self._on_alarm)
            sys.unraisablehook = self._on_unraisable
            code = command()
            self._is_over = True
        except BaseException as error:
            self._is_over = True
            if not self._number and not isinstance(error, KeyboardInterrupt | Terminated):
                raise
            if not isinstance(error, SystemExit):  # another process of the run says it
                say_aside(_message(error) or STOPPED)
            default = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            self._number = self._number or default
        else:
            if not self._number:
                return code
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return _EXIT_CODES[signal.Signals(self._number)]

    def end_at_once(self, number: int) -> None:
        """End the process, without any clean-up."""
        if os.isatty(2):
            os.write(2, _SHOW_CURSOR)
        os._exit(_EXIT_CODES[signal.Signals(number)])

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._number or self._is_over:
            self.end_at_once(number)
        self._number, self._came_at = number, time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS, _AGAIN_SECONDS)
        self._on_alarm(number, frame)

    def _on_alarm(self, _: int, frame: FrameType | None) -> None:
        """Raise the exception, unless it is on its way or an import goes on."""
        is_waiting = time.monotonic() - self._came_at < _IMPORT_SECONDS and _is_importing(frame)
        if self._number and not self._is_over and not is_waiting and not _is_being_handled():
            raise stopped_by(self._number)

    def _on_unraisable(self, lost: sys.UnraisableHookArgs) -> None:
        """Print what Python cannot raise, except for the exception of a signal, which comes again."""
        if not (self._number and isinstance(lost.exc_value, KeyboardInterrupt | Terminated)):
            self._hook(lost)


def _message(error: BaseException) -> str:
    """What the code that was stopped says about it."""
    return str(error) if isinstance(error, KeyboardInterrupt | Terminated) else ""


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _is_being_handled() -> bool:
    """Whether the interrupted code is in an ``except`` or ``finally`` block that a signal has caused."""
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt | Terminated | GeneratorExit):
            return True
        error = error.__context__
    return False
