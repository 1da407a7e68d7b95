"""MkDocs hooks: benchmark results and examples of commands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
ROLE = re.compile(r":(?:attr|class|data|exc|func|meth|mod):<code>(?P<short>~?)(?P<name>[^<]*)</code>")
"""A reference of Sphinx in rendered Markdown; a tilde shortens it to the last part."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the results of the benchmarks to the site, as the target of links."""
    for path in sorted(RESULTS.glob("*.json")):
        files.append(File.generated(config, f"results/{path.name}", abs_src_path=str(path)))
    return files


def on_page_content(html: str, **_: object) -> str:
    """Show the cross-references of docstrings, such as ``:func:`ebb.align_pair```, as code."""
    return ROLE.sub(_code, html)


def _code(found: re.Match[str]) -> str:
    name = found["name"].rpartition(".")[2] if found["short"] else found["name"]
    return f"<code>{name}</code>"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Fix links to benchmark results and format the examples of commands."""
    markdown = markdown.replace("](../benchmarks/results/", "](results/")
    return re.sub(r"^Example: (.+)$", r"```console\n$ \1\n```", markdown, flags=re.MULTILINE)
