"""Speed, memory and accuracy of the pairing of 10 000 captures.

Run: ``python benchmarks/pairing.py``

Method: a seeded generator makes catalogue rows (without pixels) of five photographers with one camera each:
two write RAW and JPEG, two RAW, one JPEG; two have whole-second clocks. A scene is a wide and a shallow photo
in either order, 2 to 12 s apart; 17 to 132 s pass before the next scene (one time in thirteen less than
--max-gap, 30 s). 10 % of the scenes are bursts (three wide photos, then a shallow one), 10 % have an f/8
photo in the middle, and 10 % lack the partner. In every tenth folder of 100 photos the times are missing. The
generator knows which two photos of a scene belong together (of a burst, the last wide one): the planted
truth.

- ``seconds``: median wall time of 5 runs of ``pair_captures`` on the shuffled rows, after a warm-up run.
- ``peak_traced_bytes``: peak of tracemalloc in another run, including verdicts, without the captures
  themselves.
- ``found``: share of the planted pairs among the verdicts; ``found_timed``: of those whose files have a time.
- ``unplanted``: pairs that were not planted. They consist of a photo without partner and one of another
  scene, mostly where only the file order is known; alignment must reject them. ``unplanted_timed``: of files
  with a time.
- ``scaling_exponent``, ``memory_exponent``: slope of the logarithm over that of the number of rows; 1 is
  linear.
- ``stopped_clock``: seconds for captures of one camera that all have the same time, with apertures in random
  order: the longest line that the matching can have.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
import tracemalloc
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np

from ebb.errors import Status
from ebb.photo.capture import Capture, Exif
from ebb.photo.pairing import pair_captures
from ebb.settings import IngestSettings

RESULT = Path(__file__).parent / "results" / "pairing.json"
SIZES = (2_500, 5_000, 10_000)
SEED = 2020
WIDE, OTHER, SHALLOW = 16.0, 8.0, 1.8


@dataclass(frozen=True)
class Body:
    """One camera and how it writes its files."""

    camera: str
    kinds: tuple[str, ...]
    whole_seconds: bool


BODIES = (
    Body("Canon EOS 7D", ("CR2", "JPG"), whole_seconds=False),
    Body("Canon EOS R5", ("CR3",), whole_seconds=False),
    Body("NIKON D850", ("NEF", "JPG"), whole_seconds=True),
    Body("SONY ILCE-7M3", ("ARW",), whole_seconds=True),
    Body("FUJIFILM X-T4", ("JPG",), whole_seconds=False),
)
"""Five cameras: two write RAW + JPEG, two RAW, one JPEG."""


def scene(rng: random.Random) -> tuple[list[float], tuple[int, int] | None]:
    """F-numbers of a scene in order of capture, and the two photos of the planted pair."""
    kind = rng.random()
    if kind < 0.1:
        return [WIDE, WIDE, WIDE, SHALLOW], (2, 3)
    if kind < 0.2:
        return [WIDE, OTHER, SHALLOW], (0, 2)
    if kind < 0.3:
        return [rng.choice([WIDE, SHALLOW])], None
    return ([WIDE, SHALLOW], (0, 1)) if rng.random() < 0.7 else ([SHALLOW, WIDE], (1, 0))


def shoot(body: Body, rows: int, rng: random.Random) -> tuple[list[Capture], set[tuple[str, str]]]:
    """About ``rows`` captures of one camera, and the planted (wide, shallow) names."""
    captures: list[Capture] = []
    planted = set()
    clock = datetime.fromisoformat("2019-06-02 10:00:00")
    number = 0
    while len(captures) < rows:
        f_numbers, pair = scene(rng)
        folder = f"{body.camera}/{number // 100:03d}"
        timed = number // 100 % 10 != 9
        names = [f"{folder}/IMG_{number + i}.{body.kinds[0]}" for i in range(len(f_numbers))]
        for name, f_number in zip(names, f_numbers, strict=True):
            stamp = clock.replace(microsecond=0) if body.whole_seconds else clock
            exif = Exif(
                camera=body.camera,
                lens="50mm f/1.8",
                focal_length_mm=50.0,
                f_number=f_number,
                captured_at=stamp if timed else None,
            )
            for kind in body.kinds:
                path = str(Path(name).with_suffix(f".{kind}"))
                digest = sha256(path.encode()).hexdigest()
                captures.append(Capture(name=path, sha256=digest, width=5184, height=3456, exif=exif))
            clock += timedelta(seconds=rng.uniform(0.3, 1) if len(f_numbers) > 3 else rng.uniform(2, 12))
        if pair:
            planted.add((names[pair[0]], names[pair[1]]))
        clock += timedelta(seconds=rng.uniform(15, 120))
        number += len(f_numbers)
    return captures, planted


def catalogue(rows: int, seed: int = SEED) -> tuple[list[Capture], set[tuple[str, str]]]:
    """``rows`` captures of all cameras, shuffled, and the planted pairs whose files are among them."""
    rng = random.Random(seed)
    captures: list[Capture] = []
    planted: set[tuple[str, str]] = set()
    for body in BODIES:
        shots, pairs = shoot(body, rows // len(BODIES), rng)
        captures += shots[: rows // len(BODIES)]
        planted |= pairs
    names = {capture.name for capture in captures}
    rng.shuffle(captures)
    return captures, {pair for pair in planted if names.issuperset(pair)}


def median_seconds(captures: list[Capture], settings: IngestSettings, runs: int = 5) -> float:
    """Median wall time of ``runs`` runs after a warm-up run."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        pair_captures(captures, settings)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def peak_traced_bytes(captures: list[Capture], settings: IngestSettings) -> int:
    """Peak of the memory allocated by Python during one run."""
    tracemalloc.start()
    pair_captures(captures, settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def measure(rows: int, settings: IngestSettings) -> dict[str, float]:
    """Time, memory and truth for one catalogue."""
    captures, planted = catalogue(rows)
    verdicts = pair_captures(captures, settings)
    paired = [v for v in verdicts if v.status is Status.OK and v.role == "wide"]
    found = {(v.capture.name, v.partner) for v in paired}
    timed = {c.name for c in captures if c.exif.captured_at is not None}
    planted_timed = {pair for pair in planted if timed.issuperset(pair)}
    found_timed = {pair for pair in found if timed.issuperset(pair)}
    peak = peak_traced_bytes(captures, settings)
    return {
        "rows": rows,
        "seconds": round(median_seconds(captures, settings), 4),
        "peak_traced_bytes": peak,
        "bytes_a_row": round(peak / rows),
        "planted": len(planted),
        "found": round(len(planted & found) / len(planted), 4),
        "found_timed": round(len(planted_timed & found) / len(planted_timed), 4),
        "unplanted": len(found - planted),
        "unplanted_timed": len(found_timed - planted),
    }


def stopped_clock(rows: int, settings: IngestSettings) -> float:
    """Seconds for ``rows`` captures of one camera that all have the same time."""
    exif = Exif(camera="one", f_number=WIDE, captured_at=datetime.fromisoformat("2000-01-01 00:00:00"))
    rng = random.Random(SEED)
    captures = [
        Capture(
            name=f"IMG_{number}.CR2",
            sha256=sha256(str(number).encode()).hexdigest(),
            exif=replace(exif, f_number=rng.choice([WIDE, SHALLOW])),
        )
        for number in range(rows)
    ]
    return round(median_seconds(captures, settings), 4)


def main() -> None:
    """Measure all sizes, print them and write the JSON."""
    parser = argparse.ArgumentParser(description="Time, memory and truth of capture pairing.")
    parser.add_argument("--out", type=Path, default=RESULT, help="JSON to write")
    out: Path = parser.parse_args().out
    settings = IngestSettings()
    results = [measure(rows, settings) for rows in SIZES]
    logs = [np.log([result[name] for result in results]) for name in ("rows", "seconds", "peak_traced_bytes")]
    report = {
        "benchmark": "pairing",
        "seed": SEED,
        "runs": 5,
        "results": results,
        "scaling_exponent": round(float(np.polyfit(logs[0], logs[1], 1)[0]), 3),
        "memory_exponent": round(float(np.polyfit(logs[0], logs[2], 1)[0]), 3),
        "stopped_clock": {"rows": SIZES[-1], "seconds": stopped_clock(SIZES[-1], settings)},
        "machine": {
            "python": platform.python_version(),
            "cores": len(os.sched_getaffinity(0)),
            "architecture": platform.machine(),
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    sys.stdout.write(text)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
