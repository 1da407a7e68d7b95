"""File names: their natural order, and what to do with one that is not text."""

from __future__ import annotations

import os
import re


def natural_key(name: str) -> tuple[str | int, ...]:
    """Sort key that counts: ``IMG_2`` before ``IMG_10``, letter case ignored."""
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
    """Turn a name into text that can be stored and shown; what is not UTF-8 becomes hex escapes."""
    return name if is_text(name) else os.fsencode(name).decode("utf-8", "backslashreplace")
