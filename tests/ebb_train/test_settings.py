"""Schedules and the settings of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ebb.errors import UsageError
from ebb_train.settings import (
    SCHEDULES,
    ComputeSettings,
    FitSettings,
    LevelPlan,
    LevelSchedule,
    LossWeights,
    MonitorSettings,
)
from ebb_train.stages import read_schedule

if TYPE_CHECKING:
    from pathlib import Path

TABLE = """
[[level]]
level = 7
iterations = 3
batch = 2

[[level]]
level = 6
iterations = 4
batch = 1
learning_rate = 1e-4
adam = "tensorflow"
epsilon = 1e-7
loss = { l1 = 10, ssim = 10.0, vgg = 0.1 }
"""


def test_the_paper_schedule_is_that_of_the_authors_code() -> None:
    rows = SCHEDULES["paper"].rows
    assert [(row.level, row.iterations, row.batch) for row in rows] == [
        (7, 5_000, 50),
        (6, 5_000, 50),
        (5, 20_000, 40),
        (4, 20_000, 14),
        (3, 30_000, 9),
        (2, 80_000, 9),
        (1, 100_000, 5),
    ]
    assert {row.learning_rate for row in rows} == {5e-5}
    assert {row.loss for row in rows[:-1]} == {LossWeights(l1=100, ssim=0, vgg=0)}
    assert rows[-1].loss == LossWeights(l1=10, ssim=10, vgg=0.1)
    assert {(row.adam, row.epsilon) for row in rows} == {("tensorflow", 1e-8)}


def test_the_other_schedules() -> None:
    paper, short = SCHEDULES["paper"], SCHEDULES["short"]
    assert [row.iterations for row in short.rows] == [row.iterations // 10 for row in paper.rows]
    assert [row.loss for row in short.rows] == [row.loss for row in paper.rows]
    assert {row.adam for row in SCHEDULES["smoke"].rows} == {"pytorch"}
    assert not any(row.loss.vgg for row in SCHEDULES["smoke"].rows)
    assert all(schedule.rows[-1].level == 1 for schedule in SCHEDULES.values())
    assert read_schedule("short") is short


def test_part_of_a_schedule() -> None:
    paper = SCHEDULES["paper"]
    assert [row.level for row in paper.down_to(5).rows] == [7, 6, 5]
    assert paper.down_to(1) == paper
    with pytest.raises(UsageError, match="the schedule ends at level 5, not 4"):
        paper.down_to(5).down_to(4)


def test_another_weight_of_the_vgg_term() -> None:
    paper = SCHEDULES["paper"]
    assert paper.with_vgg(None) is paper
    assert [row.loss.vgg for row in paper.with_vgg(0).rows] == [0] * 7
    assert [row.loss.vgg for row in paper.with_vgg(0.5).rows] == [0] * 6 + [0.5]


def test_a_schedule_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TABLE)
    assert read_schedule(str(path)) == LevelSchedule(
        (
            LevelPlan(level=7, iterations=3, batch=2),
            LevelPlan(
                level=6,
                iterations=4,
                batch=1,
                learning_rate=1e-4,
                adam="tensorflow",
                epsilon=1e-7,
                loss=LossWeights(l1=10, ssim=10, vgg=0.1),
            ),
        )
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("level = 6", "level = 5", r"a schedule of levels \[7, 5\] \(7, 6, 5, …"),
        ("iterations = 4", "iterations = 0", "level 6: 0 iterations, batch 1"),
        ("iterations = 4", "iterations = 4.5", "iterations: expected int, got 4.5"),
        ("iterations = 4", "steps = 4", r"missing key 'iterations' in \[\[level\]\]"),
        ("batch = 1", "batch = 1\nepochs = 1", r"unknown key 'epochs' in .*known: level, iterations"),
        ("ssim = 10.0", "mse = 1.0", "loss = .*known: l1, ssim, vgg"),
        ("l1 = 10", "l1 = -1", "loss weights .*all must be at least 0"),
        ("l1 = 10, ssim = 10.0, vgg = 0.1", "l1 = 0", "one of them positive"),
        ("learning_rate = 1e-4", "learning_rate = inf", "learning rate inf"),
        ("epsilon = 1e-7", "epsilon = 0.0", "epsilon 0 "),
        ('adam = "tensorflow"', 'adam = "keras"', "adam"),
        ("[[level]]\nlevel = 7", "[level]\nlevel = 7", "cannot read the schedule"),
        ("level = 7", f"level = {'[' * 100_000}", "cannot read the schedule"),
        (
            "[[level]]\nlevel = 7",
            "[other]\nx = 1\n[[level]]\nlevel = 7",
            r"only \[\[level\]\] tables",
        ),
    ],
)
def test_invalid_schedule_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    path = tmp_path / "mine.toml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        read_schedule(str(path))
    assert caught.value.path == path
    assert caught.value.exit_code == 2


def test_no_such_schedule(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"no schedule 'long' \(one of: paper, short, smoke, cpu, or a .toml file"
    ):
        read_schedule("long")
    with pytest.raises(UsageError, match=r"none\.toml: cannot read the schedule"):
        read_schedule(str(tmp_path / "none.toml"))
    path = tmp_path / "list.toml"
    path.write_text("level = [1, 2]")
    with pytest.raises(UsageError, match=r"1 is not a \[\[level\]\] table"):
        read_schedule(str(path))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"crop": 100}, "a crop of 100 pixels .a multiple of 64"),
        ({"crop": -64}, "a crop of -64 pixels"),
        ({"seed": -1}, "the seed must be at least 0"),
        ({"ema": 1.0}, "the decay at least 0 and below 1"),
    ],
)
def test_invalid_fit_settings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        FitSettings(**values)


@pytest.mark.parametrize("values", [{"devices": 0}, {"nodes": 0}, {"loaders": -1}, {"micro_batch": -1}])
def test_invalid_compute_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(values)).replace('_', '-')}"):
        ComputeSettings(**values)


@pytest.mark.parametrize(
    ("cores", "devices", "loaders"), [(1, 1, 1), (2, 1, 2), (6, 1, 6), (64, 1, 8), (16, 4, 4), (4, 4, 1)]
)
def test_loaders_for_the_cores_there_are(
    monkeypatch: pytest.MonkeyPatch, cores: int, devices: int, loaders: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert ComputeSettings(devices=devices).num_loaders == loaders
    assert ComputeSettings(devices=devices, loaders=0).num_loaders == 0
    assert ComputeSettings(devices=devices, loaders=20).num_loaders == 20


@pytest.mark.parametrize("values", [{"log_every": 0}, {"validate_every": 0}, {"validate_pairs": -1}])
def test_invalid_monitor_settings_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"--{next(iter(values)).replace('_', '-')}"):
        MonitorSettings(**values)


def test_the_crop_is_the_flags_else_the_schedules_else_the_height() -> None:
    rows = (LevelPlan(level=7, iterations=1, batch=1, crop=128), LevelPlan(level=6, iterations=1, batch=1))
    schedule = LevelSchedule(rows)
    assert [row.crop for row in schedule.with_crop(0, 512).rows] == [128, 512]
    assert [row.crop for row in schedule.with_crop(256, 512).rows] == [256, 256]


def test_weight_init_by_width() -> None:
    assert [FitSettings().weight_init_of(width) for width in (0.125, 0.999, 1.0, 2.0)] == ["fan_in"] * 2 + [
        "paper"
    ] * 2
    assert FitSettings(weight_init="paper").weight_init_of(0.125) == "paper"
    assert FitSettings(schedule="cpu").weight_init_of(0.125) == "identity"
    assert FitSettings(schedule="cpu").weight_init_of(1.0) == "paper"
    assert FitSettings(weight_init="fan_in").weight_init_of(1.0) == "fan_in"


def test_levels_have_the_steps_of_previous_levels() -> None:
    schedule = read_schedule("paper")
    assert [
        (level.plan.level, level.steps_before, level.samples_before) for level in schedule.stages()[:3]
    ] == [
        (7, 0, 0),
        (6, 5_000, 250_000),
        (5, 10_000, 500_000),
    ]
    assert len(schedule.stages()) == 7
    assert schedule.steps == 260_000
