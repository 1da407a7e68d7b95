"""The folder of one run."""

from __future__ import annotations

import json
import os
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from ebb.errors import DatasetLocked, ExitCode, InvalidInput, OutputError, UsageError
from ebb_train.training.run_folder import LOCK, RunFolder, read_log, stage_of, where
from tests.helpers.datasets import record, write_set

if TYPE_CHECKING:
    from pathlib import Path

IDENTITY: dict[str, Any] = {
    "network": {"width": 0.125, "level": 1},
    "schedule": {"7": {"batch": 4}},
    "settings": {"seed": 0},
}


def test_a_run_folder_is_made_once_and_found_again(tmp_path: Path) -> None:
    for _ in range(2):
        with closing(RunFolder(tmp_path / "runs" / "a", IDENTITY)) as folder:
            assert json.loads((folder.path / "run.json").read_text()) == IDENTITY
            assert folder.stage_weights("level-3") == tmp_path / "runs" / "a" / "level-3.safetensors"


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    RunFolder(tmp_path, IDENTITY).close()
    other = IDENTITY | {"settings": {"seed": 1}, "schedule": {"7": {"batch": 8}, "6": {"batch": 1}}}
    message = r"schedule\.6\.batch is None, not 1, schedule\.7\.batch is 4, not 8, settings\.seed is 0, not 1"
    with pytest.raises(UsageError, match=rf"a run with other settings: {message} .*another --out"):
        RunFolder(tmp_path, other)
    RunFolder(tmp_path, IDENTITY).close()  # the refusal let go of the lock


def test_threads_are_recorded_by_level(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, IDENTITY)) as folder:
        assert folder.threads("level-7") == 0
        folder.record_threads("level-7", 4)
        folder.record_threads("level-6", 1)
        assert [folder.threads(f"level-{level}") for level in (7, 6, 5)] == [4, 1, 0]
        for text in ("[1]", "half", '{"7": "all"}', '{"7": -1}'):
            (tmp_path / "threads.json").write_text(text)
            assert folder.threads("level-7") == 0


def test_a_data_set_is_refused_as_run_folder(tmp_path: Path) -> None:
    write_set(tmp_path / "set" / "shards", [[record(0)]])
    for place in (tmp_path / "set", tmp_path / "set" / "shards"):
        with pytest.raises(UsageError, match=rf"a data set is in this folder \(--out {place}/run\)"):
            RunFolder(place, IDENTITY)
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["shards"]
    RunFolder(tmp_path / "set" / "run", IDENTITY).close()


def test_two_processes_cannot_train_in_one_folder(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, IDENTITY)), pytest.raises(DatasetLocked) as caught:
        RunFolder(tmp_path, IDENTITY)
    assert caught.value.exit_code == ExitCode.LOCKED
    RunFolder(tmp_path, IDENTITY).close()


def test_log_lines_of_repeated_steps_are_removed(tmp_path: Path) -> None:
    with closing(RunFolder(tmp_path, IDENTITY)) as folder:
        folder.forget_after(0)
        for total in (10, 20, 30):
            folder.log({"level": 7, "step": total, "total": total, "loss": 1 / total})
        path = tmp_path / "log.jsonl"
        path.write_text(path.read_text() + '{"total": 40, "lo')  # a kill in the middle of a line
        notes: list[str] = []
        folder.forget_after(20, notes.append)
        assert notes == []
        folder.log({"level": 7, "step": 25, "total": 25})
        assert [json.loads(line)["total"] for line in path.read_text().splitlines()] == [10, 20, 25]


@pytest.mark.parametrize(
    "damaged",
    [
        '{"level":7,"step":2,"total":2',
        '{"lewel":7,"step":2,"total":2}',
        '{"level":"7","step":2,"total":2}',
        '{"level":7,"step":2,"total":-2}',
        '{"level":7,"step":2,"total":2,"loss":1' + "0" * 400 + "}",
        '{"level":7,"step":2,"total":2,"loss":null}',
        '{"level":7,"step":2,"total":2,"validation":{"psnr":"31"}}',
        "7",
        "\ufffd",
        "[" * 20_000,
    ],
)
def test_a_damaged_line_of_the_log_is_left_out_with_a_warning(damaged: str, tmp_path: Path) -> None:
    """And the run goes on: nothing else of the folder depends on it."""
    whole = [{"level": 7, "step": n, "total": n, "validation": {"psnr": 30.0 + n}} for n in (1, 3)]
    with closing(RunFolder(tmp_path, IDENTITY)) as folder:
        for line in whole:
            folder.log(line)
        path = tmp_path / "log.jsonl"
        first, second = path.read_text().splitlines()
        path.write_text(f"{first}\n{damaged}\n{second}\n")
        assert folder.best_score("level-7", "psnr") == 33
        assert [folder.has_validation(total) for total in (1, 2, 3)] == [True, False, True]
        assert read_log(tmp_path) == whole
        notes: list[str] = []
        folder.forget_after(3, notes.append)
        assert notes == [f"warning: {path}, line 2: damaged, left out"]
        assert path.read_text() == f"{first}\n{second}\n"
        folder.forget_after(3, pytest.fail)


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "[" * 900 + "]" * 900])
def test_a_broken_run_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"run\.json: not JSON"):
        RunFolder(tmp_path, IDENTITY)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        RunFolder(tmp_path / "file" / "run", IDENTITY)
    with closing(RunFolder(tmp_path / "run", IDENTITY)) as folder:
        (tmp_path / "run" / "log.jsonl").mkdir()
        with pytest.raises(OutputError):
            folder.log({"total": 1})


def test_a_lock_that_is_a_link_leaves_its_target_unchanged(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("do not touch")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(OutputError, match="a symbolic link in place of the lock"):
        RunFolder(tmp_path / "run", IDENTITY)
    assert (tmp_path / "precious").read_text() == "do not touch"


@pytest.mark.parametrize("name", ["checkpoints", "pictures", "log.jsonl"])
def test_links_to_what_changes_in_place_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "victim")
    with pytest.raises(InvalidInput, match=f"{name}: a symbolic link"):
        RunFolder(tmp_path, IDENTITY)
    (tmp_path / name).unlink()
    RunFolder(tmp_path, IDENTITY).close()


def test_a_log_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    with pytest.raises(InvalidInput, match=r"log\.jsonl: cannot be read: not a regular file"):
        RunFolder(tmp_path, IDENTITY)


@pytest.mark.parametrize("key", ["level-7", "stage-12"])
def test_lines_say_which_stage_they_belong_to(key: str) -> None:
    line = where(key, 3, 9)
    assert stage_of(line) == key
    assert line == {key.split("-", maxsplit=1)[0]: int(key.split("-")[1]), "step": 3, "total": 9}
