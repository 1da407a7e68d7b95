from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ebb.errors import InvalidInput
from ebb_train.lens.depth_errors import STRENGTHS
from ebb_train.lens.samples import make_sample, pack
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from pathlib import Path

    from ebb.errors import Reason, Status

PLAN = SetPlan(scenes=2, seed=7, side=64, strengths=("median",))


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


def test_samples_are_those_of_their_seed_and_number(test_set: LensSet) -> None:
    errors = [STRENGTHS["none"], STRENGTHS["hard"]]
    for index in range(2):
        expected = pack(make_sample(np.random.default_rng([2, index]), 96, errors))
        np.testing.assert_array_equal(test_set.samples[index], expected)


def test_reading(test_set: LensSet) -> None:
    sample = make_sample(np.random.default_rng([2, 1]), 96, [STRENGTHS["none"], STRENGTHS["hard"]])
    stored = test_set.read(1, 1)
    np.testing.assert_array_equal(stored.photo, sample.photo)
    np.testing.assert_array_equal(stored.truth, sample.truth)
    np.testing.assert_array_equal(stored.layered, sample.layered[1])
    np.testing.assert_allclose(stored.coc, sample.coc[1], atol=0.13)
    np.testing.assert_allclose(stored.exact_coc, sample.exact_coc, atol=0.13)
    window = test_set.read(1, 1, np.s_[3:10, 5:7])
    np.testing.assert_array_equal(window.layered, stored.layered[3:10, 5:7])
    np.testing.assert_array_equal(window.coc, stored.coc[3:10, 5:7])
    assert len(test_set) == 2


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
    make_set(tmp_path / "a", SetPlan(scenes=0, seed=1, random_strengths=1))
    with pytest.raises(InvalidInput, match="a set of another plan"):
        make_set(tmp_path / "a", PLAN)


def test_broken_sets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no set of scenes"):
        LensSet(tmp_path)
    folder = tmp_path / "a"
    make_set(folder, SetPlan(scenes=1, seed=7, side=64, strengths=("none",)))
    about = json.loads((folder / "set.json").read_text())
    (folder / "set.json").write_text(json.dumps(about | {"version": 0}))
    with pytest.raises(InvalidInput, match="scenes of version 0, not 2"):
        LensSet(folder)
    (folder / "set.json").write_text(json.dumps({"version": 2, "plan": {"scenes": 1}}))
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
    assert PLAN.shape == (2, 11, 32, 32)
    assert SetPlan(scenes=3, seed=0, random_strengths=3).shape == (3, 19, 352, 352)
