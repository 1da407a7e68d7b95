from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from ebb.errors import InvalidInput, UsageError
from ebb_train.lens.batches import draw_batch
from ebb_train.lens.fitting import FitPlan, RepairTrainer, entry_text, fit, validate
from ebb_train.lens.loss import repair_loss
from ebb_train.lens.network import RepairNet, load_repair
from ebb_train.lens.shards import LensSet, SetPlan, make_set

if TYPE_CHECKING:
    from pathlib import Path

TINY = FitPlan(
    steps=6,
    batch=2,
    side=32,
    warm_up=2,
    save_every=2,
    validate_every=3,
    validation_batches=1,
    fine=4,
    middle=6,
    coarse=8,
    blocks=1,
)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def state(trainer: RepairTrainer) -> list[torch.Tensor]:
    moments = [value for row in trainer.optimizer.state.values() for value in row.values()]
    return [*trainer.network.parameters(), *trainer.average.parameters(), *moments]


def test_an_interrupted_run_is_continued_to_the_same_bits(tmp_path: Path, train_set: LensSet) -> None:
    whole = fit(tmp_path / "a", TINY, train_set, train_set)
    lines: list[str] = []
    half = RepairTrainer(TINY, train_set)
    for _ in range(4):
        half.advance()
    half.save(tmp_path / "b")
    half.advance()  # lost
    resumed = fit(tmp_path / "b", TINY, train_set, train_set, lines.append)
    assert lines[0] == "continued after step 4"
    assert resumed.step == whole.step == 6
    for one, other in zip(state(whole), state(resumed), strict=True):
        assert torch.equal(one, other)
    names = [(tmp_path / run / "weights.safetensors").read_bytes() for run in "ab"]
    assert names[0] == names[1]


def test_log_and_weights(tmp_path: Path, train_set: LensSet) -> None:
    lines: list[str] = []
    trainer = fit(tmp_path, TINY, train_set, train_set, lines.append)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [3, 6]
    assert set(log[0]) == {"step", "loss", "held_out", "wrong_side", "wrong_side_before", "core_seconds"}
    assert log[0]["wrong_side_before"] == log[1]["wrong_side_before"] > 0
    assert log[0]["held_out"] != log[1]["held_out"]
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
            float(repair_loss(trainer.network(b.planes), b.share, b.step, b.contrast)) for b in batches
        )

    before = loss()
    for _ in range(60):
        trainer.advance()
    assert loss() < 0.95 * before


def test_a_run_stops_in_time_and_is_saved(tmp_path: Path, train_set: LensSet) -> None:
    assert fit(tmp_path, TINY, train_set, stop_at=0).step == 0
    assert (tmp_path / "training.pt").exists()


def test_runs_with_other_settings_or_scenes_are_refused(tmp_path: Path, train_set: LensSet) -> None:
    RepairTrainer(TINY, train_set).save(tmp_path)
    make_set(tmp_path / "other", SetPlan(scenes=1, seed=9, side=96))
    other = LensSet(tmp_path / "other")
    with pytest.raises(InvalidInput, match="of a run with other settings"):
        fit(tmp_path, replace(TINY, rate=1e-4), train_set)
    with pytest.raises(InvalidInput, match="of a run with other settings"):
        fit(tmp_path, TINY, other)
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


def test_held_out_figures_against_the_shares(train_set: LensSet) -> None:
    """A network that keeps the shares has as many pixels on the wrong side as the maps themselves."""
    network = RepairNet(TINY.config)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    found = validate(network, train_set, TINY)
    assert found["wrong_side"] == found["wrong_side_before"]
    batch = draw_batch(train_set, 0, 0, 2, 32)
    weight = torch.where(batch.step > 0.03, batch.step, 0)
    wrong = (batch.planes[:, 4:5] > 0) != (batch.share > 0.5)
    assert found["wrong_side"] == pytest.approx(float((weight * wrong).sum() / weight.sum()), rel=1e-5)


def test_text_of_an_entry() -> None:
    entry = {"step": 200, "loss": 0.12345, "held_out": 0.2, "wrong_side": 0.05, "wrong_side_before": 0.1}
    assert entry_text(entry) == "step 200  loss 0.1235  held out 0.2000  wrong side 10.0 -> 5.0 %"
    assert entry_text({"step": 3, "loss": 1.0}) == "step 3  loss 1.0000"
