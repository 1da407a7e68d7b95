"""Where depth comes from, behind one small interface: photos in, inverse depth out.

``sidecar`` and ``embedded`` depth comes from files, not from photos:
:func:`ebb.depthmap.sidecar.read_sidecar` and :func:`ebb.depthmap.embedded.read_embedded`.
"""

from __future__ import annotations

import importlib.util
from importlib import metadata
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import numpy as np

from ebb.arrays import Size
from ebb.depthmap.encoding import half_of, inverse_depth_from_log
from ebb.depthmap.estimator import is_out_of_memory
from ebb.errors import MissingDependency, UsageError, install_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from ebb.arrays import InverseDepth, Rgb8
    from ebb.settings import DepthSettings

Network = TypeVar("Network", bound="nn.Module")

Builder: TypeAlias = "Callable[[DepthSettings, Path | None], DepthProvider | None]"
"""Makes a provider from the settings and the file or folder of its model, if it has one."""


class DepthProvider(Protocol):
    """Something that estimates depth from one photo."""

    name: str

    def __call__(self, rgb: Rgb8) -> InverseDepth:
        """Inverse depth of one photo (height, width, 3), at exactly half its size, rounded down.

        Raises:
            Rejected: ``too_small`` or ``bad_depth``.
        """
        ...

    def predict(self, photos: Sequence[Rgb8]) -> list[InverseDepth]:
        """Inverse depth of photos of equal size, in their order."""
        ...


class MegaDepthProvider:
    """MegaDepth by the recipe of the EBB! release: the network runs at the native half size.

    EBB! cut the width down to a multiple of 32. Here the right and bottom are filled up by reflection to the
    next multiple instead and cut off afterwards, so that the map covers every column of the photo; where
    the half size divides, which is where EBB! cut nothing, both are the same.

    Args:
        weights: One of the authors' weights files.
        device: ``cpu``, ``cuda`` or ``cuda:1``.
        bf16: Calculate in bfloat16: faster on processors that have it, for some grey levels.

    Raises:
        InvalidInput: the file does not hold MegaDepth's weights.
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
        from ebb.depthmap.inference_graph import fast
        from ebb.depthmap.megadepth import load_megadepth

        model = fast(load_megadepth(weights), torch.bfloat16 if bf16 else torch.float32)
        self._network = to_device(model, device)
        self._device = torch.device(device)

    def __call__(self, rgb: Rgb8) -> InverseDepth:
        """See :class:`DepthProvider`."""
        return self.predict([rgb])[0]

    def predict(self, photos: Sequence[Rgb8]) -> list[InverseDepth]:
        """See :class:`DepthProvider`."""
        halves = [half_size(rgb) for rgb in photos]
        height, width = halves[0].shape[:2]
        padded = np.stack([_fill_up(half, self.multiple) for half in halves])
        # one at a time on a CPU: a batch gains nothing there and costs memory
        groups = [padded] if self._device.type != "cpu" else np.split(padded, len(padded))
        log_depth = np.concatenate([self._run(group) for group in groups])
        return [inverse_depth_from_log(one[:height, :width]) for one in log_depth]

    def _run(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) to log depth (N, H, W)."""
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
        Rejected: ``too_small``, if a side would be under 16 pixels.
    """
    from PIL import Image

    size = half_of(Size(rgb.shape[1], rgb.shape[0]))
    whole = (0, 0, 2 * size.width, 2 * size.height)
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=whole))


def _fill_up(rgb: Rgb8, multiple: int) -> Rgb8:
    """Reflect the photo at its right and bottom until both sides divide by ``multiple``."""
    height, width = rgb.shape[:2]
    return np.pad(rgb, ((0, -height % multiple), (0, -width % multiple), (0, 0)), mode="reflect")


def torch_device(device: str) -> str:
    """Where PyTorch runs for ``--device``: ``auto`` is the GPU if there is one.

    Raises:
        MissingDependency: PyTorch is not installed.
    """
    if device != "auto":
        return device
    check_installed("torch", "depth")
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def to_device(network: Network, device: str) -> Network:
    """Bring a network of PyTorch where it is to run.

    Raises:
        UsageError: there is no such device, or PyTorch was built without it.
    """
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for the device
        reason = str(error).partition("\n")[0]
        raise UsageError(f"cannot calculate on {device!r}: {reason}", hint="try --device cpu") from error


def on_gpu(device: str) -> bool:
    """Whether ``--device`` means a GPU here, as far as PyTorch, if it is installed, knows."""
    if device == "auto":
        return importlib.util.find_spec("torch") is not None and on_gpu(torch_device(device))
    return device.startswith("cuda")


def check_installed(package: str, extra: str) -> None:
    """Make sure that an optional package is there, without importing it.

    Raises:
        MissingDependency: it is not; the hint holds the command that installs it.
    """
    if importlib.util.find_spec(package) is None:
        raise MissingDependency(f"the Python package {package} is missing", hint=install_extra(extra))


def _megadepth(settings: DepthSettings, model: Path | None) -> DepthProvider:
    if model is None:
        raise MissingDependency(
            "MegaDepth needs its weights", hint="ebb weights download megadepth, or --weights FILE"
        )
    return MegaDepthProvider(model, torch_device(settings.device), bf16=settings.bf16)


def _onnx(settings: DepthSettings, model: Path | None) -> DepthProvider:
    from ebb.depthmap.onnx import load_onnx

    return load_onnx(_required(model, "onnx", "FILE"), settings)


def _transformers(settings: DepthSettings, model: Path | None) -> DepthProvider:
    from ebb.depthmap.huggingface import load_transformers

    return load_transformers(_required(model, "transformers", "FOLDER"), settings)


def _required(model: Path | None, provider: str, kind: str) -> Path:
    if model is None:
        raise UsageError(f"--provider {provider} needs a model", hint=f"--model {kind}")
    return model


def _none(settings: DepthSettings, model: Path | None) -> None:
    """No depth: pairs are stored without a depth map."""


PROVIDERS: dict[str, Builder] = {
    "megadepth": _megadepth,
    "onnx": _onnx,
    "transformers": _transformers,
    "none": _none,
}
"""Name → builder of what estimates depth from a photo. Packages add theirs as :data:`ENTRY_POINTS`."""

FROM_FILES = ("sidecar", "embedded")
"""Providers that read depth maps from the user's files."""

