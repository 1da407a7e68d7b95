from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.lens.samples import make_training_photo, pack
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.errors import Reason, Status

PLAN = SetPlan(scenes=2, seed=7, side=64)


class Names:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.total, self.names = 0, []

    def start(self, stage: str, total: int) -> None:
        self.total = total

    def advance(self, name: str, status: Status, reason: Reason | None, detail: str) -> None:
        self.names.append(name)

    def tell(self, text: str) -> None: ...

    def finish(self) -> None: ...


def test_samples_are_those_of_their_seed_and_number(train_set: LensSet) -> None:
    for index in range(3):
        expected = pack(*make_training_photo(np.random.default_rng([1, index]), 96))
        np.testing.assert_array_equal(train_set.samples[index], expected)
    assert len(train_set) == 3


def test_reading(train_set: LensSet) -> None:
    photo, depth = make_training_photo(np.random.default_rng([1, 1]), 96)
    found, exact = train_set.read(1)
    np.testing.assert_array_equal(found, photo)
    np.testing.assert_allclose(exact, depth, atol=1e-5)
    window = np.s_[3:10, 5:7]
    for part, whole in zip(train_set.read(1, window), (found, exact), strict=True):
        np.testing.assert_array_equal(part, whole[window])
    np.testing.assert_allclose(train_set.outline(1, 4) / 255, depth[::4, ::4], atol=1 / 255)


def test_an_interrupted_set_is_completed_to_the_same_bytes(tmp_path: Path) -> None:
    shown = Names()
    make_set(tmp_path / "a", PLAN, progress=shown)
    assert (shown.total, shown.names) == (2, ["0", "1"])
    samples = np.array(np.load(tmp_path / "a" / "samples.npy"))
    done = np.load(tmp_path / "a" / "done.npy", mmap_mode="r+")
    done[1] = 0
    done.flush()
    np.load(tmp_path / "a" / "samples.npy", mmap_mode="r+")[1] = 0
    with pytest.raises(InvalidInput, match="1 scenes are missing"):
        LensSet(tmp_path / "a")
    make_set(tmp_path / "a", PLAN, progress=(again := Names()))
    assert again.names == ["1"]
    np.testing.assert_array_equal(LensSet(tmp_path / "a").samples, samples)


def test_workers_make_the_same_set(tmp_path: Path) -> None:
    make_set(tmp_path / "a", PLAN)
    make_set(tmp_path / "b", PLAN, workers=2)
    np.testing.assert_array_equal(LensSet(tmp_path / "a").samples, LensSet(tmp_path / "b").samples)


def test_a_set_of_another_plan_is_not_overwritten(tmp_path: Path) -> None:
    make_set(tmp_path / "a", SetPlan(scenes=0, seed=1))
    with pytest.raises(InvalidInput, match="a set of another plan"):
        make_set(tmp_path / "a", PLAN)


def test_broken_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no set of scenes"):
        LensSet(tmp_path)
    folder = tmp_path / "a"
    make_set(folder, SetPlan(scenes=1, seed=7, side=64))
    about = json.loads((folder / "set.json").read_text())
    (folder / "set.json").write_text(json.dumps(about | {"version": 0}))
    with pytest.raises(InvalidInput, match="scenes of version 0, not 3"):
        LensSet(folder)
    (folder / "set.json").write_text(json.dumps({"version": 3, "plan": {"scenes": 1}}))
    with pytest.raises(InvalidInput, match="not the description of a set"):
        LensSet(folder)
    (folder / "set.json").write_text(json.dumps(about))
    np.save(folder / "samples.npy", np.zeros((1, 2), np.uint8))
    with pytest.raises(InvalidInput, match="the samples have the shape"):
        LensSet(folder)
    (folder / "samples.npy").write_bytes(b"no array")
    with pytest.raises(InvalidInput, match="cannot be read"):
        LensSet(folder)


def test_plans() -> None:
    assert PLAN.shape == (2, 5, 64, 64)
    assert SetPlan(scenes=3, seed=0).shape == (3, 5, 384, 384)
