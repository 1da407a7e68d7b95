"""The next command after each verb of ``ebb-train``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ebb.dataset.splits import Split
from ebb_train import next_steps
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.settings import RenderSettings
from ebb_train.models.weights import About, save_weights
from tests.helpers.datasets import write_ebb


def test_after_fit() -> None:
    after = next_steps.after_fit(Path("runs/a"), Path("my set"), is_complete=True)
    assert after == "ebb-train evaluate runs/a 'my set' --out runs/a-scores"
    assert (
        next_steps.after_fit(Path("a"), Path("set"), is_complete=False)
        == "ebb-train render PHOTO --checkpoint a"
    )


@pytest.mark.parametrize(("splits", "flag"), [(("train",), " --split train"), (("train", "test"), "")])
def test_after_fit_a_split_that_has_pairs_is_scored(
    splits: tuple[Split, ...], flag: str, tmp_path: Path
) -> None:
    for split in splits:
        write_ebb(tmp_path / "set", range(1), split=split)
    after = next_steps.after_fit(Path("a"), tmp_path / "set", is_complete=True)
    assert after == f"ebb-train evaluate a {tmp_path / 'set'} --out a-scores{flag}"


def test_after_render_unused_flags_are_suggested() -> None:
    both = next_steps.after_render(RenderSettings())
    assert "--full-resolution" in both
    assert "--compare" in both
    assert "--compare" not in next_steps.after_render(RenderSettings(compare=True))
    assert next_steps.after_render(RenderSettings(compare=True, full_resolution=True)) == ""


def test_after_the_lens_come_its_own_flags() -> None:
    one = next_steps.after_render(RenderSettings(), LensSettings())
    assert one.startswith(
        "--focus x,y --overwrite focuses elsewhere, --aperture 1.8,2.8,8 makes a strip, --full-resolution"
    )
    assert "--compare" in one
    several = LensSettings(aperture="2,4", focus="0.5")
    assert next_steps.after_render(RenderSettings(full_resolution=True), several) == ""


def test_after_exports() -> None:
    file = Path("a.tflite")
    assert next_steps.after_tflite([file]) == "ebb-train benchmark-device a.tflite"
    assert next_steps.after_tflite([]) == next_steps.NOT_WRITTEN
    assert next_steps.after_inspect(file, num_refused=0) == "ebb-train benchmark-device a.tflite"
    assert "ebb-train export-tflite" in next_steps.after_inspect(file, num_refused=2)
    for precision, after in (("int8", "--precision fp16"), ("fp16", "report them")):
        found = next_steps.after_inspect(file, num_refused=2, note={"precision": precision})
        assert after in found
        assert "export-tflite writes" not in found, "it wrote the file that has the faults"
    assert next_steps.after_convert(Path("w.safetensors"), "safetensors").startswith("ebb-train render ")
    assert "authors' code" in next_steps.after_convert(Path("w"), "tensorflow")


@pytest.mark.parametrize(
    ("model", "is_model", "models"),
    [
        ("runs/a", True, "--models identity,gain,layered,runs/a "),
        ("layered", True, "--models identity,gain,layered "),
        ("mine", False, "evaluate identity "),
    ],
)
def test_after_scores_comes_a_comparison(model: str, is_model: bool, models: str) -> None:
    assert models in next_steps.after_evaluate(model, Path("set"), "test", is_model=is_model)
    assert next_steps.after_evaluate(model, Path("set"), "val", is_model=is_model).endswith(" --split val")


def test_after_a_benchmark() -> None:
    after = next_steps.after_benchmark(["identity", "a.safetensors"], Path("set"), "train")
    assert after == "ebb-train ablate a.safetensors set --out runs/ablation --split train"
    assert next_steps.after_benchmark(["identity"], Path("set"), "train").startswith("ebb-train fit set ")


def test_only_pynet_is_ablated(tmp_path: Path) -> None:
    (tmp_path / "stage-1-best.safetensors").touch()
    other, whole = str(tmp_path), "runs/a/level-1.safetensors"
    assert f"ablate {whole} set" in next_steps.after_benchmark(
        ["identity", other, whole], Path("set"), "train"
    )
    assert next_steps.after_benchmark([other], Path("set"), "train").startswith("ebb-train fit set")


def test_renamed_weights_of_another_network_are_not_ablated(tmp_path: Path) -> None:
    for network, after in (("dmshn", "ebb-train fit set"), ("pynet", "ebb-train ablate ")):
        path = tmp_path / f"{network}-weights.safetensors"
        save_weights(path, {"a": np.zeros(1, np.float32)}, About(network=network))
        assert next_steps.after_benchmark([str(path)], Path("set"), "test").startswith(after)


@pytest.mark.parametrize("has_depth", [True, False])
def test_after_baselines_comes_a_training_that_can_run(has_depth: bool, tmp_path: Path) -> None:
    folder = write_ebb(tmp_path / "set", range(1), depth=has_depth)
    after = next_steps.after_benchmark(["identity"], folder, "train")
    assert after.startswith("ebb-train fit ")
    assert ("--in-channels 3" in after) is not has_depth
