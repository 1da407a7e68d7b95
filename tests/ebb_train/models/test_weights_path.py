"""Which file a path stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from ebb.errors import InvalidInput
from ebb_train.models.weights_path import (
    best_weights,
    is_weights_path,
    run_weights,
    stage_weights,
    weights_files,
    weights_path,
)


def test_a_run_folder_stands_for_the_best_weights_of_its_last_level(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no level-N\.safetensors or stage-N\.safetensors in this"):
        weights_path(tmp_path)
    for name in ("level-7", "level-4"):
        (tmp_path / f"{name}.safetensors").touch()
    assert run_weights(tmp_path).name == "level-4.safetensors"
    (tmp_path / "level-4-best.safetensors").touch()
    assert weights_path(tmp_path).name == "level-4-best.safetensors"
    (tmp_path / "level-3.safetensors").touch()
    assert weights_path(tmp_path).name == "level-3.safetensors"
    assert weights_path(tmp_path / "level-7.safetensors").name == "level-7.safetensors"
    with pytest.raises(InvalidInput, match=r"none\.safetensors: no such weights file \(name a weights file"):
        weights_path(tmp_path / "none.safetensors")


def test_stages_of_other_networks_are_counted_up(tmp_path: Path) -> None:
    for name in ("stage-1-best", "stage-2", "stage-10", "stage-10-best", "notes", "level-a"):
        (tmp_path / f"{name}.safetensors").touch()
    assert [path.stem for path in weights_files(tmp_path)] == [
        "stage-10-best", "stage-10", "stage-2", "stage-1-best",
    ]  # fmt: skip
    assert run_weights(tmp_path).name == "stage-10-best.safetensors"


def test_names_of_the_files_of_a_run() -> None:
    assert stage_weights(Path("run"), "level-3") == Path("run/level-3.safetensors")
    assert best_weights(Path("run"), "level-3") == Path("run/level-3-best.safetensors")


def test_files_and_folders_are_paths_and_models_are_not(tmp_path: Path) -> None:
    assert is_weights_path("none.safetensors")
    assert is_weights_path(str(tmp_path))
    assert not is_weights_path("identity")
