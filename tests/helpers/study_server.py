"""``ebb-train study serve`` as a process, and raters who vote on it until it is killed."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class StudyProcess:
    """A server in a process of its own, on a port that the system chooses.

    Args:
        study: Folder of the study.
    """

    def __init__(self, study: Path) -> None:
        command = [sys.executable, "-m", "ebb_train", "study", "serve", str(study), "--port", "0", "--json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
        if found is None:
            self.process.kill()
            raise AssertionError(line + self.process.stderr.read())
        self.port = int(found[1])

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.communicate()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, dict[str, Any]]:
        """End it by a signal: exit code and result."""
        self.process.send_signal(number)
        text, _ = self.process.communicate(timeout=60)
        return self.process.returncode, json.loads(text)


class Connection:
    """A connection of a rater that is kept open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.token = ""

    def ask(self, method: str, path: str, value: object = None) -> tuple[int, Any]:
        """Send a request: status and value of the reply."""
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        body = json.dumps(value) if value is not None else None
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        return reply.status, json.loads(reply.read())

    def begin(self) -> Any:
        """Begin a session."""
        status, state = self.ask("POST", "/api/session", {"consent": True})
        assert status == 201, state
        self.token = state["token"]
        return state

    def vote(self, position: int, value: int) -> tuple[int, Any]:
        """Send an answer."""
        vote = {"position": position, "value": value, "shown_ms": 2000.0, "loaded_ms": 1500.0}
        return self.ask("POST", "/api/vote", vote)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass
class Acknowledged:
    """Votes that a server acknowledged, of all raters, by the token of the session."""

    votes: dict[tuple[str, int], int] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def vote_until_killed(server: StudyProcess, known: Acknowledged, rng: random.Random, raters: int = 4) -> int:
    """Raters vote at the same time; one of them kills the server after a random number of votes.

    Raters go on with sessions that were begun before. Returns the number of acknowledged votes.
    """
    last = rng.randrange(1, 12 * raters)
    count, seeds = [0], [rng.random() for _ in range(raters)]
    resumed = [known.tokens.pop() if known.tokens and seed < 0.5 else "" for seed in seeds]

    def take_part(seed: float, token: str) -> None:
        own = random.Random(seed)
        connection = Connection(server.port)
        try:
            connection.token = token
            state = connection.ask("GET", "/api/session")[1] if token else connection.begin()
            while not state["finished"]:
                value = own.randrange(5)
                status, reply = connection.vote(state["done"], value)
                assert status == 200, reply
                with known.lock:
                    known.votes[connection.token, state["done"]] = value
                    count[0] += 1
                    if count[0] == last:
                        server.process.kill()
                state = reply
            server.process.kill()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        finally:
            connection.close()
            with known.lock:
                if connection.token:
                    known.tokens.append(connection.token)

    threads = [threading.Thread(target=take_part, args=each) for each in zip(seeds, resumed, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.kill()
    return count[0]


def lost_votes(study: Path, known: Acknowledged) -> tuple[int, int, str]:
    """Acknowledged votes that are not stored as sent; stored votes; result of SQLite's check of the file."""
    from ebb.serving.tokens import token_hash

    with closing(sqlite3.connect(study / "study.sqlite")) as db:
        ((verdict,),) = db.execute("PRAGMA integrity_check").fetchall()
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        rows = db.execute(
            "SELECT s.token_hash, v.position, v.value FROM vote v JOIN session s ON s.id = v.session"
        )
        stored = {(token, position): value for token, position, value in rows}
    lost = sum(
        stored.get((token_hash(token), position)) != value for (token, position), value in known.votes.items()
    )
    return lost, len(stored), verdict
