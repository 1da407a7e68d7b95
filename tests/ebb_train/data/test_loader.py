"""Micro-batches from worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch.utils.data.dataloader import _MultiProcessingDataLoaderIter

from ebb.errors import InvalidInput
from ebb_train.data.batch_sampler import BatchRange, SampleIndex, epoch_order
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.loader import MAX_LOST, LoadersLost, micro_batches
from ebb_train.data.sources import open_source
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from ebb.arrays import Rgb8
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


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_with_fork_server() -> None:
    os.kill(os.getppid(), signal.SIGKILL)
    die()


class Deadly(CropDataset):
    """Its worker dies when it takes a certain sample, the first few times."""

    def __init__(self, source: Source, markers: list[Path], action: Callable[[], None]) -> None:
        super().__init__(source, SETTINGS)
        self._markers, self._action = markers, action

    def sample(self, index: SampleIndex) -> tuple[Rgb8, Rgb8, str]:
        for marker in self._markers if index == SampleIndex(int(epoch_order(5, 0, 7)[4]), 0) else []:
            if not marker.exists():
                marker.touch()
                self._action()
        return super().sample(index)


@pytest.fixture
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch looks every five seconds whether its workers are alive."""
    monkeypatch.setattr(_MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.2,))


@pytest.mark.usefixtures("quick_watch")
@pytest.mark.parametrize(("action", "deaths"), [(die, 1), (die, 2), (die_with_fork_server, 1)])
def test_workers_that_are_killed_change_no_bit(
    source: Source, tmp_path: Path, action: Callable[[], None], deaths: int
) -> None:
    """In the middle of the second batch, which comes in micro-batches."""
    batch_range = BatchRange(start=0, batches=3, batch=4, micro_batch=3)
    alone = list(micro_batches(CropDataset(source, SETTINGS), batch_range))
    markers = [tmp_path / str(number) for number in range(deaths)]
    found = list(micro_batches(Deadly(source, markers, action), batch_range, workers=2))
    assert equal(found, alone)
    assert all(marker.exists() for marker in markers)


@pytest.mark.usefixtures("quick_watch")
def test_workers_that_always_die_are_one_error_that_says_to_resume(source: Source, tmp_path: Path) -> None:
    markers = [tmp_path / str(number) for number in range(MAX_LOST)]
    batches = micro_batches(Deadly(source, markers, die), BatchRange(start=0, batches=9, batch=1), workers=1)
    with pytest.raises(LoadersLost, match="died 3 times in succession: DataLoader worker") as caught:
        list(batches)
    assert "\n" not in str(caught.value)
    assert "resumes from the last checkpoint" in caught.value.hint


class Faulty(CropDataset):
    """A source that raises an unexpected error."""

    def sample(self, index: SampleIndex) -> tuple[Rgb8, Rgb8, str]:
        raise OSError("of the sample")


def test_an_error_of_a_sample_is_not_reported_as_a_lost_worker(source: Source) -> None:
    with pytest.raises(OSError, match="of the sample"):
        list(micro_batches(Faulty(source, SETTINGS), BatchRange(start=0, batches=1, batch=1), workers=1))


def test_more_workers_than_cores_cause_no_warning(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings are errors here."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    batches = micro_batches(CropDataset(source, SETTINGS), BatchRange(start=0, batches=1, batch=1), workers=2)
    assert len(list(batches)) == 1


WORKERS_OF_A_KILLED_PROCESS = """
import os, pathlib, signal, sys
from ebb_train.data.batch_sampler import BatchRange
from ebb_train.data.dataset import CropDataset, CropSettings
from ebb_train.data.loader import MAX_LOST, LoadersLost, micro_batches
from ebb_train.data.sources import open_source

if __name__ == "__main__":
    samples = CropDataset(open_source(pathlib.Path(sys.argv[1])), CropSettings(level=7, side=64))
    for batch in micro_batches(samples, BatchRange(start=0, batches=100, batch=1), workers=2):
        print(*batch.pair_ids, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_their_parent_process(tmp_path: Path) -> None:
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
