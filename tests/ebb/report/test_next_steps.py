"""The next command after each verb."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.errors import Status
from ebb.report import next_steps
from ebb.report.status import DatasetStatus, PairStatus, StageStatus
from ebb.settings import IngestSettings, SimulateSettings

DEFAULT, OTHER = Path("dataset"), Path("my set")


def write_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def pair(status: Status | None, stage: str = "align", split: str = "") -> PairStatus:
    return PairStatus(pair_id="0a", wide="a", shallow="b", stage=stage, status=status, split=split)


def test_stages_follow_each_other() -> None:
    assert next_steps.after_ingest(Path("raw"), 1, DEFAULT) == "ebb align"
    assert next_steps.after_ingest(Path("raw"), 0, DEFAULT) == "ebb ingest raw --explain FILE"
    assert next_steps.after_stage("align", 1, DEFAULT) == "ebb depth"
    assert next_steps.after_stage("depth", 1, DEFAULT) == "ebb shard"
    assert next_steps.after_stage("align", 0, DEFAULT) == "ebb status --pairs"


def test_the_flags_of_a_dry_run_are_kept() -> None:
    settings = IngestSettings(wide_f=8)
    after = next_steps.after_preview(Path("raw"), 1, OTHER, settings)
    assert after == "ebb ingest raw --wide-f 8 --dataset 'my set'"
    after = next_steps.after_preview(Path("raw"), 0, DEFAULT, settings)
    assert after == "ebb ingest raw --explain FILE --wide-f 8"


def test_training_of_a_set_with_and_without_depth(tmp_path: Path) -> None:
    assert next_steps.training(tmp_path).endswith(" --in-channels 3")
    write_files(tmp_path / "set", "pairs/0a/wide.png", "pairs/0a/depth.png")
    assert next_steps.training(tmp_path / "set").endswith(" --width 0.125")
    write_files(tmp_path / "set", "pairs/0b/wide.png")
    assert next_steps.training(tmp_path / "set").endswith(" --in-channels 3")


def test_training_of_an_exported_folder(tmp_path: Path) -> None:
    write_files(tmp_path, "train/original/0.jpg", "test/original/0.jpg", "train/original_depth/0.png")
    assert next_steps.training(tmp_path).endswith(" --in-channels 3"), "one pair has no depth"
    write_files(tmp_path, "test/original_depth/0.png")
    assert next_steps.training(tmp_path).endswith(" --width 0.125")


def test_after_verify() -> None:
    assert next_steps.after_verify(OTHER, is_intact=True, has_state=True).startswith("ebb export --layout")
    assert next_steps.after_verify(DEFAULT, is_intact=False, has_state=True) == "ebb run RAW_DIR"
    assert "copy the folder again" in next_steps.after_verify(OTHER, is_intact=False, has_state=False)


def test_after_a_run(tmp_path: Path) -> None:
    raw = Path("raw")
    splits = {"train": 1, "val": 0, "test": 1}
    assert next_steps.after_run(raw, [], tmp_path, splits).startswith("ebb-train fit ")
    rejected = [pair(Status.REJECTED)]
    assert next_steps.after_run(raw, rejected, DEFAULT, None) == "ebb status --pairs"
    assert next_steps.after_run(raw, [], DEFAULT, None) == "ebb ingest raw --explain FILE"


def test_shards_without_pairs_to_train_on(tmp_path: Path) -> None:
    after = next_steps.after_shards({"train": 0, "val": 0, "test": 1}, tmp_path)
    assert "ebb-train" not in after
    assert "--test 0 --val 0" in after


@pytest.mark.parametrize(("size", "flag"), [("384x256", " --height 192"), ("2592x1728", "")])
def test_after_simulating(size: str, flag: str) -> None:
    after = next_steps.after_simulate(Path("made"), SimulateSettings(size=size))
    assert after == f"ebb run made --provider sidecar{flag}"


@pytest.mark.parametrize(
    ("left", "pairs", "expected"),
    [
        ((1, 0, 0), [pair(None)], "ebb align"),
        ((0, 0, 1), [pair(Status.OK, "depth")], "ebb shard"),
        ((0, 0, 0), [pair(Status.OK, "shard", "train"), pair(Status.REJECTED)], "ebb align --debug 0a"),
        ((0, 0, 0), [pair(Status.OK, "shard", "train")], "ebb verify"),
    ],
)
def test_after_status(left: tuple[int, ...], pairs: list[PairStatus], expected: str) -> None:
    names = ("align", "depth", "shard")
    stages = [StageStatus(stage=name, left=number) for name, number in zip(names, left, strict=True)]
    report = DatasetStatus(files=2, captures_set_aside=0, stages=stages, pairs=pairs)
    assert next_steps.after_status(report, DEFAULT) == expected
