from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb.errors import InvalidInput, UsageError
from ebb_train.subject.source import open_masks

if TYPE_CHECKING:
    from pathlib import Path


def test_by_name(tmp_path: Path) -> None:
    assert [open_masks(choice).name for choice in ("depth", "grabcut", str(tmp_path))] == [
        "depth",
        "grabcut",
        "masks",
    ]
    assert [open_masks(choice).needs_depth for choice in ("depth", "grabcut")] == [True, False]


def test_unknown_and_missing(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_masks("haar")
    assert str(caught.value) == (
        "no masks are called 'haar' "
        "(give depth, grabcut, a folder of masks, or a segmentation network (.onnx, .tflite))"
    )
    for suffix in (".onnx", ".TFLITE"):
        with pytest.raises(InvalidInput, match="segmentation network"):
            open_masks(str(tmp_path / f"none{suffix}"))
