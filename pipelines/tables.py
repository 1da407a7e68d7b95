"""Tables of docs/benchmark.md, made from the sample captures.

in        data/sample/captures
out       build/tables/: data set, pictures and scores of every model, index.html;
          docs/benchmark.md between its marks, and benchmarks/results/tables.json, both reproducible
hardware  2 cores, no GPU
minutes   about 2
expect    on the 2 test pairs, layered scores above gaussian, and gaussian above identity, out of focus and on
          the boundary

    python pipelines/tables.py                # or: make tables
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from ebb.cli import main as ebb
from ebb.console import PlainProgress
from ebb.files import write_atomic
from ebb_train.evaluation.benchmark import REPORT, TEXT, benchmark
from ebb_train.evaluation.settings import ScoreSettings, TimingSettings
from ebb_train.metrics.protocols import PROTOCOLS

ROOT = Path(__file__).parents[1]
CAPTURES = ROOT / "data" / "sample" / "captures"
MODELS = ("identity", "gain", "gaussian", "layered")
BEGIN, END = "<!-- tables: begin -->\n", "<!-- tables: end -->\n"


def main() -> None:
    """Make the data set, compare the models, and write the page, the JSON and the document."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / "build" / "tables",
        help="folder for the data set, pictures and pages",
    )
    parser.add_argument("--document", type=Path, default=ROOT / "docs" / "benchmark.md")
    parser.add_argument("--json", type=Path, default=ROOT / "benchmarks" / "results" / "tables.json")
    options = parser.parse_args()
    make_set(options.work / "set")
    settings = ScoreSettings(protocol=tuple(PROTOCOLS))
    out = options.work / "benchmark"
    shutil.rmtree(out, ignore_errors=True)  # predictions of an earlier data set are not valid
    benchmark(MODELS, options.work / "set", out, settings, TimingSettings(repeats=0), PlainProgress())
    tables = (out / TEXT).read_text(encoding="utf-8")
    text = options.document.read_text(encoding="utf-8")
    write_atomic(options.document, replace_tables(text, tables).encode())
    write_atomic(options.json, (out / REPORT).read_bytes())


def make_set(folder: Path) -> None:
    """Make a data set: one pair for calibration, two for testing; a fourth is rejected. Raises SystemExit."""
    flags = ["--provider", "sidecar", "--test", "3", "--val", "0"]
    try:
        ebb(["run", str(CAPTURES), "--dataset", str(folder), *flags])
    except SystemExit as error:
        if error.code:
            raise


def replace_tables(text: str, tables: str) -> str:
    """Replace the tables between the marks of a document."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"the document has no {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


if __name__ == "__main__":
    main()
