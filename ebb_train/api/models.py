"""A trained network as a function on photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ebb.errors import InvalidInput
from ebb_train import optional
from ebb_train.baselines import pynet
from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray
    from torch import Tensor

    from ebb_train.models.inference_graph import InferenceGraph
    from ebb_train.models.network import PyNet
    from ebb_train.models.pynet import PyNetConfig

Photo = TypeVar("Photo", "NDArray[Any]", "Tensor")
"""What goes in is what comes out."""


class BokehModel:
    """Renders the shallow photo of a wide one with a network; made by :func:`ebb_train.load_model`.

    Photos may have any size and aspect. The network sees them at half their size, mirrored at the right and
    the bottom up to a multiple of 32 pixels.

    Attributes:
        network: The PyTorch module, in evaluation mode.
        config: What the network is like.
        needs_depth: Whether it takes a depth map beside the photo.

    Examples:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from ebb_train.models.network import PyNet, save_pynet
        >>> network = PyNet(ebb_train.PyNetConfig(width=1 / 32))
        >>> _ = save_pynet(Path("tiny.safetensors"), network, source="an example")
        >>> model = ebb_train.load_model("tiny.safetensors")
        >>> model.needs_depth, model.config.width
        (True, 0.03125)
    """

    def __init__(self, network: PyNet | InferenceGraph) -> None:
        self.network = network
        self.config: PyNetConfig = network.config
        self.needs_depth = network.config.in_channels == 4

    def __call__(self, photo: Photo, depth: Photo | None = None) -> Photo:
        """Render one photo, or a batch of tensors.

        8-bit values go the way of ``ebb-train render``: resized in 8 bits as in training, rounded at the end.
        Floats are resized in floats.

        Args:
            photo: An array (H, W, 3), or a tensor (N, C, H, W) on any device; sRGB, uint8 or floats in
                [0, 1]. C is 3, or 4 with inverse depth as the last channel, as :meth:`ebb.Dataset.to_torch`
                gives it.
            depth: Inverse depth, near is bright, if the network takes it and it is not in ``photo``: (h, w),
                or (N, 1, h, w), of any size that covers the same view, in the type and range of ``photo``.

        Returns:
            What was given, an array (H, W, 3) or a tensor (N, 3, H, W) on the same device, of the same type.

        Raises:
            InvalidInput: a shape or type is wrong, or depth is wanted and there is none.
            MemoryError: there is not enough memory.

        Examples:
            >>> from pathlib import Path
            >>> import numpy as np
            >>> from ebb_train.models.network import PyNet, save_pynet
            >>> network = PyNet(ebb_train.PyNetConfig(width=1 / 32))
            >>> _ = save_pynet(Path("tiny.safetensors"), network, source="an example")
            >>> model = ebb_train.load_model("tiny.safetensors")
            >>> picture = model(np.zeros((50, 70, 3), np.uint8), np.zeros((25, 35), np.uint8))
            >>> picture.shape, picture.dtype
            ((50, 70, 3), dtype('uint8'))
        """
        if isinstance(photo, np.ndarray):
            return self._array(photo, depth)
        return self._tensor(photo, depth)

    def _array(self, photo: NDArray[Any], depth: NDArray[Any] | None) -> NDArray[Any]:
        if photo.ndim != 3 or photo.shape[2] != 3:
            raise InvalidInput(f"a photo of shape {photo.shape}, not (height, width, 3)")
        if depth is not None and (depth.ndim != 2 or depth.dtype != photo.dtype):
            raise InvalidInput(
                f"depth of shape {depth.shape} and type {depth.dtype}", hint=f"(h, w) of {photo.dtype}"
            )
        if photo.dtype == np.uint8:
            from ebb_train.inference.whole_photo import render_full_image

            return from_unit(render_full_image(self.network, photo, depth if self.needs_depth else None))
        if not np.issubdtype(photo.dtype, np.floating):
            raise InvalidInput(f"a photo of {photo.dtype} values", hint="uint8, or floats in [0, 1]")
        torch = optional.torch()
        planes = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32))
        map_: Tensor | None = None
        if depth is not None:
            map_ = torch.from_numpy(np.ascontiguousarray(depth[None, None], np.float32))
        picture = self._tensor(planes, map_)[0].permute(1, 2, 0).numpy()
        return np.ascontiguousarray(picture, photo.dtype)

    def _tensor(self, photo: Tensor, depth: Tensor | None) -> Tensor:
        from ebb_train.inference.float_photo import render_floats

        torch = optional.torch()
        if photo.ndim != 4 or photo.shape[1] not in (3, 4):
            raise InvalidInput(f"a tensor of shape {tuple(photo.shape)}, not (N, 3 or 4, H, W)")
        if photo.shape[1] == 4:
            photo, depth = photo[:, :3], photo[:, 3:] if depth is None else depth
        if depth is not None and (depth.ndim != 4 or depth.shape[1] != 1 or depth.dtype != photo.dtype):
            found = f"depth of shape {tuple(depth.shape)} and type {depth.dtype}"
            raise InvalidInput(found, hint=f"(N, 1, h, w) of {photo.dtype}")
        if photo.dtype == torch.uint8:
            return self._bytes(photo, depth)
        if not photo.is_floating_point():
            raise InvalidInput(f"a tensor of {photo.dtype} values", hint="uint8, or floats in [0, 1]")
        if not (photo.min() >= 0 and photo.max() <= 1):  # NaN is refused as well
            message = f"floats from {float(photo.min()):g} to {float(photo.max()):g}"
            raise InvalidInput(message, hint="sRGB values in [0, 1]; divide 8-bit values by 255")
        picture = render_floats(self.network, photo, depth if self.needs_depth else None)
        return picture.to(photo.device, photo.dtype)

    def _bytes(self, photo: Tensor, depth: Tensor | None) -> Tensor:
        """Photo by photo, as arrays."""
        torch = optional.torch()
        photos = photo.permute(0, 2, 3, 1).cpu().numpy()
        maps = [None] * len(photos) if depth is None else depth[:, 0].cpu().numpy()
        pictures = [self._array(one, map_) for one, map_ in zip(photos, maps, strict=True)]
        stacked: Tensor = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return stacked.contiguous().to(photo.device)


def load_model(path: str | PathLike[str], device: str = "cpu", *, fast: bool = False) -> BokehModel:
    """Load a trained network.

    Args:
        path: Weights file (``.safetensors``) of ``ebb-train fit`` or ``convert``, or the run
            folder of a fit: its best weights.
        device: ``cpu``, ``cuda``, ``cuda:1``; ``auto``: a GPU if there is one.
        fast: On a CPU, take about a third less time, for differences below 1e-4 of the range.

    Raises:
        InvalidInput: not such a file, damaged, or a network that ends above level 1: its picture is smaller
            than the photo.
        UsageError: there is no such device.
        MissingDependency: PyTorch or safetensors is not installed.

    Examples:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from ebb_train.models.network import PyNet, save_pynet
        >>> network = PyNet(ebb_train.PyNetConfig(width=1 / 32, in_channels=3))
        >>> _ = save_pynet(Path("tiny.safetensors"), network, source="an example")
        >>> model = ebb_train.load_model("tiny.safetensors")
        >>> model(np.zeros((64, 96, 3), np.float32)).shape
        (64, 96, 3)
    """
    network: PyNet | InferenceGraph = pynet.load(Path(path), device).network
    if fast and next(network.parameters()).device.type == "cpu":
        from ebb_train.models.inference_graph import InferenceGraph

        network = InferenceGraph(network)  # type: ignore[arg-type]  # still the network that was loaded
    return BokehModel(network)
