from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.lens.batches import draw_batch
from ebb_train.lens.fitting import FitPlan, RepairTrainer, entry_text, fit
from ebb_train.lens.loss import repair_loss
from ebb_train.lens.network import load_repair

if TYPE_CHECKING:
    from pathlib import Path

    from ebb_train.lens.shards import LensSet

TINY = FitPlan(
    steps=6,
    batch=2,
    side=32,
    warm_up=2,
    save_every=2,
    validate_every=3,
    validation_scenes=1,
    fine=4,
    coarse=8,
    blocks=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def state(trainer: RepairTrainer) -> list[torch.Tensor]:
    moments = [value for row in trainer.optimizer.state.values() for value in row.values()]
    return [*trainer.network.parameters(), *trainer.average.parameters(), *moments]


def test_an_interrupted_run_is_continued_to_the_same_bits(
    tmp_path: Path, train_set: LensSet, test_set: LensSet
) -> None:
    whole = fit(tmp_path / "a", TINY, train_set, test_set)
    lines: list[str] = []
    half = RepairTrainer(TINY, train_set)
    for _ in range(4):
        half.advance()
    half.save(tmp_path / "b")
    half.advance()  # lost
    resumed = fit(tmp_path / "b", TINY, train_set, test_set, lines.append)
    assert lines[0] == "continued after step 4"
    assert resumed.step == whole.step == 6
    for one, other in zip(state(whole), state(resumed), strict=True):
        assert torch.equal(one, other)
    names = [(tmp_path / run / "weights.safetensors").read_bytes() for run in "ab"]
    assert names[0] == names[1]


def test_log_and_weights(tmp_path: Path, train_set: LensSet, test_set: LensSet) -> None:
    lines: list[str] = []
    trainer = fit(tmp_path, TINY, train_set, test_set, lines.append)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [3, 6]
    assert set(log[0]) == {
        "step", "loss", "layered_none", "repaired_none", "layered_hard", "repaired_hard", "core_seconds"
    }  # fmt: skip
    assert log[0]["layered_hard"] == log[1]["layered_hard"] > 0
    assert log[0]["repaired_hard"] != log[1]["repaired_hard"]
    assert len(lines) == 2
    assert "min left" in lines[0]
    loaded = load_repair(tmp_path / "weights.safetensors")
    for one, other in zip(loaded.parameters(), trainer.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_lowers_the_loss(train_set: LensSet) -> None:
    plan = replace(TINY, steps=60, rate=3e-3)
    trainer = RepairTrainer(plan, train_set)
    batches = [draw_batch(train_set, 99, step, 4, 32) for step in range(8)]

    @torch.no_grad()
    def loss() -> float:
        return sum(
            float(repair_loss(trainer.network(b.planes), b.photo, b.layered, b.band, b.truth))
            for b in batches
        )

    before = loss()
    for _ in range(60):
        trainer.advance()
    assert loss() < 0.99 * before


def test_a_run_stops_in_time_and_is_saved(tmp_path: Path, train_set: LensSet) -> None:
    assert fit(tmp_path, TINY, train_set, stop_at=0).step == 0
    assert (tmp_path / "training.pt").exists()


def test_runs_with_other_settings_or_scenes_are_refused(
    tmp_path: Path, train_set: LensSet, test_set: LensSet
) -> None:
    RepairTrainer(TINY, train_set).save(tmp_path)
    with pytest.raises(InvalidInput, match="of a run with other settings"):
        fit(tmp_path, replace(TINY, rate=1e-4), train_set)
    with pytest.raises(InvalidInput, match="of a run with other settings"):
        fit(tmp_path, TINY, test_set)
    torch.save([1], tmp_path / "training.pt")
    with pytest.raises(InvalidInput, match="not the state of a training run"):
        fit(tmp_path, TINY, train_set)


def test_learning_rate() -> None:
    plan = FitPlan(steps=1000, warm_up=100, rate=1e-3, last_rate=1e-5)
    assert plan.rate_at(0) == pytest.approx(1e-5)
    assert plan.rate_at(99) == plan.rate_at(100) == pytest.approx(1e-3)
    assert plan.rate_at(550) == pytest.approx((1e-3 + 1e-5) / 2)
    assert plan.rate_at(1000) == plan.rate_at(2000) == pytest.approx(1e-5)


def test_the_average_is_one_of_the_weights(train_set: LensSet) -> None:
    """By hand: decay (1 + n) / (10 + n) as long as it is below the limit."""
    trainer = RepairTrainer(TINY, train_set)
    expected = trainer.network.get_parameter("fine.bias").detach().clone()
    for step in range(1, 4):
        trainer.advance()
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * trainer.network.get_parameter("fine.bias").detach()
    torch.testing.assert_close(trainer.average.get_parameter("fine.bias").detach(), expected)


@pytest.mark.parametrize("values", [{"side": 30}, {"steps": 0}, {"ema": 1.0}])
def test_plans_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="a training run must have"):
        FitPlan(**values)


def test_text_of_an_entry() -> None:
    entry = {"step": 200, "loss": 0.12345, "layered_hard": 0.05, "repaired_hard": 0.04}
    assert entry_text(entry) == "step 200  loss 0.1235  hard -20.0 %"
