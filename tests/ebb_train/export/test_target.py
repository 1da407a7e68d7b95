"""Where exports go."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.errors import OutputError, UsageError
from ebb_train.export.settings import PhotoSize
from ebb_train.export.target import card_name, check_target, file_name


def test_names() -> None:
    size = PhotoSize(1024, 1536)
    assert file_name(Path("a/model.tflite"), size, several=False) == Path("a/model.tflite")
    assert file_name(Path("a/model.tflite"), size, several=True) == Path("a/model-1024x1536.tflite")
    assert card_name(Path("a/model.tflite")) == Path("a/model.md")


@pytest.mark.parametrize("name", ["model", "model.md", "level-1.safetensors", "model.onnx"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"must end in \.tflite \(such as {Path(name).stem}\.tflite\)"):
        check_target(Path(name), ".tflite")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").mkdir()
    with pytest.raises(OutputError, match="a folder has this name"):
        check_target(tmp_path / "a.onnx", ".onnx")
    check_target(tmp_path / "new" / "a.onnx", ".onnx")
    assert not (tmp_path / "new").exists()
