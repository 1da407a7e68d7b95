"""Damaged copies of every kind of file, read by every reader, with statistics of the outcomes.

    PYTHONPATH=. python benchmarks/fuzz.py                       all readers, about 20 minutes on one core
    PYTHONPATH=. python benchmarks/fuzz.py --mutants 100 --only "depth .npz"

A reader may return, or raise an error of ebb. Any other exception, the end of the process, or a file that
takes more than :data:`SLOW_S` seconds or :data:`LARGE_MB` of memory is a fault. Such files are kept in
``tests/corpus``, where ``tests/test_fuzz.py`` reads them at every run. Readers run one after the other, each
in a separate process. Results: ``benchmarks/results/fuzz.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from ebb.errors import EbbError
from tests.helpers.mutation import mutants
from tests.helpers.readers import READERS, Reader, corpus_name, empty

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "fuzz.json"
CORPUS = ROOT / "tests" / "corpus"
SLOW_S, LARGE_MB = 5.0, 1000.0
MUTANTS = 800
"""Number of damaged files per reader."""


@dataclass
class Tally:
    """Outcomes of the damaged files of a reader."""

    mutants: int = 0
    returned: int = 0
    refused: int = 0
    foreign: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    peak_mb: float = 0.0
    """Largest growth of resident memory during the reading of a file."""
    seconds: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        rounded = {name: round(getattr(self, name), 2) for name in ("slowest_s", "peak_mb", "seconds")}
        return vars(self) | rounded | {"foreign": dict(self.foreign)}


def main() -> None:
    """Run all readers, or one in this process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mutants", type=int, default=MUTANTS, help="damaged files per reader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose name contains this; no results are written")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        found = next(reader for reader in READERS if reader.name == options.child)
        print(json.dumps(fuzz(found, options.mutants, options.seed).as_dict()))
        return
    results = {}
    for reader in READERS:
        if options.only in reader.name:
            results[reader.name] = in_process(reader, options.mutants, options.seed)
            print(reader.name, json.dumps(results[reader.name]), flush=True)
    if not options.only:
        RESULT.write_text(json.dumps(summary(results, options.seed), indent=1) + "\n", encoding="utf-8")


def summary(results: dict[str, dict[str, object]], seed: int) -> dict[str, object]:
    """Sums over all readers, and the results of each."""
    rows = list(results.values())
    return {
        "seed": seed,
        "mutants": sum(row["mutants"] for row in rows),  # type: ignore[misc]
        "returned": sum(row["returned"] for row in rows),  # type: ignore[misc]
        "refused": sum(row["refused"] for row in rows),  # type: ignore[misc]
        "foreign": sum(sum(row["foreign"].values()) for row in rows),  # type: ignore[attr-defined]
        "slowest_s": max(row["slowest_s"] for row in rows),  # type: ignore[type-var]
        "peak_mb": max(row["peak_mb"] for row in rows),  # type: ignore[type-var]
        "readers": results,
    }


def in_process(reader: Reader, count: int, seed: int) -> dict[str, object]:
    """Outcomes of a reader, even if its process ends early."""
    command = [sys.executable, __file__, "--child", reader.name, "--mutants", str(count), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "EBB_FUZZ_FOLDER": folder, "PYTHONPATH": str(ROOT)}
        child = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        if child.returncode == 0:
            tally: dict[str, object] = json.loads(child.stdout.splitlines()[-1])
            return tally
        keep(reader, (Path(folder) / "current").read_bytes())
    ended = Tally(mutants=count, foreign=Counter([f"the process ended with {child.returncode}"]))
    return ended.as_dict()


def fuzz(reader: Reader, count: int, seed: int) -> Tally:
    """Read damaged files in this process."""
    root = Path(os.environ.get("EBB_FUZZ_FOLDER") or tempfile.mkdtemp())
    folder = root / "files"
    folder.mkdir()
    tally, begun = Tally(), time.perf_counter()
    for seed_file in reader.seeds():
        try_one(reader, seed_file, folder, Tally())  # imports and cached values
    for data in mutants(reader.seeds(), count, seed, reader.repair):
        (root / "current").write_bytes(data)
        try_one(reader, data, folder, tally)
    tally.seconds = time.perf_counter() - begun
    return tally


def try_one(reader: Reader, data: bytes, folder: Path, tally: Tally) -> None:
    """Read a file, and keep it if it causes a fault."""
    empty(folder)
    tally.mutants += 1
    before = reset_peak()
    start, foreign = time.perf_counter(), ""
    try:
        reader.read(data, folder)
        tally.returned += 1
    except EbbError:
        tally.refused += 1
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        foreign = f"{type(error).__name__}: {str(error)[:100]}"
        tally.foreign[foreign] += 1
    seconds, growth = time.perf_counter() - start, memory_mb("VmHWM") - before
    tally.slowest_s, tally.peak_mb = max(tally.slowest_s, seconds), max(tally.peak_mb, growth)
    if foreign or seconds > SLOW_S or growth > LARGE_MB:
        keep(reader, data)


def keep(reader: Reader, data: bytes) -> None:
    """Add a file to the corpus."""
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / corpus_name(reader.name, data)).write_bytes(data)


def reset_peak() -> float:
    """Reset the peak of resident memory and return the current value in MB (proc(5): clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return memory_mb("VmRSS")


def memory_mb(name: str) -> float:
    """A value of /proc/self/status in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
