"""Published results, as data with their source; they are shown in separate tables."""

from __future__ import annotations

import csv
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from ebb.errors import InvalidInput

INSTALLED = Path("share") / "ebb" / "reference"
"""Folder of an installed package, below the data folder of the environment."""

TITLES = {
    "pynet2020_table1.csv": "EBB! test set, protocol pynet2020",
    "pynet2020_table2.csv": "seconds per photo on phone GPUs, TensorFlow Lite",
}
"""File name → title of the table."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One table of a paper."""

    title: str
    heads: list[str]
    rows: list[list[str]]
    sources: list[str]
    """Sources, each once."""


def read_published(folder: Path | None = None) -> list[Published]:
    """Read every table.

    Args:
        folder: Folder of the CSV files; None: that of the source tree, or otherwise the installed one.

    Raises:
        InvalidInput: the folder or a file is missing or damaged.
    """
    place = folder or reference_folder()
    return [_read(place / name, title) for name, title in TITLES.items()]


def reference_folder() -> Path:
    """The folder with the CSV files.

    Raises:
        InvalidInput: there is no such folder.
    """
    candidates = (
        Path(__file__).parents[2] / "data" / "reference",
        Path(sysconfig.get_path("data")) / INSTALLED,
    )
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise InvalidInput("the published numbers are missing", path=candidates[-1], hint="install ebb again")


def _read(path: Path, title: str) -> Published:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidInput(f"cannot be read: {error}", path=path) from error
    if not lines or any(None in line or not line.get("source") for line in lines):
        raise InvalidInput("every row has a source and as many cells as the head", path=path)
    heads = [name for name in lines[0] if name != "source"]
    return Published(
        title=title,
        heads=heads,
        rows=[[line[name] or "—" for name in heads] for line in lines],
        sources=list(dict.fromkeys(line["source"] for line in lines)),
    )
