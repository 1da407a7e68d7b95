"""Facts about this machine that belong into a bug report: no names, no serial numbers."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from importlib import metadata
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput, MissingDependency
from ebb.version import __version__
from ebb.weights import WEIGHTS, find_weights

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = (
    "numpy",
    "opencv-contrib-python",
    "rawpy",
    "exifread",
    "pandas",
    "pyarrow",
    "cyclopts",
    "rich",
    "pillow-heif",
    "torch",
    "tensorflow",
    "ray",
)
"""Everything the verbs may need; those of extras may be missing."""


def examine(dataset: Path) -> dict[str, str]:
    """Collect versions, what is installed, weights, disk and a write test, as name → value."""
    place = next(folder for folder in (dataset.absolute(), *dataset.absolute().parents) if folder.is_dir())
    return {
        "ebb": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB",
        **{name: _version(name) for name in PACKAGES},
        "LibRaw": _libraw(),
        **{f"weights {name}": weights_status(name) for name in WEIGHTS},
        "disk free": f"{shutil.disk_usage(place).free / 1e9:.1f} GB",
        "dataset folder": "there" if (dataset / "state.sqlite").exists() else "not made yet",
        "write test": _write_test(place),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _libraw() -> str:
    import rawpy

    return ".".join(map(str, rawpy.libraw_version))


def weights_status(name: str) -> str:
    """Size of a weights file, or how to get it."""
    try:
        return f"{find_weights(name).stat().st_size / 1e6:.1f} MB"
    except MissingDependency as error:
        return f"missing ({error.hint})"
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
