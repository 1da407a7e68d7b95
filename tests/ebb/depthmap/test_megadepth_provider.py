from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ebb.arrays import Size
from ebb.depthmap.megadepth import MegaDepth, load_megadepth
from ebb.depthmap.megadepth_provider import MegaDepthProvider, half_size
from ebb.errors import InvalidInput, Reason, Rejected, UsageError


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


def test_photo_too_small_for_depth(provider: MegaDepthProvider) -> None:
    with pytest.raises(Rejected, match="a photo of 31 x 200 is too small") as caught:
        provider(photo(31, 200))
    assert caught.value.reason is Reason.TOO_SMALL


def test_network_that_gives_infinite_depth(weights_file: Path, tmp_path: Path) -> None:
    state = torch.load(weights_file, weights_only=True)
    state["4.bias"][:] = -1000.0  # a logarithm
    torch.save(state, tmp_path / "infinite.pth")
    with pytest.raises(Rejected, match="512 of 512 depth values are not finite") as caught:
        MegaDepthProvider(tmp_path / "infinite.pth")(photo(64, 32))
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


def test_bf16(weights_file: Path, provider: MegaDepthProvider) -> None:
    rgb = photo(64, 64)
    np.testing.assert_allclose(MegaDepthProvider(weights_file, bf16=True)(rgb), provider(rgb), rtol=0.05)


def test_wrong_weights(tmp_path: Path) -> None:
    torch.save({"x": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InvalidInput, match=r"1 unexpected \(x\)"):
        MegaDepthProvider(tmp_path / "x.pth")


def test_no_such_device(weights_file: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot compute on 'cuda:99'.*--device cpu"):
        MegaDepthProvider(weights_file, "cuda:99")
