import numpy as np
import pytest
import torch
from torch import nn

from ebb.depthmap import inference_graph as fold
from ebb.depthmap.encoding import encode_depth8, inverse_depth_from_log
from ebb.depthmap.megadepth import Block, Inception, MegaDepth


def randomise(module: nn.Module, seed: int) -> None:
    """Weights as after training would have them: no layer dies or explodes, no statistics are trivial."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(0, 0.2, generator=generator)
            part.running_var.uniform_(0.5, 1.5, generator=generator)
        elif isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu", generator=generator)
            nn.init.normal_(part.bias, 0, 0.1, generator=generator)


@pytest.fixture(scope="module")
def model() -> MegaDepth:
    with torch.no_grad():
        network = MegaDepth()
        randomise(network, 3)
        # log depth as in photos: a few units, not tens
        network[4].weight *= 0.3
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def photos() -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("band_bytes", [1, 60_000, 1 << 30], ids=["smallest bands", "bands", "whole"])
def test_same_log_depth_as_the_plain_network(
    model: MegaDepth, photos: torch.Tensor, band_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold, "BAND_BYTES", band_bytes)
    with torch.inference_mode():
        plain, fast = model(photos), fold.build_inference_graph(model)(photos)
    assert fast.shape == plain.shape == (2, 1, 32, 48)
    assert (fast - plain).abs().max() <= 1e-3
    for one, other in zip(plain[:, 0].numpy(), fast[:, 0].numpy(), strict=True):
        map_plain, map_fast = (encode_depth8(inverse_depth_from_log(x)).astype(int) for x in (one, other))
        assert np.abs(map_plain - map_fast).max() <= 1


@pytest.mark.parametrize("height", [5, 30, 31, 33])
def test_block_at_any_height_in_bands(height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "BAND_BYTES", 1)
    with torch.inference_mode():
        block = Inception(12, Block(8, 6, (3, 7, 11))).eval()
        randomise(block, height)
        x = torch.randn(2, 12, height, 17, generator=torch.Generator().manual_seed(height))
        channels_last = x.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(
            fold.InferenceInception(block, winograd=True)(channels_last), block(x), rtol=1e-4, atol=1e-4
        )


def test_pointwise_is_the_convolution() -> None:
    conv = nn.Conv2d(7, 9, 1)
    x = torch.randn(1, 7, 5, 6, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for kind in (torch.float32, torch.float64):
            torch.testing.assert_close(fold.pointwise(x.to(kind), conv.to(kind)), conv(x.to(kind)))


def test_head_is_the_convolution() -> None:
    conv = nn.Conv2d(5, 1, 3, padding=1)
    x = torch.randn(2, 5, 7, 9, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(fold.ScatterHead(conv)(x), conv(x))


def test_photos_of_a_batch_do_not_mix(model: MegaDepth, photos: torch.Tensor) -> None:
    fast = fold.build_inference_graph(model)
    with torch.inference_mode():
        both = fast(photos)
        alone = torch.cat([fast(photos[:1]), fast(photos[1:])])
    torch.testing.assert_close(both, alone, rtol=1e-4, atol=1e-4)


def test_same_input_same_bytes(model: MegaDepth, photos: torch.Tensor) -> None:
    fast = fold.build_inference_graph(model)
    with torch.inference_mode():
        assert torch.equal(fast(photos), fast(photos))


def test_model_is_not_changed(model: MegaDepth) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    fold.build_inference_graph(model, torch.bfloat16)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_bf16_is_close_and_gives_float32(model: MegaDepth, photos: torch.Tensor) -> None:
    with torch.inference_mode():
        plain, bf16 = model(photos), fold.build_inference_graph(model, torch.bfloat16)(photos)
    assert bf16.dtype == torch.float32
    assert (bf16 - plain).abs().mean() <= 0.02 * (plain.max() - plain.min())


def test_max_pool_is_that_of_pytorch() -> None:
    x = torch.randn(2, 5, 6, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fold.MaxPool()(x), nn.MaxPool2d(2)(x))
