"""Micro-batches from worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from skimage.transform import downscale_local_mean

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import BatchRange, epoch_order
from ebb_train.data.dataset import CropDataset, CropSettings, full_height, unit_range
from ebb_train.data.loader import micro_batches
from ebb_train.data.sources import Photos, open_source
from ebb_train.models.pynet import LEVELS, output_size
from tests.helpers.datasets import photos, record, write_ebb, write_set

if TYPE_CHECKING:
    from ebb_train.data.dataset import Batch
    from ebb_train.data.sources import Source

SETTINGS = CropSettings(level=6, side=64, seed=5)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("set")
    return open_source(write_set(folder, [[record(i) for i in range(4)], [record(i) for i in range(4, 7)]]))


def equal(left: list[Batch], right: list[Batch]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(a.photo, b.photo) and torch.equal(a.target, b.target) and a.pair_ids == b.pair_ids
        for a, b in zip(left, right, strict=True)
    )


def test_the_number_of_workers_changes_nothing(source: Source) -> None:
    samples, batch_range = CropDataset(source, SETTINGS), BatchRange(start=2, batches=3, batch=4, micro_batch=3)
    before = torch.get_rng_state()
    alone = list(micro_batches(samples, batch_range))
    with_help = list(micro_batches(samples, batch_range, workers=2))
    assert equal(alone, with_help)
    assert torch.equal(torch.get_rng_state(), before)
    assert [len(batch.pair_ids) for batch in alone] == [3, 1] * 3


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_is_one_error_that_names_the_shard(tmp_path: Path, workers: int) -> None:
    write_set(tmp_path, [[record(i) for i in range(3)]])
    path = tmp_path / "train-00000-of-00001.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(record(1).shallow) + 300] ^= 4
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="row group 0") as caught:
        list(micro_batches(CropDataset(open_source(tmp_path), SETTINGS), BatchRange(start=0, batches=1, batch=3), workers=workers))
    assert caught.value.path == path
    assert "\n" not in caught.value.message


WORKERS_OF_A_KILLED_PROCESS = """
import os, pathlib, signal, sys
from ebb_train.data.batch_sampler import BatchRange
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.loader import micro_batches
from ebb_train.data.sources import open_source

if __name__ == "__main__":
    samples = CropDataset(open_source(pathlib.Path(sys.argv[1])), CropSettings(level=7, side=64))
    for batch in micro_batches(samples, BatchRange(start=0, batches=100, batch=1), workers=2):
        print(*batch.pair_ids, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_go_with_the_process_they_work_for(tmp_path: Path) -> None:
    write_set(tmp_path, [[record(i) for i in range(3)]])
    script = tmp_path / "killed.py"
    script.write_text(WORKERS_OF_A_KILLED_PROCESS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    # the workers hold the other ends of the pipes: this waits for them
    done = subprocess.run(
        [sys.executable, script, tmp_path], env=environment, capture_output=True, timeout=300, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert len(done.stdout.split()) == 1
