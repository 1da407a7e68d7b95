"""Batches: what is in them, in which order, and that nothing but the seed and the position matters."""

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
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import downscale_local_mean

from ebb.errors import InvalidInput
from ebb_train.data.samples import (
    Draws,
    Samples,
    SampleSettings,
    Stretch,
    epoch_order,
    full_height,
    micro_batches,
    unit_range,
)
from ebb_train.data.sources import Photos, open_source
from ebb_train.models.pynet import LEVELS, output_size
from tests.helpers.datasets import photos, record, write_ebb, write_set

if TYPE_CHECKING:
    from ebb_train.data.samples import Batch
    from ebb_train.data.sources import Source

SETTINGS = SampleSettings(level=6, side=64, seed=5)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tmp_path_factory.mktemp("set")
    return open_source(write_set(folder, [[record(i) for i in range(4)], [record(i) for i in range(4, 7)]]))


class Scene:
    """A source of one pair, in memory."""

    def __init__(self, width: int, height: int, *, is_shallow_wide: bool = False, has_depth: bool = True) -> None:
        wide, shallow, depth = photos(1, width, height)
        self.folder = "scene"
        self.pair = Photos("a", wide, wide if is_shallow_wide else shallow, depth if has_depth else None)

    def __len__(self) -> int:
        return 1

    def read(self, index: int) -> Photos:
        return self.pair


def equal(left: list[Batch], right: list[Batch]) -> bool:
    return len(left) == len(right) and all(
        torch.equal(a.photo, b.photo) and torch.equal(a.target, b.target) and a.pair_ids == b.pair_ids
        for a, b in zip(left, right, strict=True)
    )


