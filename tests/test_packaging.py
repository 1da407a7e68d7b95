"""Wheel and sdist: they build, they hold every file, and the commands run from the wheel alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

from ebb.errors import DISTRIBUTION

ROOT = Path(__file__).parents[1]
SOURCES = ("ebb", "ebb_train", "data/reference")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


class Built(NamedTuple):
    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An sdist of a copy of the sources, and the wheel built from that sdist."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in SOURCES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", *PROJECT["license-files"]):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Built(next(out.glob("*.tar.gz")), next(out.glob("*.whl")))


@pytest.fixture(scope="module")
def environment(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel; the dependencies are those of this one, without its copy of ebb."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "--python", home / "bin" / "python", *install, built.wheel]
    subprocess.run(command, check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(home)})
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def run(environment: Path, command: str, *arguments: str) -> str:
    """What an installed command prints, away from the sources."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [environment / "bin" / command, *arguments],
        cwd=environment,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of_the_sources() -> set[str]:
    folders = [ROOT / "ebb", ROOT / "ebb_train"]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}


def test_the_wheel_holds_every_file_of_both_packages(built: Built) -> None:
    names = set(zipfile.ZipFile(built.wheel).namelist())
    assert files_of_the_sources() <= names
    for name in ("ebb/py.typed", "ebb_train/py.typed", "ebb/pages/page.css", "ebb/pages/page.js"):
        assert name in names
    tables = {Path(name).name for name in names if "/data/share/ebb/reference/" in name}
    assert tables == {path.name for path in (ROOT / "data" / "reference").iterdir()}
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_the_sdist_contains_the_sources_of_the_wheel(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert files_of_the_sources() <= names
    assert {"pyproject.toml", "README.md", "LICENSE", "NOTICE"} <= names


def test_the_metadata(built: Built) -> None:
    assert built.wheel.name == f"{DISTRIBUTION.replace('-', '_')}-{PROJECT['version']}-py3-none-any.whl"
    with zipfile.ZipFile(built.wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    assert f"\nName: {DISTRIBUTION}\n" in metadata
    assert set(re.findall(r"^Provides-Extra: (.+)$", metadata, re.MULTILINE)) == set(
        PROJECT["optional-dependencies"]
    )


@pytest.mark.parametrize("command", ["ebb", "ebb-train"])
def test_the_commands_run_from_the_wheel(environment: Path, command: str) -> None:
    assert f"Usage: {command} COMMAND" in run(environment, command, "--help")
    assert run(environment, command, "--version").strip() == PROJECT["version"]


def test_the_installed_packages_are_those_of_the_wheel(environment: Path) -> None:
    code = (
        "import ebb, ebb_train.evaluation.published as published\n"
        "print(ebb.__file__)\nprint(published.reference_folder())"
    )
    module, reference = run(environment, "python", "-c", code).splitlines()
    assert Path(module).is_relative_to(environment)
    assert Path(reference) == environment / "share" / "ebb" / "reference"


# --- the name of the distribution: `ebb` is another project's


DOCUMENTS = {".py", ".md", ".toml", ".sh", ".jinja", ".yml", ".ipynb", ".html", ".js", ".txt", ".cff"}


def texts() -> dict[str, str]:
    """Every document, message and script that may tell someone what to install."""
    folders = ("ebb", "ebb_train", "docs", "benchmarks", "pipelines", "tests", "data")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    kept = [path for path in found if path.is_file() and path.suffix in DOCUMENTS]
    kept += [path for path in ROOT.glob("*") if path.suffix in DOCUMENTS] + [ROOT / "Makefile"]
    return {str(path.relative_to(ROOT)): path.read_text() for path in kept if path != Path(__file__)}


OTHER_PROJECT = re.compile(
    r"""pip\ install\ [^\n`&;]*?(?<![\w./-])\\?['"]?ebb(?![\w-])  # pip install ebb, pip install 'ebb[heic]'
    |['"]ebb(?:\\?\[\w)                                     # 'ebb[heic]' anywhere
    |(?:version|distribution|metadata)\(['"]ebb['"]""",
    re.VERBOSE,
)


def test_documents_and_messages_are_searched() -> None:
    names = texts().keys()
    assert {
        "README.md",
        "CONTRIBUTING.md",
        "docs/index.md",
        "ebb/errors.py",
        "ebb_train/optional.py",
    } <= names
    assert {"ebb/pages/page.html.jinja", "ebb/dataset/card.md.jinja", "Makefile", "pyproject.toml"} <= names


def test_nothing_names_the_other_project() -> None:
    assert {name: found[0] for name, text in texts().items() if (found := OTHER_PROJECT.search(text))} == {}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("pip install ebb", True),
        ("pip install -U 'ebb[heic]'", True),
        ("hint=\"pip install 'ebb[train]'\"", True),
        (r"pip install 'ebb\[train\]'", True),
        ('version("ebb")', True),
        ('"!pip install \\"ebb[heic]\\"\\n"', True),
        ("%pip install ebb", True),
        ("<code>pip install ebb</code>", True),
        (f"pip install '{DISTRIBUTION}[heic]'", False),
        ("pip install . && ebb run", False),
        ("pip install .\nebb run", False),
        ("pip install './ebb'", False),
    ],
)
def test_the_check_for_the_other_project_can_fail(text: str, wrong: bool) -> None:
    assert bool(OTHER_PROJECT.search(text)) == wrong


def test_every_extra_that_is_named_exists() -> None:
    named = {
        extra.strip()
        for text in texts().values()
        for extras in re.findall(rf"{DISTRIBUTION}\[([\w, ]+)\]", text)
        for extra in extras.split(",")
    }
    asked = {name for text in texts().values() for name in re.findall(r'install_extra\("(\w+)"\)', text)}
    assert {"heic", "train", "tflite"} <= named | asked
    assert named | asked <= PROJECT["optional-dependencies"].keys()