PACKAGES = {
    "megadepth": (("torch", "depth"),),
    "onnx": (("onnxruntime", "onnx"),),
    "transformers": (("torch", "transformers"), ("transformers", "transformers")),
}
"""Provider → the packages it imports, each with the extra of ebb that brings it."""

ENTRY_POINTS = "ebb.depth_providers"
"""Entry point group: name of a provider → a :data:`Builder`. It is imported when it is used."""


def check_provider(name: str) -> None:
    """Make sure that a provider exists and that what it imports is installed; nothing heavy is imported.

    Raises:
        UsageError: no provider has this name, or several have.
        MissingDependency: one of its packages is missing, or it is a plug-in that cannot be imported.
    """
    _find_builder(name)
    for package, extra in PACKAGES.get(name, ()):
        check_installed(package, extra)


def make_provider(settings: DepthSettings, model: Path | None = None) -> DepthProvider | None:
    """Build the provider that the settings name; None for ``none``, which gives no depth.

    Args:
        settings: ``provider`` and whatever that provider reads.
        model: Its weights: MegaDepth's or the ONNX file, the folder of a transformers model.

    Raises:
        UsageError: no provider has this name, or there is no such device.
        MissingDependency: its weights or a package are missing.
        InvalidInput: the model is not one for this provider.
    """
    return _find_builder(settings.provider)(settings, model)


def _find_builder(name: str) -> Builder:
    """The builder of that name, of ebb or of a plug-in; for what reads files, one that builds nothing."""
    plug_ins = list(metadata.entry_points(group=ENTRY_POINTS))
    found = [point for point in plug_ins if point.name == name]
    packages = ["ebb"] * (name in (*PROVIDERS, *FROM_FILES)) + [_package(point) for point in found]
    if len(packages) > 1:
        raise UsageError(
            f"{len(packages)} depth providers are called {name!r}: of {' and of '.join(packages)}",
            hint="uninstall all but one",
        )
    if not packages:
        known = sorted({*PROVIDERS, *FROM_FILES, *(point.name for point in plug_ins)})
        raise UsageError(f"no depth provider is called {name!r}", hint=f"known: {', '.join(known)}")
    return _load(found[0]) if found else PROVIDERS.get(name, _none)


def _load(point: metadata.EntryPoint) -> Builder:
    """Import a plug-in; whatever it raises is its own fault and said so."""
    try:
        builder: Builder = point.load()
    except Exception as error:
        message = f"depth provider {point.name!r} of {_package(point)} cannot be imported"
        reason = f"{type(error).__name__}: {error}"
        raise MissingDependency(f"{message}: {reason}", hint="reinstall or remove that package") from error
    return builder


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
