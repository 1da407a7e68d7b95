"""Trained networks as functions on photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ebb.errors import InvalidInput, UsageError
from ebb_train import optional
from ebb_train.baselines import trained
from ebb_train.models.pynet import PyNetConfig
from ebb_train.networks.files import takes_depth
from ebb_train.pixels import from_unit

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray
    from torch import Tensor

    from ebb_train.networks.files import AnyNetwork, Config

Photo = TypeVar("Photo", "NDArray[Any]", "Tensor")
"""The output has the type of the input."""


class BokehModel:
    """Network that renders a shallow photo from a wide photo; load it with :func:`ebb_train.load_model`.

    Photos may have any size. The input of PyNET is half their size, that of other networks their size; both
    are padded by reflection at the right and the bottom, for PyNET to a multiple of 32 pixels.

    Attributes:
        network: The PyTorch module, in evaluation mode.
        config: Architecture of the network.
        needs_depth: Whether the network requires a depth map.

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

    def __init__(self, network: AnyNetwork) -> None:
        self.network = network
        self.config: Config = network.config
        self.needs_depth = takes_depth(network)

    def __repr__(self) -> str:
        device = next(self.network.parameters()).device
        return f"BokehModel({self.config!r}, needs_depth={self.needs_depth}, device={str(device)!r})"

    def __call__(self, photo: Photo, depth: Photo | None = None, *, f_number: float | None = None) -> Photo:
        """Render a photo or a batch of photos.

        uint8 photos are processed as by ``ebb-train render``: they are resized in 8 bits, as in training, and
        the result is rounded. Floats are resized as floats.

        Args:
            photo: An array (H, W, 3), or a tensor (N, C, H, W) on any device; sRGB, uint8 or floats in
                [0, 1]. C is 3, or 4 if inverse depth is the last channel, as in :meth:`ebb.Dataset.to_torch`.
            depth: Inverse depth, larger is nearer, if the network requires it and ``photo`` does not contain
                it: (h, w) or (N, 1, h, w), in the type and range of ``photo``. It may have any resolution but
                must cover the same field of view.
            f_number: Of the pictures, for a network that takes it, such as bokehlicious-small.

        Returns:
            An array (H, W, 3), or a tensor (N, 3, H, W) on the same device, in the type of ``photo``.

        Raises:
            InvalidInput: a shape or type is wrong, or depth or the f-number is required and missing.
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
            return self._array(photo, depth, f_number)
        return self._tensor(photo, depth, f_number)

    def _array(self, photo: NDArray[Any], depth: NDArray[Any] | None, f_number: float | None) -> NDArray[Any]:
        if photo.ndim != 3 or photo.shape[2] != 3:
            raise InvalidInput(f"a photo must have the shape (height, width, 3), not {photo.shape}")
        self._check_depth(depth)
        if depth is not None and (depth.ndim != 2 or depth.dtype != photo.dtype):
            raise InvalidInput(
                f"depth must have the shape (h, w) and the photo's type {photo.dtype}, "
                f"not {depth.shape} of {depth.dtype}"
            )
        if photo.dtype == np.uint8:
            from ebb_train.inference.whole_photo import render_full_image

            used = depth if self.needs_depth else None
            return from_unit(render_full_image(self.network, photo, used, f_number))
        if not np.issubdtype(photo.dtype, np.floating):
            raise InvalidInput(f"a photo must be uint8 or floats in [0, 1], not {photo.dtype}")
        torch = optional.torch()
        planes = torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32))
        map_: Tensor | None = None
        if depth is not None:
            map_ = torch.from_numpy(np.ascontiguousarray(depth[None, None], np.float32))
        picture = self._tensor(planes, map_, f_number)[0].permute(1, 2, 0).numpy()
        return np.ascontiguousarray(picture, photo.dtype)

    def _tensor(self, photo: Tensor, depth: Tensor | None, f_number: float | None) -> Tensor:
        from ebb_train.inference.float_photo import render_floats

        torch = optional.torch()
        if photo.ndim != 4 or photo.shape[1] not in (3, 4):
            raise InvalidInput(f"a tensor must have the shape (N, 3 or 4, H, W), not {tuple(photo.shape)}")
        if photo.shape[1] == 4:
            photo, depth = photo[:, :3], photo[:, 3:] if depth is None else depth
        self._check_depth(depth)
        if depth is not None and (depth.ndim != 4 or depth.shape[1] != 1 or depth.dtype != photo.dtype):
            raise InvalidInput(
                f"depth must have the shape (N, 1, h, w) and the photo's type {photo.dtype}, "
                f"not {tuple(depth.shape)} of {depth.dtype}"
            )
        if photo.dtype == torch.uint8:
            return self._bytes(photo, depth, f_number)
        if not photo.is_floating_point():
            raise InvalidInput(f"a tensor must be uint8 or floats in [0, 1], not {photo.dtype}")
        if not (photo.min() >= 0 and photo.max() <= 1):  # also true of NaN
            message = f"floats must be in [0, 1], not in [{float(photo.min()):g}, {float(photo.max()):g}]"
            raise InvalidInput(message, hint="divide 8-bit values by 255")
        picture = render_floats(self.network, photo, depth if self.needs_depth else None, f_number)
        return picture.to(photo.device, photo.dtype)

    def _check_depth(self, depth: object) -> None:
        if self.needs_depth and depth is None:
            hint = "pass it as the second argument; ebb.estimate_depth makes it of a photo"
            raise InvalidInput("the network takes depth, and none is given", hint=hint)

    def _bytes(self, photo: Tensor, depth: Tensor | None, f_number: float | None) -> Tensor:
        """Render a batch of uint8 photos one by one."""
        torch = optional.torch()
        photos = photo.permute(0, 2, 3, 1).cpu().numpy()
        maps = [None] * len(photos) if depth is None else depth[:, 0].cpu().numpy()
        pictures = [self._array(one, map_, f_number) for one, map_ in zip(photos, maps, strict=True)]
        stacked: Tensor = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        return stacked.contiguous().to(photo.device)


def load_model(path: str | PathLike[str], device: str = "cpu", *, fast: bool = False) -> BokehModel:
    """Load a trained network.

    Args:
        path: Weights file (``.safetensors``) of ``ebb-train fit`` or ``convert``, or a run folder of ``fit``,
            for its best weights.
        device: ``cpu``, ``cuda``, ``cuda:1``, …; ``auto``: a GPU if available.
        fast: Whether to use the optimised inference graph of PyNET on a CPU, which takes about a third less
            time. Outputs differ by about twice the rounding error of float32, which depends on weights: by
            9e-5 with those of the reference run, and there is no bound for all weights (``docs/render.md``).

    Raises:
        InvalidInput: the file is missing, invalid or damaged, or a PyNET that ends above level 1, where its
            output is smaller than the photo.
        UsageError: the device does not exist, or ``fast`` is asked for of another network.
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
    network: AnyNetwork = trained.load(Path(path), device).network
    if fast and not isinstance(network.config, PyNetConfig):
        raise UsageError(f"fast is for PyNET, not {network.config.model}", path=Path(path))
    if fast and next(network.parameters()).device.type == "cpu":
        from ebb_train.models.inference_graph import InferenceGraph

        network = InferenceGraph(network)  # type: ignore[arg-type]  # a PyNet up to here
    return BokehModel(network)
