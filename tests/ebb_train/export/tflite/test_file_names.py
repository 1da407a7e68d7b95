"""Names of the files of exports."""

from __future__ import annotations

from pathlib import Path

from ebb_train.export.settings import PhotoSize
from ebb_train.export.tflite.file_names import card_name, file_name


def test_names() -> None:
    size = PhotoSize(1024, 1536)
    assert file_name(Path("a/model.tflite"), size, several=False) == Path("a/model.tflite")
    assert file_name(Path("a/model.tflite"), size, several=True) == Path("a/model-1024x1536.tflite")
    assert card_name(Path("a/model.tflite")) == Path("a/model.md")
