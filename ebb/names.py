"""Words for people: file names in their natural order, made safe to show or to store; counted things."""

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
    """Turn a name into text that can be stored and shown; what is not UTF-8 becomes hex escapes.

    It says so at its end: another file may have these very escapes as its name.
    """
    if is_text(name):
        return name
    return f"{os.fsencode(name).decode('utf-8', 'backslashreplace')} (not UTF-8)"


def portable_name(name: str) -> str:
    """A file name that every system and reader can take: control characters and backslashes become %XX."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f\\]", lambda found: f"%{ord(found[0]):02X}", name)


def one_line(text: str) -> str:
    """Text with its line breaks written out, as a file name may hold some."""
    return text.replace("\n", "\\n")


def printable(text: str) -> str:
    """Text without control characters but line breaks: a file name must not steer the terminal."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1]
        for character in text.encode("utf-8", "backslashreplace").decode()
    )


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 pair``, ``2 pairs``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
