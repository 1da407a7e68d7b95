"""Finding the Ray cluster, and saying so in seconds when there is none."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from ebb.errors import ExitCode, MissingDependency, UsageError
from ebb.runner.cluster import connect

ROOT = Path(__file__).parents[3]

CRASH_AND_TERMINATE = """
import os, signal
from ebb.runner.cluster import connect
from ebb.runner.ray import run_items
from ebb.settings import RunSettings
from tests.helpers.doubles import Job, work

signal.signal(signal.SIGTERM, lambda *_: os._exit(9))
connect()
[outcome] = run_items(work, [Job("a", "exit")], RunSettings(workers=1))
assert outcome.reason == "worker_crash"
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_missing_ray_is_reported_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        MissingDependency, match=r"Ray is not installed \(pip install 'ebb-bokeh\[ray\]'\)"
    ) as caught:
        connect()
    assert caught.value.exit_code is ExitCode.MISSING


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:1", "refused"),
        ("[::1]:1", "no Ray cluster"),
        ("ray://127.0.0.1:10001", "no Ray cluster"),
        ("127.0.0.1:99999999999999999999", "too large"),
        ("head", "invalid literal"),
    ],
)
def test_no_cluster_at_the_address(address: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(UsageError, match=why) as caught:
        connect()
    assert str(caught.value).startswith(f"no Ray cluster at {address}: ")
    assert "RAY_ADDRESS is the host:port" in caught.value.hint


def test_a_cluster_that_refuses_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def init(**_: object) -> None:
        raise ray.exceptions.RaySystemError("the token is wrong")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(UsageError, match="no Ray cluster: .*the token is wrong"):
        connect()


def test_starting_a_cluster_does_not_change_stdout_and_sigterm() -> None:
    pytest.importorskip("ray")
    with tempfile.TemporaryDirectory(prefix="ray") as folder:  # short: sockets lie in it
        ran = subprocess.run(
            [sys.executable, "-c", CRASH_AND_TERMINATE],
            env={**os.environ, "RAY_ADDRESS": "local", "RAY_TMPDIR": folder, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ran.returncode, ran.stdout) == (9, ""), ran.stderr
