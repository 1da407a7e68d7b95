"""Where an export goes: looked at before the long work, so that it is not in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ebb.errors import UsageError
from ebb.files import check_writable

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.export.settings import PhotoSize

CARD_SUFFIX = ".md"


def check_target(out: Path, suffix: Literal[".tflite", ".onnx"]) -> None:
    """Refuse a file that could not be written, or that could be the checkpoint or the card beside it.

    Raises:
        UsageError: its name does not end in ``suffix``.
        OutputError: it cannot be written.
    """
    if out.suffix != suffix:
        hint = f"such as {out.stem or 'model'}{suffix}"
        raise UsageError(f"the file to write must end in {suffix}", path=out, hint=hint)
    check_writable(out)


def file_name(out: Path, size: PhotoSize, *, several: bool) -> Path:
    """The file of one size: ``model.tflite``, or ``model-1024x1536.tflite`` where there are several."""
    return out.with_name(f"{out.stem}-{size}{out.suffix}") if several else out


def card_name(file: Path) -> Path:
    """The card beside a file."""
    return file.with_suffix(CARD_SUFFIX)
