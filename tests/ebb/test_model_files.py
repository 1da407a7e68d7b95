"""Where models are found and what their hash follows."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ebb.errors import MissingDependency, UsageError
from ebb.model_files import find_onnx, find_path, find_transformers, model_name, sha256_model
from ebb.settings import DepthSettings

ID = "owner/tiny-depth"


def find(provider: str, model: object = "", *, download: bool = False) -> Path | None:
    finders = {"onnx": find_onnx, "transformers": find_transformers, "mine": find_path}
    return finders[provider](DepthSettings(provider=provider, model=str(model), model_download=download))


def test_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"net")
    assert find("onnx", file) == file
    assert find("transformers", tmp_path) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find("onnx", "~/net.onnx") == file


def test_models_of_plug_ins(tmp_path: Path) -> None:
    assert find("mine") is None
    assert find("mine", "what only the plug-in knows") is None
    assert find("mine", tmp_path) == tmp_path


@pytest.mark.parametrize("provider", ["onnx", "transformers"])
def test_no_model_is_named(provider: str) -> None:
    with pytest.raises(UsageError, match=f"--provider {provider} needs a model .--model"):
        find(provider)


def test_missing_models(tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match=r"gone\.onnx: no such ONNX file") as caught:
        find("onnx", tmp_path / "gone.onnx")
    assert caught.value.exit_code == 6
    with pytest.raises(MissingDependency, match="gone: no such folder"):
        find("transformers", tmp_path / "gone")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def put(cache: Path, *names: str) -> Path:
    """A model in the layout of the hub's cache."""
    model, commit = cache / "models--owner--tiny-depth", "0" * 40
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(commit)
    folder = model / "snapshots" / commit
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text("{}")
    return folder


def test_a_cached_model_of_the_hub(cache: Path) -> None:
    folder = put(cache, "config.json", "model.safetensors")
    assert find("transformers", ID) == folder


def test_a_model_of_the_hub_that_is_not_cached(cache: Path) -> None:
    with pytest.raises(
        MissingDependency, match="tiny-depth: cannot use this model: not in the cache .--model-download"
    ):
        find("transformers", ID)
    with pytest.raises(MissingDependency, match="cannot use this model") as caught:
        find("transformers", ID, download=True)
    assert caught.value.exit_code == 6
    put(cache, "config.json", "pytorch_model.bin")
    with pytest.raises(MissingDependency, match="no weights in safetensors"):
        find("transformers", ID)


def test_nothing_is_downloaded_without_permission(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []

    def download(name: str, *, local_files_only: bool, allow_patterns: list[str]) -> str:
        asked.append(local_files_only)
        if local_files_only:
            raise OSError("not here")
        return str(put(cache, "model.safetensors"))

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    with pytest.raises(MissingDependency, match="not in the cache"):
        find("transformers", ID)
    assert asked == [True]
    assert find("transformers", ID, download=True) is not None
    assert asked == [True, True, False]


def test_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"net")
    (tmp_path / "other.onnx").write_bytes(b"other")
    assert sha256_model(tmp_path / "net.onnx") == hashlib.sha256(b"net").hexdigest()
    assert sha256_model(None) == ""


def test_weights_beside_a_file_count(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"net")
    found = {sha256_model(tmp_path / "net.onnx")}
    for data in (b"1", b"2"):
        (tmp_path / "net.onnx_data").write_bytes(data)
        found.add(sha256_model(tmp_path / "net.onnx"))
    assert len(found) == 3


def test_hash_of_a_folder_depends_on_names_and_bytes_only(tmp_path: Path) -> None:
    found = []
    for index, (name, data) in enumerate([("a", b"1"), ("a", b"1"), ("b", b"1"), ("a", b"2")]):
        folder = tmp_path / str(index)
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / name).write_bytes(data)
        found.append(sha256_model(folder))
    assert found[0] == found[1]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("model", "name"),
    [("owner/tiny-depth", ID), ("/home/me/nets/net.onnx", "net.onnx"), ("~/nets/net", "net"), ("a/b/c", "c")],
)
def test_names_contain_no_path(model: str, name: str) -> None:
    assert model_name(model) == name
