"""What is refused before the first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from lightning_fabric import Fabric

from ebb.errors import MissingDependency, UsageError
from ebb_train.fit.setup import check_batches, claim, launch
from ebb_train.settings import ComputeSettings, FitSettings, read_schedule

if TYPE_CHECKING:
    from pathlib import Path


def test_a_batch_must_divide_among_the_devices() -> None:
    schedule = read_schedule("paper")
    check_batches(schedule.down_to(5), 10)
    with pytest.raises(UsageError, match="level 4: a batch of 14 does not divide among 10 devices"):
        check_batches(schedule, 10)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_devices_that_are_not_there() -> None:
    with pytest.raises(MissingDependency, match=r"0 GPUs are there \(--device cpu"):
        launch(FitSettings(), ComputeSettings(device="cuda"))
    assert launch(FitSettings(), ComputeSettings()).device.type == "cpu"


def test_half_precision_needs_a_gpu() -> None:
    with pytest.raises(UsageError, match="fp16 needs a GPU"):
        launch(FitSettings(precision="fp16"), ComputeSettings(device="cpu"))


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_of_the_network(precision: Any, dtype: torch.dtype) -> None:
    fabric = launch(FitSettings(precision=precision), ComputeSettings(device="cpu"))
    with fabric.autocast():
        assert torch.nn.functional.conv2d(torch.rand(1, 1, 4, 4), torch.rand(1, 1, 3, 3)).dtype == dtype


def test_a_folder_that_another_run_has(tmp_path: Path) -> None:
    fabric = Fabric(accelerator="cpu", devices=1)
    folder = claim(fabric, tmp_path, {"seed": 0})
    assert folder is not None
    folder.close()
    with pytest.raises(UsageError, match="seed is 0, not 1"):
        claim(fabric, tmp_path, {"seed": 1})
