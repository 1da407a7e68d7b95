"""Depth sources by name: those of ebb, and those of other packages."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ebb.depthmap.from_network import FromNetwork
from ebb.depthmap.source import NoDepth
from ebb.errors import MissingDependency, UsageError
from ebb.extras import check_installed
from ebb.files import check_file
from ebb.model_files import find_onnx, find_path, find_transformers, sha256_model
from ebb.pytorch import on_gpu, torch_device
from ebb.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebb.depthmap.from_network import DepthProvider
    from ebb.depthmap.source import DepthSource
    from ebb.settings import DepthSettings

DEPTH_ANYTHING = "depth-anything-v2-small"
"""Name of the weights of the source ``depth-anything``."""

GPU_BATCH = 8
"""Default batch size of networks on a GPU."""

ENTRY_POINTS = "ebb.depth_providers"
"""Entry point group: name of a provider → a :data:`Builder`, which is imported when it is used."""

Builder: TypeAlias = "Callable[[DepthSettings, Path | None], DepthProvider | None]"
"""Creates a provider from the settings and the file or folder of its model, if it has one."""


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """Properties of a source that are needed before it is opened."""

    open: Callable[[DepthSettings, Path | None], DepthSource]
    """Loads the source, from the settings and the file or folder of its model."""
    find_model: Callable[[DepthSettings], Path | None] = lambda _: None
    """Finds the file or folder of its model."""
    packages: tuple[tuple[str, str], ...] = ()
    """Packages that it imports, each with the extra of ebb that installs it."""
    is_network: bool = True
    """Whether it is a network, which runs on a GPU or all cores, and on batches."""
    has_model_path: bool = False
    """Whether ``--model`` names a file or folder."""
    reads_depth_file: bool = False
    """Whether its maps are made from the depth file of a photo."""
    settings: tuple[str, ...] | None = None
    """Names of the settings that its maps depend on; ``None``: unknown, possibly all."""


class Prepared(NamedTuple):
    """A source whose packages and model have been found; small, so that it can be sent to a worker."""

    settings: DepthSettings
    model: Path | None
    """File or folder of its network."""

    @property
    def model_sha256(self) -> str:
        """Hash over all files of the model; empty if there is none."""
        return sha256_model(self.model)

    @property
    def is_network(self) -> bool:
        """Whether the source is a network; otherwise it reads files, or gives no depth."""
        return _find_kind(self.settings.provider).is_network

    @property
    def to_remember(self) -> DepthSettings:
        """Settings for later runs from any folder, without the permission to download."""
        path, settings = Path(self.settings.model).expanduser(), self.settings
        if _find_kind(settings.provider).has_model_path and path.exists():
            settings = replace(settings, model=str(path.absolute()))
        return replace(settings, model_download=False)

    def batch_size(self, wanted: int = 0) -> int:
        """Batch size.

        Args:
            wanted: The user's choice; 0: the fastest.
        """
        if not self.is_network:
            return 1
        return wanted or (GPU_BATCH if on_gpu(self.settings.device) else 1)

    def open(self) -> DepthSource:
        """Load the source.

        Raises:
            UsageError: there is no such device, or settings do not fit the model.
            MissingDependency: a package cannot be imported.
            InvalidInput: the model is not suitable for this provider.
        """
        return _find_kind(self.settings.provider).open(self.settings, self.model)


def prepare(settings: DepthSettings, instead: str = "another --provider, such as none") -> Prepared:
    """Find packages and model of the source before any work starts, without importing heavy packages.

    Args:
        settings: The source and its model.
        instead: Alternative to a source that is not available, for the hint.

    Raises:
        UsageError: no provider or several have this name, or the source needs a model and none is given.
        InvalidInput: the weights file that the settings name is not there, whether it would be used or not.
        MissingDependency: weights or a package are missing, or a plug-in cannot be imported; the message says
            how to install them.
    """
    kind = _find_kind(settings.provider)
    check_weights(settings)
    try:
        for package, extra in kind.packages:
            check_installed(package, extra)
        return Prepared(settings, kind.find_model(settings))
    except MissingDependency as error:
        hint = f"{error.hint}, or {instead}"
        raise MissingDependency(error.message, path=error.path, hint=hint) from error


def check_weights(settings: DepthSettings) -> None:
    """Make sure that a weights file that was named is there, even if no photo needs the network.

    Raises:
        InvalidInput: it is not there.
    """
    if settings.weights is not None:
        hint = "--weights takes the file of MegaDepth; without it, that of ebb weights download is used"
        check_file(settings.weights, "weights file", hint)


def _find_megadepth(settings: DepthSettings) -> Path:
    return find_weights("megadepth", settings.weights, flag="--weights")


def _megadepth(settings: DepthSettings, model: Path | None) -> DepthSource:
    from ebb.depthmap.megadepth_provider import MegaDepthProvider

    weights = _required(model, settings)
    return FromNetwork(MegaDepthProvider(weights, torch_device(settings.device), bf16=settings.bf16))


def _find_depth_anything(_: DepthSettings) -> Path:
    return find_weights(DEPTH_ANYTHING)


def _depth_anything(settings: DepthSettings, model: Path | None) -> DepthSource:
    from ebb.depthmap.onnx import load_onnx

    # the rules for files that say nothing of themselves are those of this network
    as_made: dict[str, int | str] = {"model_size": 0, "model_multiple": 0}
    as_made |= {"model_normalisation": "auto", "model_output": "auto"}
    plain = replace(settings, **as_made)  # type: ignore[arg-type]  # the fields have these types
    return FromNetwork(load_onnx(_required(model, settings), plain))


def _onnx(settings: DepthSettings, model: Path | None) -> DepthSource:
    from ebb.depthmap.onnx import load_onnx

    return FromNetwork(load_onnx(_required(model, settings), settings))


def _transformers(settings: DepthSettings, model: Path | None) -> DepthSource:
    from ebb.depthmap.huggingface import load_transformers

    return FromNetwork(load_transformers(_required(model, settings), settings))


def _required(model: Path | None, settings: DepthSettings) -> Path:
    if model is None:
        raise UsageError(f"--provider {settings.provider} needs a model")
    return model


def _sidecar(settings: DepthSettings, _: Path | None) -> DepthSource:
    from ebb.depthmap.from_files import Sidecar

    return Sidecar(settings.sidecar_values)


def _imported(settings: DepthSettings, _: Path | None) -> DepthSource:
    from ebb.depthmap.from_files import Sidecar

    return Sidecar(settings.sidecar_values, is_optional=True)


def _embedded(_: DepthSettings, __: Path | None) -> DepthSource:
    from ebb.depthmap.from_files import Embedded

    return Embedded()


_MODEL_SETTINGS = ("model_size", "model_multiple", "model_normalisation", "model_output")

SOURCES: dict[str, SourceKind] = {
    "megadepth": SourceKind(
        open=_megadepth, find_model=_find_megadepth, packages=(("torch", "depth"),), settings=("bf16",)
    ),
    "depth-anything": SourceKind(
        open=_depth_anything,
        find_model=_find_depth_anything,
        packages=(("onnxruntime", "onnx"),),
        settings=(),
    ),
    "sidecar": SourceKind(
        open=_sidecar, is_network=False, reads_depth_file=True, settings=("sidecar_values",)
    ),
    "import": SourceKind(
        open=_imported, is_network=False, reads_depth_file=True, settings=("sidecar_values",)
    ),
    "embedded": SourceKind(open=_embedded, is_network=False, settings=()),
    "onnx": SourceKind(
        open=_onnx,
        find_model=find_onnx,
        packages=(("onnxruntime", "onnx"),),
        has_model_path=True,
        settings=_MODEL_SETTINGS,
    ),
    "transformers": SourceKind(
        open=_transformers,
        find_model=find_transformers,
        packages=(("torch", "transformers"), ("transformers", "transformers")),
        has_model_path=True,
        settings=_MODEL_SETTINGS,
    ),
    "none": SourceKind(open=lambda _, __: NoDepth(), is_network=False, settings=()),
}
"""Name → source. Other packages add sources as :data:`ENTRY_POINTS`."""


def _find_kind(name: str) -> SourceKind:
    """Source of that name, from ebb or a plug-in."""
    plug_ins = list(metadata.entry_points(group=ENTRY_POINTS))
    found = [point for point in plug_ins if point.name == name]
    packages = ["ebb"] * (name in SOURCES) + [_package(point) for point in found]
    if len(packages) > 1:
        raise UsageError(
            f"{len(packages)} depth providers are called {name!r}: of {' and of '.join(packages)}",
            hint="uninstall all but one",
        )
    if not packages:
        known = sorted({*SOURCES, *(point.name for point in plug_ins)})
        raise UsageError(f"no depth provider is called {name!r}", hint=f"known: {', '.join(known)}")
    return _plug_in(found[0]) if found else SOURCES[name]


def _plug_in(point: metadata.EntryPoint) -> SourceKind:
    """Import a plug-in; any exception is reported as an error of the plug-in."""
    try:
        builder: Builder = point.load()
    except Exception as error:
        message = f"depth provider {point.name!r} of {_package(point)} cannot be imported"
        reason = f"{type(error).__name__}: {error}"
        raise MissingDependency(f"{message}: {reason}", hint="reinstall or remove that package") from error

    def build(settings: DepthSettings, model: Path | None) -> DepthSource:
        provider = builder(settings, model)
        if provider is None:
            hint = "reinstall or remove that package"
            raise MissingDependency(f"depth provider {point.name!r} of {_package(point)} is None", hint=hint)
        return FromNetwork(provider)

    return SourceKind(open=build, find_model=find_path)


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else point.value
