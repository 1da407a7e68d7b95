"""Names of the files that an export writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.export.settings import PhotoSize

CARD_SUFFIX = ".md"


def file_name(out: Path, size: PhotoSize, *, several: bool) -> Path:
    """File of one size: ``model.tflite``, or ``model-1024x1536.tflite`` if there are several sizes."""
    return out.with_name(f"{out.stem}-{size}{out.suffix}") if several else out


def card_name(file: Path) -> Path:
    """Path of the model card beside a file."""
    return file.with_suffix(CARD_SUFFIX)
