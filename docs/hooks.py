"""What the site takes from the code while it is built: examples of verbs, measurements, benchmark results."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
MEASUREMENTS = "<!-- measurements -->"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Put the results of the benchmarks onto the site, where the pages link to them."""
    for path in sorted(RESULTS.glob("*.json")):
        files.append(File.generated(config, f"results/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Prepare the text of a page; the verbs of the command lines are already in it."""
    markdown = markdown.replace("](../benchmarks/results/", "](results/")
    markdown = re.sub(r"^Example: (.+)$", r"```console\n$ \1\n```", markdown, flags=re.MULTILINE)
    return markdown.replace(MEASUREMENTS, measurements_table())


def measurements_table() -> str:
    """The table of measurements from its declarations in the code."""
    if importlib.util.find_spec("ebb.quality.measurements") is None:
        return "The measurements are described in [Alignment](../alignment.md)."
    from ebb.quality import measurements

    return str(measurements.as_markdown())
