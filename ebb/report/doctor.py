"""Description of the machine for a bug report, without host names and serial numbers."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import tempfile
from importlib import metadata
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput, MissingDependency, install_extra
from ebb.published_weights import WEIGHTS
from ebb.version import __version__
from ebb.weights import find_weights

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PACKAGES = (
    *("numpy", "opencv-contrib-python", "rawpy", "exifread", "pandas", "pyarrow", "pillow"),
    *("cyclopts", "rich", "jinja2", "simplejpeg", "tomli-w"),
)
"""Packages that are always installed."""

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "depth": ("torch",),
    "heic": ("pillow-heif",),
    "onnx": ("onnx", "onnxruntime"),
    "transformers": ("torch", "transformers", "safetensors"),
    "train": ("torch", "safetensors", "lightning-fabric", "tensorboard"),
    "tflite": ("tensorflow", "ai-edge-litert"),
    "ray": ("ray",),
    "study": ("httptools", "starlette", "uvicorn", "scipy", "statsmodels"),
    "docs": ("mkdocs", "mkdocs-material", "mkdocstrings"),
}
"""Extra → its packages."""

NOT_INSTALLED = "not installed"


def examine(dataset: Path) -> dict[str, str]:
    """Versions, extras, GPU, weights, disk and a write test, as name → value."""
    place = next(folder for folder in (dataset.absolute(), *dataset.absolute().parents) if folder.is_dir())
    return {
        "ebb": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        "GPU": _gpu(),
        **{name: _version(name) for name in PACKAGES},
        "LibRaw": _libraw(),
        **{f"extra {name}": _extra(name) for name in EXTRAS},
        **{f"weights {name}": weights_status(name) for name in WEIGHTS},
        "disk free": f"{shutil.disk_usage(place).free / 1e9:.1f} GB",
        "dataset folder": "there" if (dataset / "state.sqlite").exists() else "not made yet",
        "write test": _write_test(place),
    }


def _extra(name: str) -> str:
    """Versions of the packages of an extra, and the command that installs those that are missing."""
    versions = {package: _version(package) for package in EXTRAS[name]}
    listed = ", ".join(f"{package} {version}" for package, version in versions.items())
    return f"{listed} ({install_extra(name)})" if NOT_INSTALLED in versions.values() else listed


def _gpu() -> str:
    """The GPUs that PyTorch can use."""
    if importlib.util.find_spec("torch") is None:
        return f"unknown without PyTorch ({install_extra('depth')})"
    import torch

    if not torch.cuda.is_available():
        build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU only"
        return f"none that PyTorch can use (built for: {build})"
    devices = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    listed = ", ".join(f"{device.name} {device.total_memory / 1e9:.0f} GB" for device in devices)
    return f"{listed} (CUDA {torch.version.cuda})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return NOT_INSTALLED


def _libraw() -> str:
    import rawpy

    return ".".join(map(str, rawpy.libraw_version))


def weights_status(name: str) -> str:
    """Size of a weights file, or the command that downloads it."""
    try:
        return f"{find_weights(name).stat().st_size / 1e6:.1f} MB"
    except MissingDependency as error:
        named = os.environ.get(WEIGHTS[name].variable)
        return f"missing: {error}" if named else f"missing ({error.hint})"
    except InvalidInput as error:
        return f"damaged: {error.message} ({error.hint})"


def _write_test(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"ebb")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"failed: {error.strerror}"
    return "ok"
