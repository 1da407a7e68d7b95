"""MegaDepth as a depth provider: from a photo to inverse depth at half its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebb.arrays import Size
from ebb.depthmap.encoding import half_of, inverse_depth_from_log
from ebb.errors import MissingDependency, install_extra
from ebb.pytorch import is_out_of_memory, to_device

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ebb.arrays import InverseDepth, Rgb8


class MegaDepthProvider:
    """MegaDepth as in the EBB! release: the network runs at half the size of the photo.

    EBB! cropped the width to a multiple of 32. Here the right and bottom are padded by reflection to the next
    multiple and the map is cropped afterwards, so that it covers every column of the photo; if the half size
    is a multiple, the results are the same.

    Args:
        weights: One of the authors' weights files.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        bf16: Compute in bfloat16, which is faster on processors that support it, with an error of some grey
            levels.

    Raises:
        InvalidInput: the file does not contain MegaDepth's weights.
        MissingDependency: PyTorch is not installed.
        UsageError: there is no such device.
    """

    name = "megadepth"
    multiple = 32

    def __init__(self, weights: Path, device: str = "cpu", *, bf16: bool = False) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingDependency("MegaDepth needs PyTorch", hint=install_extra("depth")) from error
        from ebb.depthmap.inference_graph import build_inference_graph
        from ebb.depthmap.megadepth import load_megadepth

        model = build_inference_graph(load_megadepth(weights), torch.bfloat16 if bf16 else torch.float32)
        self._network = to_device(model, device)
        self._device = torch.device(device)

    def __call__(self, rgb: Rgb8) -> InverseDepth:
        """See :class:`~ebb.depthmap.from_network.DepthProvider`."""
        return self.predict([rgb])[0]

    def predict(self, photos: Sequence[Rgb8]) -> list[InverseDepth]:
        """See :class:`~ebb.depthmap.from_network.DepthProvider`."""
        halves = [half_size(rgb) for rgb in photos]
        height, width = halves[0].shape[:2]
        padded = np.stack([_fill_up(half, self.multiple) for half in halves])
        # one at a time on a CPU, where batches are not faster and take more memory
        groups = [padded] if self._device.type != "cpu" else np.split(padded, len(padded))
        log_depth = np.concatenate([self._run(group) for group in groups])
        return [inverse_depth_from_log(one[:height, :width]) for one in log_depth]

    def _run(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Map (N, H, W, 3) to log depth (N, H, W)."""
        import torch

        try:
            with torch.inference_mode():
                rgb = torch.from_numpy(photos).to(self._device).permute(0, 3, 1, 2)
                log_depth: NDArray[np.float32] = self._network(rgb.float() / 255.0)[:, 0].cpu().numpy()
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error).partition("\n")[0]) from error
            raise
        return log_depth


def half_size(rgb: Rgb8) -> Rgb8:
    """Half the photo (height, width, 3), rounded down: bicubic with antialiasing, as in the EBB! release.

    Raises:
        Rejected: ``too_small`` if a side would be shorter than 16 pixels.
    """
    from PIL import Image

    size = half_of(Size(rgb.shape[1], rgb.shape[0]))
    whole = (0, 0, 2 * size.width, 2 * size.height)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=whole))


def _fill_up(rgb: Rgb8, multiple: int) -> Rgb8:
    """Pad the photo by reflection at the right and bottom to multiples of ``multiple``."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")
