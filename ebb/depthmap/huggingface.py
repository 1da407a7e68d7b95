"""Depth networks in the folder format of Hugging Face transformers.

Photos are prepared here, with the values in ``preprocessor_config.json``, because the classes of transformers
for this purpose require torchvision, which is not available for every build of PyTorch.
"""

from __future__ import annotations

import importlib
import math
from typing import TYPE_CHECKING, Any

from ebb.arrays import Size
from ebb.depthmap.estimator import Estimator, InputSize, not_taken
from ebb.documents import read_json
from ebb.errors import InvalidInput, MissingDependency, UsageError, install_extra
from ebb.normalisation import NORMALISATIONS, Normalisation
from ebb.pytorch import to_device, torch_device

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb.depthmap.estimator import OutputKind
    from ebb.settings import DepthSettings

_OUTPUTS: dict[str, OutputKind] = {
    "chmv2": "distance",
    "depth_pro": "inverse",
    "dpt": "inverse",
    "glpn": "distance",
    "tipsv2_dpt": "distance",
    "zoedepth": "distance",
}
"""``model_type`` → output of the network, if it is the same for all checkpoints."""

_LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError)


def load_transformers(folder: Path, settings: DepthSettings) -> Estimator:
    """Open the folder of a depth-estimation model as a depth provider; no code from the folder is run.

    Raises:
        MissingDependency: PyTorch or transformers are not installed.
        InvalidInput: the folder does not contain a complete depth-estimation model.
        UsageError: there is no such device, or a property of the model is unknown and must be set by
            ``--model-*``.
    """
    config = _read_json(folder / "config.json")
    recipe = _read_recipe(folder)
    kind = settings.model_output
    return Estimator(
        name="transformers",
        network=_Network(folder, torch_device(settings.device)),
        size=_input_size(recipe, settings),
        normalisation=settings.normalisation or _normalisation(recipe),
        output=_output_kind(config) if kind == "auto" else kind,
        filter=recipe.get("resample", 3),
    )


class _Network:
    """Runs the model; see :data:`ebb.depthmap.estimator.Network`."""

    def __init__(self, folder: Path, device: str) -> None:
        self._model = to_device(_load(folder), device)
        self._device = device

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        import torch

        try:
            with torch.inference_mode():
                pixels = torch.from_numpy(batch).to(self._device)
                depth: NDArray[np.float32] = self._model(pixel_values=pixels).predicted_depth.cpu().numpy()
        except (RuntimeError, ValueError) as error:
            raise not_taken(batch.shape, error) from error
        return depth


def _load(folder: Path) -> Any:  # noqa: ANN401 - the class depends on the folder
    """Load the model in float32; weights that transformers would initialise randomly are an error."""
    try:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoModelForDepthEstimation
    except ImportError as error:
        raise MissingDependency(
            f"transformers cannot be imported: {error}", hint=install_extra("transformers")
        ) from error
    # its progress bar creates a semaphore that a worker cannot release in time
    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    try:
        model, report = AutoModelForDepthEstimation.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except (*_LOAD_ERRORS, SafetensorError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise InvalidInput(f"not a usable depth-estimation model: {reason}", path=folder) from error
    absent = sorted(report["missing_keys"]) + sorted(str(key[0]) for key in report["mismatched_keys"])
    if absent:
        raise InvalidInput(f"{len(absent)} weights are missing, such as {absent[0]}", path=folder)
    return model.eval()


def _read_recipe(folder: Path) -> Mapping[str, Any]:
    """Settings of the preparation of photos; newer folders have them in ``processor_config.json``."""
    if (folder / "preprocessor_config.json").exists():
        return _read_json(folder / "preprocessor_config.json")
    if (folder / "processor_config.json").exists():
        recipe = _read_json(folder / "processor_config.json").get("image_processor")
        return recipe if isinstance(recipe, dict) else {}
    return {}


def _read_json(path: Path) -> dict[str, Any]:
    values = read_json(path, hint="expected: the folder of a transformers model")
    if not isinstance(values, dict):
        raise InvalidInput("not the folder of a transformers model: expected a JSON object", path=path)
    return values


def _input_size(recipe: Mapping[str, Any], settings: DepthSettings) -> InputSize:
    divisor = recipe.get("size_divisor") if "size" not in recipe else None  # GLPN: the size of the photo
    multiple = settings.model_multiple or recipe.get("ensure_multiple_of") or divisor or 1
    if settings.model_size:
        return InputSize(Size(settings.model_size, settings.model_size), multiple=multiple)
    if divisor or recipe.get("do_resize") is False:
        return InputSize(None, multiple=multiple)
    size, keep_aspect = recipe.get("size"), bool(recipe.get("keep_aspect_ratio", False))
    if isinstance(size, int):
        size = {"height": size, "width": size}
    elif isinstance(size, dict) and "shortest_edge" in size:
        size, keep_aspect = dict.fromkeys(("height", "width"), size["shortest_edge"]), True
    if not isinstance(size, dict) or not {"height", "width"} <= size.keys():
        raise UsageError("the size of the input of this model is unknown", hint="use --model-size")
    return InputSize(Size(size["width"], size["height"]), keep_aspect=keep_aspect, multiple=multiple)


def _normalisation(recipe: Mapping[str, Any]) -> Normalisation:
    is_unit = recipe.get("do_rescale", True) and math.isclose(recipe.get("rescale_factor", 1 / 255), 1 / 255)
    if is_unit and recipe and not recipe.get("do_normalize", "image_mean" in recipe):
        return NORMALISATIONS["unit"]
    if not is_unit or "image_mean" not in recipe or "image_std" not in recipe:
        raise UsageError(
            "the normalisation of the input of this model is unknown", hint="use --model-normalisation"
        )
    return Normalisation(tuple(recipe["image_mean"]), tuple(recipe["image_std"]))


def _output_kind(config: Mapping[str, Any]) -> OutputKind:
    """Output of the network, from the config of Depth Anything or from the table for other models."""
    model = config.get("model_type")
    if "depth_anything" in str(model):
        return "distance" if config.get("depth_estimation_type") == "metric" else "inverse"
    backbone = config.get("backbone_config") or {}
    if model == "dpt" and backbone.get("model_type") == "dinov2":
        return "distance"  # checkpoints with DINOv2 were trained on metres, all other DPTs on disparity
    if model not in _OUTPUTS:
        raise UsageError(f"the output of a {model} model is unknown", hint="use --model-output")
    return _OUTPUTS[model]
