"""The fork server finds a folder for its sockets and a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ebb import fork_server
from ebb.errors import UsageError

SCRIPT = """
import os, tempfile
from ebb.fork_server import fork_server
before = dict(os.environ), tempfile.gettempdir()
context = fork_server(environment={"EBB_A": "set", "EBB_B": "set"})
mine, its = context.Pipe()
process = context.Process(target=its.send, args=("arrived",))
process.start()
print(mine.recv())
process.join()
assert (dict(os.environ), tempfile.gettempdir()) == before
"""


@pytest.mark.parametrize("length", [20, 74, 75, 108, 200])
def test_a_long_temporary_folder_is_supported(length: int) -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp", suffix="x" * (length - len("/tmp/tmp12345678"))))
    assert len(str(folder)) == length
    environment = os.environ | {"TMPDIR": str(folder)}
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    folder.rmdir()
    assert (done.stdout, done.stderr) == ("arrived\n", "")


def test_without_a_short_folder_the_error_has_advice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("x" * 100)))
    monkeypatch.setattr(fork_server, "_SHORT_FOLDERS", (str(tmp_path / "none"),))
    with pytest.raises(UsageError, match=r"too long for the sockets .* \(set TMPDIR to a shorter path\)"):
        fork_server.use_short_folder()
    assert tempfile.tempdir == str(tmp_path / ("x" * 100))


def test_settings_of_the_user_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_A", "mine")
    with fork_server._defaults({"EBB_A": "set", "EBB_B": "set"}):
        assert (os.environ["EBB_A"], os.environ["EBB_B"]) == ("mine", "set")
    assert os.environ["EBB_A"] == "mine"
    assert "EBB_B" not in os.environ


LOST = """
import os, signal
from multiprocessing import forkserver
from ebb.fork_server import fork_server, wait_for_lost_server
if __name__ == "__main__":
    context = fork_server()
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    wait_for_lost_server()
    mine, its = context.Pipe()
    process = context.Process(target=its.send, args=("arrived",))
    process.start()
    print(mine.recv())
    process.join()
    wait_for_lost_server.__globals__["_MAX_WAIT_SECONDS"] = 0.1
    wait_for_lost_server()  # it is alive: the wait ends
"""


def test_the_first_attempt_after_a_killed_server_succeeds() -> None:
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("arrived\n", "")


def test_nothing_of_a_killed_process_stays() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    environment = os.environ | {"TMPDIR": str(folder)}
    killed = SCRIPT.replace("process.join()", "process.join(); os.kill(os.getpid(), 9)")
    for script, left in ((killed, 1), (killed, 1), (SCRIPT, 0)):
        subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
        assert len(list(folder.iterdir())) == left
    folder.rmdir()


def test_a_folder_that_multiprocessing_has_is_kept() -> None:
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    environment = os.environ | {"TMPDIR": str(folder)}
    count = f"print(len(os.listdir({str(folder)!r})))"
    script = f"from multiprocessing import util; util.get_temp_dir(){SCRIPT}{count}"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("arrived\n1\n", "")
    folder.rmdir()
