"""The server of studies under load, and killed at random moments.

    PYTHONPATH=. python benchmarks/study_server.py               both parts, about four minutes
    PYTHONPATH=. python benchmarks/study_server.py --kills 0     load alone

Load: 200 raters with a connection each vote on loopback. *Paced*: each votes about once a second, as the
page demands that pictures are visible for 0.8 s. *At once*: all send their votes at the same moment, 20
times, and wait for all replies. The time of a vote is that from its first byte to the whole reply,
measured by the client, which runs in another process on the same cores. Every reply follows a commit that
is synced to the disk.

Kills: raters vote at the same time, and the server gets SIGKILL after a random number of votes; sessions
go on with the next server. Afterwards every acknowledged vote must be in the file, which SQLite checks.

Results: ``benchmarks/results/study_server.json``, with the load of the machine by other programs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from ebb_train.study.config import CONFIG
from tests.helpers.study_folders import small_study
from tests.helpers.study_server import Acknowledged, StudyProcess, lost_votes, vote_until_killed

RESULT = Path(__file__).parent / "results" / "study_server.json"
RATERS, VOTES = 200, 20
SEED = 18


class Client:
    """A connection of a rater, kept open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.token = ""
        self.done = 0

    async def open(self) -> None:
        """Connect, and begin a session."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.token = (await self.ask("/api/session", {"consent": True}))["token"]

    async def ask(self, path: str, value: object) -> dict[str, Any]:
        """Send a request and read the whole reply."""
        body = json.dumps(value).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {self.token}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        size = next(
            int(line.partition(":")[2])
            for line in answer.splitlines()
            if line.lower().startswith("content-length")
        )
        found: dict[str, Any] = json.loads(await self._reader.readexactly(size))
        if " 200 " not in answer[:20] and " 201 " not in answer[:20]:
            raise RuntimeError(f"{answer.splitlines()[0]}: {found}")
        return found

    async def vote(self) -> float:
        """Vote on the next question: seconds until the reply was there."""
        start = time.perf_counter()
        vote = {"position": self.done, "value": 1, "shown_ms": 2000.0, "loaded_ms": 1500.0}
        state = await self.ask("/api/vote", vote)
        seconds = time.perf_counter() - start
        self.done = state["done"]
        return seconds

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def _clients(port: int) -> list[Client]:
    clients = [Client(port) for _ in range(RATERS)]
    for client in clients:
        await client.open()
    return clients


async def paced(port: int) -> tuple[list[float], float]:
    """Times of votes of raters who vote about once a second, and the votes per second."""
    clients, rng = await _clients(port), random.Random(SEED)

    async def take_part(client: Client, first: float) -> list[float]:
        await asyncio.sleep(first)
        found = []
        for _ in range(VOTES):
            found.append(await client.vote())
            await asyncio.sleep(rng.uniform(0.8, 1.2))
        return found

    start = time.perf_counter()
    found = await asyncio.gather(*(take_part(client, rng.uniform(0, 1)) for client in clients))
    seconds = time.perf_counter() - start
    for client in clients:
        client.close()
    return [each for times in found for each in times], RATERS * VOTES / seconds


async def at_once(port: int) -> tuple[list[float], float]:
    """Times of votes that all raters send at the same moment, and the votes per second."""
    clients = await _clients(port)
    found: list[float] = []
    start = time.perf_counter()
    for _ in range(VOTES):
        found += await asyncio.gather(*(client.vote() for client in clients))
    seconds = time.perf_counter() - start
    for client in clients:
        client.close()
    return found, RATERS * VOTES / seconds


def load(folder: Path) -> dict[str, Any]:
    """Both kinds of load, each on a new study."""
    found: dict[str, Any] = {}
    for name, measure in (("paced", paced), ("at once", at_once)):
        study = make(folder / name.replace(" ", "_"))
        server = StudyProcess(study)
        times, rate = asyncio.run(measure(server.port))
        _, result = server.stop()
        milliseconds = np.percentile(np.array(times) * 1000, [50, 95, 99, 100]).round(1).tolist()
        found[name] = {
            "votes": len(times),
            "votes stored": result["votes"],
            "votes per second": round(rate, 1),
            **dict(zip(("p50 ms", "p95 ms", "p99 ms", "slowest ms"), milliseconds, strict=True)),
        }
        print(name, found[name], flush=True)
    return found


def kills(folder: Path, number: int) -> dict[str, Any]:
    """Kill a server at random moments."""
    study, rng, known = make(folder / "killed"), random.Random(SEED), Acknowledged()
    lost, verdicts = 0, []
    for _ in range(number):
        vote_until_killed(StudyProcess(study), known, rng, raters=8)
        missing, stored, verdict = lost_votes(study, known)
        lost = max(lost, missing)
        verdicts.append(verdict)
        print(f"acknowledged {len(known.votes)}, stored {stored}, lost {missing}, {verdict}", flush=True)
    return {
        "kills": number,
        "acknowledged": len(known.votes),
        "stored": stored,
        "lost": lost,
        "intact": sum(verdict == "ok" for verdict in verdicts),
    }


def make(folder: Path) -> Path:
    """A study whose pictures need not be visible for long, so that the server alone limits the votes."""
    study = small_study(folder, methods=4, images=8, questions=40).folder
    path = study / CONFIG
    path.write_text(path.read_text().replace("min_seconds_seen = 0.8", "min_seconds_seen = 0.0"))
    return study


def sync_milliseconds(folder: Path) -> float:
    """Median time in which this disk syncs a page of 4 kB."""
    times = []
    with (folder / "sync").open("wb") as file:
        for _ in range(50):
            start = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1000


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--no-load", action="store_true")
    parser.add_argument("--note", default="", help="what else ran on the machine")
    arguments = parser.parse_args()
    found = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    with tempfile.TemporaryDirectory(prefix="ebb-study-") as name:
        folder = Path(name)
        if not arguments.no_load:
            found["machine"] = {
                "cores": os.cpu_count(),
                "load average before": round(os.getloadavg()[0], 2),
                "note": arguments.note,
                "sync of 4 kB, ms": round(sync_milliseconds(folder), 2),
            }
            found["load"] = {"raters": RATERS} | load(folder)
        if arguments.kills:
            found["kills"] = kills(folder, arguments.kills)
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
