"""Coverage of all tests, the processes that they start included.

in        tests/
out       the lines that no test reaches, by module, and the total; exit 1 below the floor or if a test fails
hardware  2 cores, no GPU
minutes   about 7
expect    at least FLOOR per cent of the lines

    python pipelines/lines_covered.py --jobs 2                # or: make coverage

Some tests kill processes while these write their data. ``coverage combine`` stops at such a file; here it is
left out and named.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from coverage import Coverage, CoverageData, CoverageException

FLOOR = 98.0
"""Per cent; command lines, which run in processes that end early, are not counted (pyproject.toml)."""


def main() -> int:
    """Run the tests and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", default="2")
    parser.add_argument("tests", nargs="*", help="only these")
    chosen = parser.parse_args()
    pytest = ("pytest", "-n", chosen.jobs, "--dist", "worksteal", *chosen.tests)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        command = (sys.executable, "-m", "coverage", "run", f"--data-file={data}", "-m", *pytest)
        failed = subprocess.run(command, check=False).returncode
        total = report(sorted(Path(folder).glob("data*")), Path(folder) / "total")
    print(f"{total:.2f} % of the lines, floor {FLOOR:g} %")
    return 1 if failed or total < FLOOR else 0


def report(files: list[Path], combined: Path) -> float:
    """Combine data files, print the modules that are not covered whole, and return the per cent covered."""
    total = CoverageData(basename=str(combined))
    for path in files:
        data = CoverageData(basename=str(path))
        try:
            data.read()
            total.update(data)
        except CoverageException as error:
            print(f"left out: {error}")
    total.write()
    coverage = Coverage(data_file=str(combined))
    coverage.load()
    return coverage.report(show_missing=True, skip_covered=True)


if __name__ == "__main__":
    raise SystemExit(main())
