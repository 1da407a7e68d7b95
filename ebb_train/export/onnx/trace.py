"""ONNX files of networks other than PyNET: traced by PyTorch, and compared with it."""

from __future__ import annotations

import io
import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - only imported when a network is exported
from torch import Tensor, nn  # noqa: TID253

from ebb.version import __version__
from ebb_train import optional
from ebb_train.data.planes import position_planes
from ebb_train.export import inputs
from ebb_train.export.parity import Parity, compare
from ebb_train.export.settings import INPUT, OUTPUT, PhotoSize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ebb_train.networks.photo_network import PhotoNetwork

OPSET = 17

SIZES = (PhotoSize(128, 192), PhotoSize(160, 96))
"""Sizes of the photos for the trace and the comparison: two, since height and width are dynamic."""

STRENGTH = 0.7
"""Of the comparison."""

WHAT = {
    "photo": "NCHW, [0, 1]: RGB, and inverse depth (near is 1) as a fourth channel if the network takes it",
    "strength": "(N, 1): the network's reference f-number over that of the picture",
    "position": "NCHW: x from 0 at the left to 1, y from 1 at the top down, on the same scale",
}
"""Inputs, for the note in the file."""


class _Traced(nn.Module):
    """A network as a function of its inputs in a fixed order."""

    def __init__(self, network: PhotoNetwork, names: list[str], *, clip: bool) -> None:
        super().__init__()
        self.network, self.names, self.clip = network, names, clip

    def forward(self, photo: Tensor, *planes: Tensor) -> Tensor:
        picture: Tensor = self.network(photo, **dict(zip(self.names, planes, strict=True)))
        return picture.clamp(0, 1) if self.clip else picture


def traced_model(network: PhotoNetwork, size: PhotoSize, origin: Mapping[str, str], *, clip: bool) -> Any:  # noqa: ANN401 - onnx has no types
    """The ONNX model of a network, for photos of any size that is a multiple of the network's.

    Args:
        network: In evaluation mode, on the CPU.
        size: Of the photo that it is traced with.
        origin: Of the weights, for the note in the file.
        clip: Clip the picture to [0, 1].

    Raises:
        MissingDependency: onnx is not installed.
    """
    onnx = optional.onnx()
    planes = trial(network, size)
    names = [name for name in planes if name != INPUT]
    maps = [INPUT, *(name for name in names if name != "strength"), OUTPUT]
    axes = {name: {2: "height", 3: "width"} for name in maps}
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # about the exporter's age, and of the tracer about Python values
        torch.onnx.export(
            _Traced(network, names, clip=clip).eval(),
            tuple(torch.from_numpy(values) for values in planes.values()),
            file,  # type: ignore[arg-type]  # a file object is taken, too
            input_names=[INPUT, *names],
            output_names=[OUTPUT],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(file.getvalue())
    model.producer_name, model.producer_version = "ebb", __version__
    about = {
        "network": network.config.model,
        "config": network.config.as_dict(),
        "weights": dict(origin),
        "inputs": {name: WHAT[name] for name in (INPUT, *names)},
        "multiple": network.spec.multiple,
        "reference_f_number": network.spec.reference_f_number,
    }
    onnx.helper.set_model_props(model, {"ebb": json.dumps(about, sort_keys=True)})
    onnx.checker.check_model(model, full_check=True)
    return model


def trial(network: PhotoNetwork, size: PhotoSize) -> dict[str, NDArray[np.float32]]:
    """A synthetic scene as the network's inputs, by name."""
    wide, depth = inputs.scene_photos(size)
    photo = wide if network.in_channels == 3 else np.dstack([wide, depth])
    found = {INPUT: np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / np.float32(255)}
    if "strength" in network.spec.planes:
        found["strength"] = np.full((1, 1), STRENGTH, np.float32)
    if "position" in network.spec.planes:
        places = position_planes(size.height, size.width).transpose(2, 0, 1)[None]
        found["position"] = np.ascontiguousarray(places)
    return found


def compare_traced(session: Any, size: PhotoSize, *, network: PhotoNetwork, clip: bool) -> Parity:  # noqa: ANN401 - onnxruntime has no types
    """The difference of the file from PyTorch."""
    planes = trial(network, size)
    found: NDArray[np.float32] = session.run(None, planes)[0]
    tensors = {name: torch.from_numpy(values) for name, values in planes.items()}
    with torch.inference_mode():
        wanted = network(tensors.pop(INPUT), **tensors).numpy()
    return compare(f"synthetic scene {size}", found, np.clip(wanted, 0, 1) if clip else wanted)
