"""Text for messages and tables: file names in natural order, safe to print or store; counted nouns."""

from __future__ import annotations

import difflib
import os
import re
from collections import defaultdict
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def natural_key(name: str) -> tuple[str | int, ...]:
    """Sort key in natural order: ``IMG_2`` before ``IMG_10``, letter case ignored."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple(int(part) if index % 2 else part for index, part in enumerate(parts))


def is_text(name: str) -> bool:
    """Whether a name from the file system is valid Unicode text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    """Convert a name to text that can be stored and printed; bytes that are not UTF-8 become hex escapes.

    A note is added at the end, as another file can have the same escapes as its name.
    """
    if is_text(name):
        return name
    return f"{os.fsencode(name).decode('utf-8', 'backslashreplace')} (not UTF-8)"


def portable_name(name: str) -> str:
    """Convert a file name to one that is valid everywhere: control characters and backslashes become %XX."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\\]", lambda found: f"%{ord(found[0]):02X}", name)


def similar(name: str, names: Iterable[str]) -> list[str]:
    """Up to three names with a similar path or file name, ignoring case, the most similar first.

    Args:
        name: A name that is none of them.
        names: Paths with forward slashes.
    """
    spelled: dict[str, list[str]] = defaultdict(list)
    for known in names:
        path = PurePosixPath(known)
        for spelling in {known, path.name, path.stem}:
            spelled[spelling.casefold()].append(known)
    found = difflib.get_close_matches(name.casefold(), spelled, n=3)
    return list(dict.fromkeys(known for spelling in found for known in spelled[spelling]))[:3]


def one_line(text: str) -> str:
    """Write line breaks, which file names can contain, as escapes."""
    return text.replace("\n", "\\n")


def printable(text: str) -> str:
    """Escape control characters except line breaks, so that file names cannot control the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text.encode("utf-8", "backslashreplace").decode()
    )


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 pair``, ``2 pairs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
