import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ebb.arrays import Size
from ebb.depthmap.megadepth import MegaDepth, load_megadepth
from ebb.depthmap.providers import (
    MegaDepthProvider,
    check_provider,
    half_size,
    make_provider,
    on_gpu,
    torch_device,
)
from ebb.errors import InvalidInput, MissingDependency, Reason, Rejected, UsageError
from ebb.settings import DepthSettings


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "net.pth"
    torch.manual_seed(5)
    torch.save(MegaDepth().state_dict(), path)
    return path


@pytest.fixture(scope="module")
def provider(weights_file: Path) -> MegaDepthProvider:
    return MegaDepthProvider(weights_file)


def photo(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [Size(128, 64), Size(129, 65), Size(150, 90), Size(32, 33), Size(94, 64)])
def test_map_is_exactly_half_the_photo(provider: MegaDepthProvider, size: Size) -> None:
    inverse = provider(photo(*size))
    assert inverse.shape == (size.height // 2, size.width // 2)
    assert inverse.dtype == np.float32
    assert (inverse > 0).all()


def test_recipe_step_by_step(provider: MegaDepthProvider, weights_file: Path) -> None:
    """Half-size bicubic, /255, the plain network, exp(-log depth): as the release did where sizes divide."""
    rgb = photo(192, 128)
    half = np.asarray(Image.fromarray(rgb).resize((96, 64), Image.Resampling.BICUBIC), np.float32) / 255
    with torch.inference_mode():
        log_depth = load_megadepth(weights_file)(torch.from_numpy(half).permute(2, 0, 1)[None])
    np.testing.assert_allclose(provider(rgb), np.exp(-log_depth[0, 0].numpy()), rtol=1e-4)


def test_batch_gives_what_single_photos_give(provider: MegaDepthProvider) -> None:
    photos = [photo(100, 70, seed) for seed in range(3)]
    for together, alone in zip(provider.predict(photos), map(provider, photos), strict=True):
        np.testing.assert_array_equal(together, alone)


def test_half_size_drops_the_odd_row_and_column() -> None:
    rgb = photo(64, 40)
    odd = np.pad(rgb, ((0, 1), (0, 1), (0, 0)))
    np.testing.assert_array_equal(half_size(odd)[:18, :30], half_size(rgb)[:18, :30])
    assert half_size(odd).shape == (20, 32, 3)


def test_photo_without_room_for_depth(provider: MegaDepthProvider) -> None:
    with pytest.raises(Rejected, match="a photo of 31 x 200 is too small") as caught:
        provider(photo(31, 200))
    assert caught.value.reason is Reason.TOO_SMALL


def test_network_that_gives_nan(weights_file: Path, tmp_path: Path) -> None:
    state = torch.load(weights_file, weights_only=True)
    state["4.bias"][:] = torch.nan
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(Rejected, match="512 of 512 depth values are not finite") as caught:
        MegaDepthProvider(tmp_path / "nan.pth")(photo(64, 32))
    assert caught.value.reason is Reason.BAD_DEPTH


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.\nhints"), MemoryError),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), MemoryError),
        (RuntimeError("cuDNN error"), RuntimeError),
    ],
)
def test_network_without_memory(
    weights_file: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception]
) -> None:
    def fail(_: object) -> None:
        raise error

    provider = MegaDepthProvider(weights_file)
    monkeypatch.setattr(provider, "_network", fail)
    with pytest.raises(raised, match=str(error).partition("\n")[0]):
        provider(photo(64, 32))


def test_bf16_option(weights_file: Path, provider: MegaDepthProvider) -> None:
    rgb = photo(64, 64)
    np.testing.assert_allclose(MegaDepthProvider(weights_file, bf16=True)(rgb), provider(rgb), rtol=0.05)
    settings = DepthSettings(provider="megadepth", bf16=True)
    by_setting = make_provider(settings, weights_file)
    assert by_setting is not None
    np.testing.assert_array_equal(by_setting(rgb), MegaDepthProvider(weights_file, bf16=True)(rgb))


def depth_settings(provider: str = "megadepth", **changes: object) -> DepthSettings:
    return DepthSettings(provider=provider, **changes)  # type: ignore[arg-type]


def test_registry(weights_file: Path) -> None:
    megadepth = make_provider(depth_settings(), weights_file)
    assert megadepth is not None
    assert megadepth.name == "megadepth"
    assert make_provider(depth_settings("none")) is None


def test_megadepth_without_weights() -> None:
    with pytest.raises(
        MissingDependency, match="ebb weights download megadepth, or --weights FILE"
    ) as caught:
        make_provider(depth_settings())
    assert caught.value.exit_code == 6


@pytest.mark.parametrize("name", ["onnx", "transformers"])
def test_networks_without_a_model(name: str) -> None:
    with pytest.raises(UsageError, match=f"--provider {name} needs a model .--model"):
        make_provider(depth_settings(name))


def test_unknown_provider() -> None:
    known = "known: embedded, megadepth, none, onnx, sidecar, transformers"
    for ask in (lambda: make_provider(depth_settings("midas")), lambda: check_provider("midas")):
        with pytest.raises(UsageError, match=rf"'midas' \({known}\)"):
            ask()


def test_wrong_weights(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InvalidInput, match=r"1 unexpected \(x\)"):
        make_provider(depth_settings(), tmp_path / "x.pth")


def test_no_such_device(weights_file: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot calculate on 'cuda:99'.*--device cpu"):
        make_provider(depth_settings(device="cuda:99"), weights_file)


def test_automatic_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device("auto") == "cuda"
    assert [on_gpu(device) for device in ("auto", "cuda:1", "cpu")] == [True, True, False]
    assert torch_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device("auto") == "cpu"
    assert not on_gpu("auto")


@pytest.mark.parametrize("name", ["megadepth", "sidecar", "embedded", "none", "onnx", "transformers"])
def test_providers_that_are_there(name: str) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("transformers")
    check_provider(name)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("megadepth", "torch", "depth"),
        ("onnx", "onnxruntime", "onnx"),
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
        MissingDependency, match=rf"{package} is missing \(pip install 'ebb-bokeh\[{extra}\]'\)"
    ) as caught:
        check_provider(name)
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
    check_provider("left")
    provider = make_provider(depth_settings("left", model_size=7))
    assert provider is not None
    assert provider(photo(64, 40)).tolist() == [[7.0] * 32] * 20
    with pytest.raises(UsageError, match="known: embedded, left, megadepth, none"):
        check_provider("right")


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
    check_provider("none")
    with pytest.raises(MissingDependency, match=f"'left' {message}") as caught:
        check_provider("left")
    assert caught.value.exit_code == 6


def test_names_are_unique(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_c", "left = plug_c:build\nnone = plug_c:build\nsidecar = plug_c:build")
    install(tmp_path, "plug_d", "left = plug_d:build")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(
        UsageError, match="2 depth providers are called 'left': of plug_[cd] and of plug_[cd]"
    ):
        check_provider("left")
    for name in ("none", "sidecar"):
        with pytest.raises(UsageError, match=f"2 depth providers are called '{name}': of ebb and of plug_c"):
            check_provider(name)
    check_provider("embedded")
