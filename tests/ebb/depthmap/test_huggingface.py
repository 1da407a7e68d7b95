"""Small checkpoints with random weights, compared with the results of transformers' own classes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ebb.arrays import Size
from ebb.depthmap.estimator import InputSize, prepare, to_half_size, to_inverse_depth
from ebb.depthmap.huggingface import load_transformers
from ebb.errors import InvalidInput, MissingDependency, Reason, Rejected, UsageError
from ebb.normalisation import Normalisation
from ebb.settings import DepthSettings

transformers = pytest.importorskip("transformers")
SETTINGS = DepthSettings(provider="transformers", device="cpu")


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("anything")
    torch.manual_seed(0)
    stages = [f"stage{number}" for number in range(1, 5)]
    backbone = transformers.Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=stages,
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
    )
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    processor("dpt")(
        size={"height": 70, "width": 70}, keep_aspect_ratio=True, ensure_multiple_of=14
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def glpn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("glpn")
    torch.manual_seed(0)
    config = transformers.GLPNConfig(
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 8, 8],
        num_attention_heads=[1, 1, 1, 1],
        decoder_hidden_size=8,
    )
    transformers.GLPNForDepthEstimation(config).save_pretrained(folder)
    processor("glpn")().save_pretrained(folder)
    return folder


def processor(kind: str) -> Any:
    """The processor of transformers that needs no torchvision."""
    module = pytest.importorskip(f"transformers.models.{kind}.image_processing_pil_{kind}")
    return getattr(module, f"{kind.upper()}ImageProcessorPil")


def photo(width: int = 150, height: int = 100) -> np.ndarray:
    return np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("kind", "output"), [("dpt", "inverse"), ("glpn", "distance")])
def test_same_as_transformers(kind: str, output: Any, anything: Path, glpn: Path) -> None:
    folder = anything if kind == "dpt" else glpn
    provider = load_transformers(folder, SETTINGS)
    pixels = processor(kind).from_pretrained(folder)(photo(), return_tensors="pt")["pixel_values"]
    fed = provider.size.of(Size(150, 100))
    assert tuple(pixels.shape[2:]) == (fed.height, fed.width)
    np.testing.assert_allclose(
        prepare(photo(), fed, provider.normalisation, provider.filter), pixels[0], atol=1e-5
    )
    model = transformers.AutoModelForDepthEstimation.from_pretrained(folder)
    with torch.inference_mode():
        depth = model(pixel_values=pixels).predicted_depth[0].numpy()
    assert provider.output == output
    expected = to_half_size(to_inverse_depth(depth, fed, output), Size(75, 50))
    np.testing.assert_allclose(provider(photo()), expected, rtol=1e-4, atol=1e-6)


def test_a_landscape_photo_stays_one(anything: Path) -> None:
    provider = load_transformers(anything, SETTINGS)
    assert provider.size.of(Size(1536, 1024)) == Size(112, 70)


def test_a_batch_gives_what_single_photos_give(glpn: Path) -> None:
    provider = load_transformers(glpn, SETTINGS)
    photos = [photo(), photo()[::-1]]
    for together, alone in zip(provider.predict(photos), map(provider, photos), strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-4)


def changed(folder: Path, to: Path, name: str, **changes: Any) -> Path:
    """A copy of a model's folder with other values in one of its JSON files; None removes one."""
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    values = {**json.loads((to / name).read_text()), **changes}
    (to / name).write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return to


RECIPE = "preprocessor_config.json"
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"size": 96}, InputSize(Size(96, 96), keep_aspect=True, multiple=14)),
        ({"size": 96, "keep_aspect_ratio": False}, InputSize(Size(96, 96), keep_aspect=False, multiple=14)),
        ({"size": {"shortest_edge": 48}, "keep_aspect_ratio": None}, InputSize(Size(48, 48), multiple=14)),
        ({"do_resize": False}, InputSize(None, multiple=14)),
    ],
)
def test_sizes_in_the_recipe(
    anything: Path, tmp_path: Path, changes: dict[str, Any], expected: InputSize
) -> None:
    assert load_transformers(changed(anything, tmp_path, RECIPE, **changes), SETTINGS).size == expected


def test_the_recipe_may_be_part_of_the_processor_config(anything: Path, tmp_path: Path) -> None:
    folder = changed(anything, tmp_path, RECIPE, **IMAGENET)
    recipe = json.loads((folder / RECIPE).read_text())
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": recipe}))
    (folder / RECIPE).unlink()
    provider = load_transformers(folder, SETTINGS)
    assert provider.normalisation == Normalisation(
        tuple(IMAGENET["image_mean"]), tuple(IMAGENET["image_std"])
    )


