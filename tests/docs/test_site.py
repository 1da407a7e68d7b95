"""The site: built without warnings, complete, and without network requests."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cyclopts import App

ROOT = Path(__file__).parents[2]
FETCHED = re.compile(
    r"""<(?:script|img|iframe|source|audio|video|embed|object)\b[^>]*?\s(?:src|srcset|data)=["']?\s*(?:https?:)?//
    |<link\b(?=[^>]*\srel=["']?(?:stylesheet|preconnect|prefetch|preload|dns-prefetch|icon|modulepreload))
       [^>]*?\shref=["']?\s*(?:https?:)?//
    |@import\s+(?:url\()?["']?(?:https?:)?//
    |url\(["']?\s*(?:https?:)?//""",
    re.VERBOSE | re.IGNORECASE,
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | quiet, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_makes_no_requests(site: Path) -> None:
    pages = [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]
    assert len(pages) > 20
    found = {path.name: hit[0] for path in pages if (hit := FETCHED.search(path.read_text()))}
    assert found == {}


def test_the_reference_holds_the_public_names_without_markup_of_sphinx(site: Path) -> None:
    for package, name in (("ebb", "align_pair"), ("ebb_train", "load_model")):
        (page,) = (path.read_text() for path in site.rglob("*.html") if path.stem == package)
        assert not re.findall(r":(?:attr|class|data|func|meth|mod):\S{0,30}", page)
        assert f'id="{package}.{name}"' in page
        assert f'href="#{package}.cli"' not in page, "internal modules are not listed"


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="https://example.org/a.js"></script>',
        "<script src=//example.org/a.js></script>",
        '<link href="https://example.org/font.css" rel="stylesheet">',
        "<style>@font-face{src:url(https://example.org/a.woff2)}</style>",
        '<img alt="" src="http://example.org/a.png">',
    ],
)
def test_the_check_for_requests_can_fail(text: str) -> None:
    assert FETCHED.search(text)
    assert not FETCHED.search('<a href="https://example.org">there</a><script src="a.js"></script>')


def verbs(app: App, path: tuple[str, ...]) -> dict[tuple[str, ...], App]:
    """Every verb below a command, by the words that a user types."""
    found: dict[tuple[str, ...], App] = {}
    for name in app:
        if not name.startswith("-"):
            found |= {(*path, name): app[name]} | verbs(app[name], (*path, name))
    return found


@pytest.mark.parametrize(("module", "command"), [("ebb.cli", "ebb"), ("ebb_train.cli", "ebb-train")])
def test_every_verb_and_flag_is_on_its_page(site: Path, module: str, command: str) -> None:
    import importlib

    app: App = importlib.import_module(module).app
    page = (site / "reference" / f"{command}-command.html").read_text()
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    expected = verbs(app, (command,))
    assert len(expected) > 10
    for verb, its_app in expected.items():
        assert f'id="{"-".join(verb)}"' in page, verb
        if its_app.default_command is None:
            continue
        for argument in its_app.assemble_argument_collection(parse_docstring=True):
            if argument.show:
                assert argument.name in text, (verb, argument.name)
    assert f"$ {command} " in text, "examples are blocks of their own"


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    import ebb
    import ebb_train
    import ebb_train.study

    for package in (ebb, ebb_train, ebb_train.study):
        page = (site / "reference" / f"{package.__name__}.html").read_text()
        for name in getattr(package, "__all__", ()):
            if not name.startswith("__"):
                assert f'id="{package.__name__}.{name}"' in page, name


def test_lists_are_lists_and_no_markup_is_left(site: Path) -> None:
    """Python-Markdown wants an empty line before a list; without it, bullets are text of a paragraph."""
    for path in site.rglob("*.html"):
        text = re.sub(r"<pre.*?</pre>", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(r"<p>(?:(?!</p>).)*\n(?:[-*]|\d\.) ", text, re.DOTALL), path.name
        assert "::: " not in text, path.name


def test_search_works_from_disk(site: Path) -> None:
    assert "iframe-worker.js" in (site / "index.html").read_text()
    assert (site / "iframe-worker.js").exists()
    index = (site / "search" / "search_index.js").read_text()
    assert "photographer" in index
