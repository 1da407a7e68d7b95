"""Depth sources by name: those of ebb, those of plug-ins, and messages for missing ones."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from ebb.depthmap.from_files import Embedded, Sidecar
from ebb.depthmap.megadepth import MegaDepth
from ebb.depthmap.megadepth_provider import MegaDepthProvider
from ebb.depthmap.registry import Prepared, prepare
from ebb.depthmap.source import NoDepth
from ebb.errors import MissingDependency, UsageError
from ebb.settings import DepthSettings
from tests.helpers.views import View


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.manual_seed(5)
    torch.save(MegaDepth().state_dict(), path)
    return path


def photo(width: int, height: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def settings_of(provider: str = "megadepth", **changes: object) -> DepthSettings:
    return DepthSettings(provider=provider, **changes)  # type: ignore[arg-type]


def test_megadepth_by_its_settings(weights_file: Path) -> None:
    rgb = photo(64, 64)
    for bf16 in (False, True):
        source = prepare(settings_of(weights=weights_file, device="cpu", bf16=bf16))
        assert source.model == weights_file
        (found,) = source.open().depth([View(rgb)])
        assert found is not None
        np.testing.assert_array_equal(found, MegaDepthProvider(weights_file, bf16=bf16)(rgb))


def test_sources_without_a_network() -> None:
    kinds = {"sidecar": Sidecar, "embedded": Embedded, "none": NoDepth}
    for name, kind in kinds.items():
        source = prepare(settings_of(name))
        assert isinstance(source.open(), kind)
        assert (source.model, source.model_sha256, source.is_network) == (None, "", False)
        assert source.batch_size(4) == 1


def test_batch_sizes(weights_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = prepare(settings_of(weights=weights_file))
    monkeypatch.setattr("ebb.depthmap.registry.on_gpu", lambda device: device == "auto")
    assert (source.batch_size(), source.batch_size(3)) == (8, 3)
    assert prepare(settings_of(weights=weights_file, device="cpu")).batch_size() == 1


def test_settings_for_later_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.onnx").touch()
    settings = settings_of("onnx", model="net.onnx", model_download=True)
    assert Prepared(settings, None).to_remember == settings_of("onnx", model=str(tmp_path / "net.onnx"))
    sidecar = settings_of("sidecar", model="net.onnx")
    assert Prepared(sidecar, None).to_remember == sidecar, "its model is nobody's file"


def test_megadepth_without_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_MEGADEPTH_WEIGHTS", raising=False)
    hint = "ebb weights download megadepth, or --weights FILE, or another --provider, such as none"
    with pytest.raises(MissingDependency, match=hint) as caught:
        prepare(settings_of())
    assert caught.value.exit_code == 6


def test_depth_anything_by_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are an ONNX file; it is used as its authors made it, whatever is set for other networks."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("EBB_CACHE", str(tmp_path / "none"))
    monkeypatch.delenv("EBB_DEPTH_ANYTHING_V2_SMALL_WEIGHTS", raising=False)
    with pytest.raises(MissingDependency, match="ebb weights download depth-anything-v2-small"):
        prepare(settings_of("depth-anything"))
    axes = onnx.numpy_helper.from_array(np.array([1]), "axes")
    node = onnx.helper.make_node("ReduceMean", ["x", "axes"], ["depth"], keepdims=0)
    ends = (
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        for name, shape in (("x", ("n", 3, "h", "w")), ("depth", ("n", "h", "w")))
    )
    graph = onnx.helper.make_graph([node], "g", *([end] for end in ends), [axes])
    opsets = [onnx.helper.make_opsetid("", 18)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "net.onnx")
    monkeypatch.setenv("EBB_DEPTH_ANYTHING_V2_SMALL_WEIGHTS", str(tmp_path / "net.onnx"))
    source = prepare(settings_of("depth-anything", device="cpu", model_size=64, model_output="distance"))
    assert (source.model, source.is_network) == (tmp_path / "net.onnx", True)
    columns = np.tile(np.linspace(20, 230, 96).astype(np.uint8), (64, 1))
    (found,) = source.open().depth([View(np.dstack([columns] * 3))])
    assert found is not None
    assert found.shape == (32, 48)
    assert (np.diff(found, axis=1) > 0).all()


@pytest.mark.parametrize("name", ["onnx", "transformers"])
def test_networks_without_a_model(name: str) -> None:
    with pytest.raises(UsageError, match=f"--provider {name} needs a model .--model"):
        prepare(settings_of(name))
    with pytest.raises(UsageError, match=f"--provider {name} needs a model"):
        Prepared(settings_of(name), None).open()


def test_unknown_provider() -> None:
    known = "known: depth-anything, embedded, import, megadepth, none, onnx, sidecar, transformers"
    with pytest.raises(UsageError, match=rf"'midas' \({known}\)"):
        prepare(settings_of("midas"))


def ready(name: str) -> None:
    """Treat a source as available without its requirements."""
    try:
        prepare(settings_of(name))
    except (UsageError, MissingDependency) as error:
        if "model" not in error.message and "weights" not in error.message:
            raise


@pytest.mark.parametrize(
    "name", ["megadepth", "depth-anything", "sidecar", "embedded", "none", "onnx", "transformers"]
)
def test_available_providers(name: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("transformers")
    ready(name)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("megadepth", "torch", "depth"),
        ("onnx", "onnxruntime", "onnx"),
        ("depth-anything", "onnxruntime", "onnx"),
        ("transformers", "transformers", "transformers"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    name: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda wanted: None if wanted == package else find_spec(wanted)
    )
    with pytest.raises(
        MissingDependency,
        match=rf"{package} is missing \(pip install 'ebb-bokeh\[{extra}\]', or another --provider, such as",
    ) as caught:
        ready(name)
    assert caught.value.exit_code == 6


PLUG_IN = """
import numpy as np