@given(
    num_pairs=st.integers(1, 40),
    batch=st.integers(1, 12),
    micro=st.integers(0, 5),
    ranks=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_every_pair_once_an_epoch_over_all_ranks(
    num_pairs: int, batch: int, micro: int, ranks: int, seed: int
) -> None:
    batch *= ranks
    stretch = Stretch(start=0, batches=-(-2 * num_pairs // batch), batch=batch, micro_batch=micro, ranks=ranks)
    seen = [
        draw
        for rank in range(ranks)
        for draws in Draws(num_pairs, seed, replace(stretch, rank=rank))
        for draw in draws
    ]
    assert len(seen) == len(set(seen)) == stretch.batches * batch
    for epoch in (0, 1):
        assert sorted(draw.pair for draw in seen if draw.epoch == epoch) == list(range(num_pairs))


@given(st.integers(0, 30), st.integers(1, 6), st.integers(1, 9))
@settings(deadline=None, max_examples=30)
def test_a_stretch_goes_on_where_another_stopped(start: int, batch: int, cut_at: int) -> None:
    whole = list(Draws(7, 1, Stretch(start=start, batches=10, batch=batch)))
    first = list(Draws(7, 1, Stretch(start=start, batches=cut_at, batch=batch)))
    rest = list(Draws(7, 1, Stretch(start=start + cut_at * batch, batches=10 - cut_at, batch=batch)))
    assert first + rest == whole


def test_micro_batches_and_ranks_share_out_the_same_samples() -> None:
    whole = [draw for draws in Draws(9, 2, Stretch(start=3, batches=4, batch=6)) for draw in draws]
    parts = Stretch(start=3, batches=4, batch=6, micro_batch=2)
    assert [draw for draws in Draws(9, 2, parts) for draw in draws] == whole
    assert [len(draws) for draws in Draws(9, 2, replace(parts, micro_batch=4))] == [4, 2] * 4
    ranks = [list(Draws(9, 2, Stretch(start=3, batches=4, batch=6, ranks=2, rank=r))) for r in (0, 1)]
    assert [draw for pair in zip(*ranks, strict=True) for both in zip(*pair, strict=True) for draw in both] == whole


def test_the_order_is_new_in_every_epoch_and_for_every_seed() -> None:
    orders = {tuple(epoch_order(seed, epoch, 50)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert all(sorted(order) == list(range(50)) for order in orders)


def test_the_number_of_workers_changes_nothing(source: Source) -> None:
    samples, stretch = Samples(source, SETTINGS), Stretch(start=2, batches=3, batch=4, micro_batch=3)
    before = torch.get_rng_state()
    alone = list(micro_batches(samples, stretch))
    with_help = list(micro_batches(samples, stretch, workers=2))
    assert equal(alone, with_help)
    assert torch.equal(torch.get_rng_state(), before)
    assert [len(batch.pair_ids) for batch in alone] == [3, 1] * 3


@pytest.mark.parametrize("level", LEVELS)
def test_what_is_in_a_batch(source: Source, level: int) -> None:
    samples = Samples(source, replace(SETTINGS, level=level))
    (batch,) = micro_batches(samples, Stretch(start=0, batches=1, batch=3))
    assert batch.photo.dtype == batch.target.dtype == torch.uint8
    assert batch.photo.shape == (3, 4, 32, 32)
    assert batch.target.shape == (3, 3, *output_size(level, 32, 32))
    expected = [record(int(pair)).pair_id for pair in epoch_order(5, 0, 7)[:3]]
    assert list(batch.pair_ids) == expected


def test_three_channels_need_no_depth(tmp_path: Path) -> None:
    samples = Samples(open_source(write_ebb(tmp_path, range(2), depth=False)), replace(SETTINGS, in_channels=3))
    (batch,) = micro_batches(samples, Stretch(start=0, batches=1, batch=2))
    assert batch.photo.shape == (2, 3, 32, 32)
    four = Samples(samples.source, SETTINGS)
    with pytest.raises(InvalidInput, match=r"pair train/[01] has no depth map .*--in-channels 3"):
        list(micro_batches(four, Stretch(start=0, batches=1, batch=2)))


@pytest.mark.parametrize("augment", ["paper", "flips", "none"])
@pytest.mark.parametrize(("width", "height"), [(160, 64), (96, 101), (40, 66), (41, 63)])
def test_input_depth_and_target_show_the_same_place(width: int, height: int, augment: str) -> None:
    """With the shallow photo equal to the wide one, and a depth map made of its red channel."""
    scene = Scene(width, height, is_shallow_wide=True)
    even = scene.pair.wide[: height // 2 * 2, : width // 2 * 2]
    depth = np.rint(downscale_local_mean(even[..., 0].astype(float), (2, 2))).astype(np.uint8)
    scene.pair = scene.pair._replace(depth=depth)
    for pair_epoch in range(6):
        (batch,) = micro_batches(
            Samples(scene, replace(SETTINGS, level=1, augment=augment)),  # type: ignore[arg-type]
            Stretch(start=pair_epoch, batches=1, batch=1),
        )
        photo, target = batch.photo[0].numpy(), batch.target[0].numpy()
        mean = target.astype(float).reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
        assert np.abs(photo[3] - mean[0]).max() <= 0.51  # the depth map is exactly the mean, rounded
        assert np.abs(photo[:3] - mean).max() < 40  # the bicubic kernel is wider than the mean
        shifted = np.abs(photo[:3, :, 1:] - mean[:, :, :-1]).mean()
        assert np.abs(photo[:3] - mean).mean() < shifted / 5


def test_the_first_epoch_of_a_pair_is_not_the_second(source: Source) -> None:
    samples = Samples(source, SETTINGS)
    seen = [batch.photo for batch in micro_batches(samples, Stretch(start=0, batches=70, batch=1))]
    assert len({photo.numpy().tobytes() for photo in seen}) > 60


def test_unit_range() -> None:
    values = unit_range(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert values.dtype == torch.float32
    assert values.tolist() == [0, pytest.approx(0.2), 1]


def test_the_crop_is_the_full_height() -> None:
    assert [full_height(Scene(200, height)) for height in (64, 127, 128, 130)] == [64, 64, 128, 128]  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="photos of 62 pixels height; a crop has at least 64"):
        full_height(Scene(200, 62))  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, 1])
def test_damage_is_one_error_that_names_the_shard(tmp_path: Path, workers: int) -> None:
    write_set(tmp_path, [[record(i) for i in range(3)]])
    path = tmp_path / "train-00000-of-00001.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(record(1).shallow) + 300] ^= 4
    path.write_bytes(data)
    with pytest.raises(InvalidInput, match="row group 0") as caught:
        list(micro_batches(Samples(open_source(tmp_path), SETTINGS), Stretch(start=0, batches=1, batch=3), workers=workers))
    assert caught.value.path == path
    assert "\n" not in caught.value.message


WORKERS_OF_A_KILLED_PROCESS = """
import os, pathlib, signal, sys
from ebb_train.data.samples import Samples, SampleSettings, Stretch, micro_batches
from ebb_train.data.sources import open_source

if __name__ == "__main__":
    samples = Samples(open_source(pathlib.Path(sys.argv[1])), SampleSettings(level=7, side=64))
    for batch in micro_batches(samples, Stretch(start=0, batches=100, batch=1), workers=2):
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
