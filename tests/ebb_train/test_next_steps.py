"""The next command after each verb of ``ebb-train``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ebb_train import next_steps
from ebb_train.inference.lens_settings import LensSettings
from ebb_train.inference.settings import RenderSettings
from ebb_train.models.weights import About, save_weights


def test_after_fit() -> None:
    after = next_steps.after_fit(Path("runs/a"), Path("my set"), is_complete=True)
    assert after == "ebb-train evaluate runs/a 'my set' --out runs/a-scores"
    assert (
        next_steps.after_fit(Path("a"), Path("set"), is_complete=False)
        == "ebb-train render PHOTO --checkpoint a"
    )


def test_after_render_unused_flags_are_suggested() -> None:
    both = next_steps.after_render(RenderSettings())
    assert "--full-resolution" in both
    assert "--compare" in both
    assert "--compare" not in next_steps.after_render(RenderSettings(compare=True))
    assert next_steps.after_render(RenderSettings(compare=True, full_resolution=True)) == ""


def test_after_the_lens_come_its_own_flags() -> None:
    one = next_steps.after_render(RenderSettings(), LensSettings())
    assert one.startswith(
        "--focus x,y focuses elsewhere, --aperture 1.8,2.8,8 makes a strip, --full-resolution"
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
    assert models in next_steps.after_evaluate(model, Path("set"), is_model=is_model)


def test_the_split_is_kept() -> None:
    after = next_steps.after_evaluate("layered", Path("set"), is_model=True, split="val")
    assert after == "ebb-train benchmark set --models identity,gain,layered --split val --out runs/table"
    after = next_steps.after_evaluate("mine", Path("set"), is_model=False, split="val")
    assert after == "ebb-train evaluate identity set --split val --out runs/identity"


def write_weights(path: Path, network: str) -> str:
    path.parent.mkdir(exist_ok=True)
    tensors = {"a": np.zeros(1, np.float32)}
    save_weights(path, tensors, About(config={}, network=network, source="a test"))
    return str(path)


def test_after_a_benchmark(tmp_path: Path) -> None:
    pynet = write_weights(tmp_path / "a.safetensors", "pynet")
    other = write_weights(tmp_path / "run" / "stage-1.safetensors", "dmshn")
    (tmp_path / "empty").mkdir()
    lost = [str(tmp_path / "none.safetensors"), str(tmp_path / "empty")]
    after = next_steps.after_benchmark(["identity", *lost, other, pynet], Path("set"))
    assert after == f"ebb-train ablate {pynet} set --out runs/ablation"
    assert next_steps.after_benchmark([pynet], Path("set"), "val").endswith(
        " set --split val --out runs/ablation"
    )
    folder = str(tmp_path / "run")
    after = next_steps.after_benchmark([folder], Path("set"))
    assert after == f"ebb-train export-onnx {folder} bokeh.onnx", "levels are left out of PyNETs alone"
    for models in (["identity"], lost):
        assert next_steps.after_benchmark(models, Path("set")).startswith("ebb-train fit set ")