class Left:
    name = "left"
    def __init__(self, side): self.side = side
    def __call__(self, rgb): return np.full((rgb.shape[0] // 2, rgb.shape[1] // 2), self.side, np.float32)
    def predict(self, photos): return list(map(self, photos))

def build(settings, model):
    return Left(settings.model_size)
"""


def install(folder: Path, package: str, entry: str, code: str = PLUG_IN) -> None:
    """Put a package into a folder, as pip would: a module and its metadata."""
    (folder / f"{package}.py").write_text(code)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ebb.depth_providers]\n{entry}\n")


def test_a_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_a", "left = plug_a:build")
    monkeypatch.syspath_prepend(tmp_path)
    ready("left")
    source = prepare(settings_of("left", model_size=7))
    views = [View(photo(64, 40))] * 2
    for found in (*source.open().depth(views), *source.open().depth(views[:1])):
        assert found is not None
        assert found.tolist() == [[7.0] * 32] * 20
    assert (source.is_network, source.batch_size(5)) == (True, 5)
    with pytest.raises(UsageError, match="known: depth-anything, embedded, import, left, megadepth, none"):
        ready("right")


@pytest.mark.parametrize(
    ("entry", "code", "message"),
    [
        ("left = plug_b:nothing", PLUG_IN, "of plug_b cannot be imported: AttributeError"),
        ("left = plug_b.nowhere:build", PLUG_IN, "of plug_b cannot be imported: ModuleNotFoundError"),
        ("left = plug_b:build", "1 / 0", "of plug_b cannot be imported: ZeroDivisionError"),
    ],
)
def test_a_broken_plug_in_is_named_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str, code: str, message: str
) -> None:
    install(tmp_path, "plug_b", entry, code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "plug_b", raising=False)
    ready("none")
    with pytest.raises(MissingDependency, match=f"'left' {message}") as caught:
        ready("left")
    assert caught.value.exit_code == 6


def test_a_plug_in_that_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_e", "hollow = plug_e:build", "def build(settings, model): pass")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match="depth provider 'hollow' of plug_e is None"):
        prepare(settings_of("hollow")).open()


def test_names_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_c", "left = plug_c:build\nnone = plug_c:build\nsidecar = plug_c:build")
    install(tmp_path, "plug_d", "left = plug_d:build")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match="2 depth providers are called 'left': of plug_[cd] and of plug_[cd]"
    ):
        ready("left")
    for name in ("none", "sidecar"):
        with pytest.raises(UsageError, match=f"2 depth providers are called '{name}': of ebb and of plug_c"):
            ready(name)
    ready("embedded")