def test_settings_take_precedence_over_the_folder(anything: Path) -> None:
    settings = DepthSettings(
        provider="transformers",
        model_size=48,
        model_multiple=8,
        model_output="log_distance",
        model_normalisation="unit",
        device="cpu",
    )
    provider = load_transformers(anything, settings)
    assert provider.size == InputSize(Size(48, 48), multiple=8)
    assert provider.output == "log_distance"
    assert provider.normalisation.std == (1, 1, 1)


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (RECIPE, {"size": None}, "the size of the input .*--model-size"),
        (RECIPE, {"image_mean": None}, "the normalisation of the input .*--model-normalisation"),
        (RECIPE, {"rescale_factor": 1.0}, "the normalisation of the input .*--model-normalisation"),
    ],
)
def test_unknown_properties_of_a_model(
    anything: Path, tmp_path: Path, name: str, changes: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        load_transformers(changed(anything, tmp_path, name, **changes), SETTINGS)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"model_type": "depth_anything"}, "inverse"),
        ({"model_type": "depth_anything", "depth_estimation_type": "metric"}, "distance"),
        ({"model_type": "dpt"}, "inverse"),
        ({"model_type": "dpt", "backbone_config": {"model_type": "dinov2"}}, "distance"),
        ({"model_type": "zoedepth"}, "distance"),
    ],
)
def test_outputs_of_known_models(config: dict[str, Any], expected: str) -> None:
    from ebb.depthmap.huggingface import _output_kind

    assert _output_kind(config) == expected
    with pytest.raises(UsageError, match="the output of a other model is unknown .*--model-output"):
        _output_kind({"model_type": "other"})


def test_missing_weights_are_not_initialised_randomly(anything: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = changed(anything, tmp_path, "config.json")
    state = load_file(folder / "model.safetensors")
    del state["head.conv1.weight"]
    save_file(state, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(InvalidInput, match="1 weights are missing, such as head.conv1.weight"):
        load_transformers(folder, SETTINGS)


def test_folders_without_depth_model(anything: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"config\.json: cannot be read: .*the folder of a transformers model"
    ):
        load_transformers(tmp_path, SETTINGS)
    folder = changed(anything, tmp_path, "config.json", model_type="bert")
    with pytest.raises(InvalidInput, match="not a usable depth-estimation model"):
        load_transformers(
            folder, DepthSettings(provider="transformers", model_output="inverse", device="cpu")
        )
    folder = changed(anything, tmp_path, "config.json")
    (folder / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(InvalidInput, match="not a usable depth-estimation model"):
        load_transformers(folder, SETTINGS)


def test_code_in_the_folder_is_not_run(anything: Path, tmp_path: Path) -> None:
    auto_map = {"AutoConfig": "evil.Config", "AutoModelForDepthEstimation": "evil.Model"}
    folder = changed(anything, tmp_path, "config.json", auto_map=auto_map, model_type="mine")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    settings = DepthSettings(provider="transformers", model_output="inverse", device="cpu")
    with pytest.raises(InvalidInput, match="not a usable depth-estimation model"):
        load_transformers(folder, settings)
    assert not (tmp_path / "ran").exists()


def test_nan_and_unsupported_sizes(anything: Path, tmp_path: Path) -> None:
    provider = load_transformers(anything, SETTINGS)
    with torch.no_grad():
        provider.network._model.head.conv3.bias[:] = torch.nan  # type: ignore[attr-defined]
    with pytest.raises(Rejected, match="depth values are not finite") as caught:
        provider(photo())
    assert caught.value.reason is Reason.BAD_DEPTH
    folder = changed(anything, tmp_path, RECIPE, size={"height": 8, "width": 8}, ensure_multiple_of=1)
    with pytest.raises(Rejected, match=r"cannot take an input of shape \(1, 3, 8, 12\)"):
        load_transformers(folder, SETTINGS)(photo())


def test_no_such_device(anything: Path) -> None:
    with pytest.raises(UsageError, match="cannot compute on 'cuda:99'"):
        load_transformers(anything, DepthSettings(provider="transformers", device="cuda:99"))


def test_without_transformers(anything: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingDependency, match=r"pip install 'ebb-bokeh\[transformers\]'") as caught:
        load_transformers(anything, SETTINGS)
    assert caught.value.exit_code == 6
