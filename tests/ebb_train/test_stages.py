"""Stages of networks, and their schedules by name and in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ebb.errors import UsageError
from ebb_train.settings import LossWeights
from ebb_train.stages import SHORT, SMOKE_CROP, SMOKE_ITERATIONS, StagePlan, StageSchedule, read_stages

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = StageSchedule(
    (
        StagePlan(iterations=1000, batch=4, crop=256, part="first"),
        StagePlan(iterations=5, batch=2, name="both", copy="second=first", loss=LossWeights(vgg=0.1)),
    )
)

TABLE = """
[[stage]]
name = "quarter size"
iterations = 3
batch = 2
scale = 4
part = "members.0"

[[stage]]
iterations = 4
batch = 1
adam = "adamw"
copy = "members.1=members.0"
loss = { l1 = 0.0, l2 = 1.0, ms_ssim = 0.5, gradient = 0.25, fft = 0.1, earlier = 1.0 }
"""


def test_stages_are_numbered_in_their_order() -> None:
    first, last = DEFAULT.rows
    assert [row.key for row in DEFAULT.rows] == ["stage-1", "stage-2"]
    assert (first.title, first.is_last, last.is_last) == ("stage 1", False, True)
    assert [stage.steps_before for stage in DEFAULT.stages()] == [0, 1000]
    assert [stage.samples_before for stage in DEFAULT.stages()] == [0, 4000]
    assert DEFAULT.find("stage-2").plan is last
    with pytest.raises(UsageError, match="a schedule without stages"):
        StageSchedule(())


def test_presets() -> None:
    presets = DEFAULT.presets()
    assert read_stages("paper", DEFAULT) is DEFAULT
    assert [row.iterations for row in presets["short"].rows] == [1000 // SHORT, 1]
    smoke = presets["smoke"]
    assert {(row.iterations, row.crop) for row in smoke.rows} == {(SMOKE_ITERATIONS, SMOKE_CROP)}
    assert [row.loss.vgg for row in smoke.rows] == [0, 0], "it needs no weights"
    assert [row.part for row in smoke.rows] == ["first", ""]
    only_vgg = StageSchedule((StagePlan(iterations=1, batch=1, loss=LossWeights(l1=0.0, vgg=1.0)),))
    assert only_vgg.presets()["smoke"].rows[0].loss.vgg == 1


def test_a_schedule_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TABLE)
    loss = LossWeights(l1=0.0, l2=1.0, ms_ssim=0.5, gradient=0.25, fft=0.1, earlier=1.0)
    assert read_stages(str(path), DEFAULT) == StageSchedule(
        (
            StagePlan(name="quarter size", iterations=3, batch=2, scale=4, part="members.0"),
            StagePlan(iterations=4, batch=1, adam="adamw", copy="members.1=members.0", loss=loss),
        )
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("scale = 4", "scale = 3", "stage 1: scale 3 .1, 2 or 4"),
        ("batch = 2", "batch = 0", "stage 1: 3 iterations, batch 0"),
        ("batch = 2", "", r"missing key 'batch' in \[\[stage\]\]"),
        ("batch = 2", "batch = 2\nnumber = 7", r"unknown key 'number' in .*known: name, scale, part, copy"),
        ('"members.0"', '"members[0]"', r"part 'members\[0\]'"),
        ("members.1=members.0", "members.1", "copy 'members.1'"),
        ("[[stage]]\nname", "[[level]]\nname", r"only \[\[stage\]\] tables \(\[\[level\]\] is for PyNET, "),
    ],
)
def test_invalid_schedule_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in TABLE
    path = tmp_path / "mine.toml"
    path.write_text(TABLE.replace(old, new))
    with pytest.raises(UsageError, match=message) as caught:
        read_stages(str(path), DEFAULT)
    assert caught.value.path == path


def test_no_such_schedule() -> None:
    with pytest.raises(
        UsageError, match=r"no schedule 'long' \(one of: paper, short, smoke, or a .toml file"
    ):
        read_stages("long", DEFAULT)
