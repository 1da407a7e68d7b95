"""The report for a bug report."""

from __future__ import annotations

import importlib.util
import re
import socket
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ebb.report.doctor import EXTRAS, PACKAGES, examine

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def test_versions_weights_disk_and_write_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    report = examine(tmp_path / "not" / "made")
    assert report["numpy"] == np.__version__
    assert set(PACKAGES) <= report.keys()
    assert report["weights megadepth"].startswith("missing (ebb weights download megadepth")
    assert report["dataset folder"] == "not made yet"
    assert report["write test"] == "ok"
    assert not list(tmp_path.iterdir())


def test_nothing_personal_is_included(tmp_path: Path) -> None:
    text = "\n".join(examine(tmp_path).values())
    assert socket.gethostname() not in text


def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert examine(tmp_path)["write test"] == "failed: No space left on device"


def names(requirements: list[str]) -> tuple[str, ...]:
    return tuple(re.split(r"[\[<>=]", requirement)[0] for requirement in requirements)


def test_every_extra_is_listed_with_its_packages() -> None:
    extras = PROJECT["optional-dependencies"]
    wanted = {name: names(packages) for name, packages in extras.items() if name not in ("dev", "all")}
    assert wanted == EXTRAS
    assert set(PACKAGES) == set(names(PROJECT["dependencies"]))


def test_a_missing_package_of_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = metadata.version

    def without_ray(name: str) -> str:
        if name == "ray":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", without_ray)
    report = examine(tmp_path)
    assert report["extra ray"] == "ray not installed (pip install 'ebb-bokeh[ray]')"
    assert report["extra heic"] == f"pillow-heif {version('pillow-heif')}"


def test_the_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert examine(tmp_path)["GPU"].startswith("none that PyTorch can use (built for: ")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    device = SimpleNamespace(name="NVIDIA H200", total_memory=150_000_000_000)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: device)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    assert examine(tmp_path)["GPU"] == "NVIDIA H200 150 GB, NVIDIA H200 150 GB (CUDA 12.8)"
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    assert examine(tmp_path)["GPU"] == "unknown without PyTorch (pip install 'ebb-bokeh[depth]')"
