"""Losses against other libraries, by hand, and in low precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from ebb.errors import ExitCode, InvalidInput, MissingDependency
from ebb_train.loss_terms import ms_ssim, ssim
from ebb_train.losses import Loss, find_vgg
from ebb_train.models.vgg import Vgg19
from ebb_train.settings import LAST_LOSS, LossWeights

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("one_torch_thread")


def pictures(
    seed: int = 0, noise: float = 0.2, size: tuple[int, int] = (40, 56)
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, *size, generator=generator)
    return (target + noise * torch.randn(2, 3, *size, generator=generator)).clamp(-0.08, 1.08), target


def tiny_vgg() -> Vgg19:
    torch.manual_seed(0)
    return Vgg19()


@given(st.integers(0, 1000), st.floats(0, 0.5))
@settings(deadline=None, max_examples=10)
def test_ssim_is_that_of_scikit_image(seed: int, noise: float) -> None:
    preds, target = pictures(seed, noise)
    expected = np.mean(
        [
            structural_similarity(
                p.permute(1, 2, 0).double().numpy(),
                t.permute(1, 2, 0).double().numpy(),
                data_range=1.0,
                channel_axis=-1,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for p, t in zip(preds, target, strict=True)
        ]
    )
    assert ssim(preds.double(), target.double()).item() == pytest.approx(expected, abs=1e-9)
    assert ssim(preds, target).item() == pytest.approx(expected, abs=1e-5)


def test_ssim_is_that_of_torchmetrics_on_smooth_pictures() -> None:
    y, x = np.mgrid[:64, :80] / 40
    target = torch.tensor(
        np.stack([np.sin(x + y), np.cos(x * y), x / 2])[None] / 2 + 0.5, dtype=torch.float64
    )
    preds = target.roll(2, dims=-1)
    _, places = structural_similarity_index_measure(preds, target, data_range=1.0, return_full_image=True)
    expected = places[..., 5:-5, 5:-5].mean()  # it mirrors the border, we leave it out
    assert ssim(preds, target).item() == pytest.approx(expected.item(), abs=1e-6)


def test_ssim_of_equal_pictures_is_one() -> None:
    _, target = pictures()
    assert ssim(target, target).item() == pytest.approx(1, abs=1e-6)


def test_ssim_refuses_pictures_smaller_than_its_window() -> None:
    with pytest.raises(InvalidInput, match="SSIM of 40 x 10 pixels: its window is 11 x 11"):
        ssim(torch.zeros(1, 3, 10, 40), torch.zeros(1, 3, 10, 40))


def test_gradient_of_ssim() -> None:
    preds, target = (picture[:1, :1, :13, :12].double() for picture in pictures())
    assert torch.autograd.gradcheck(lambda p: ssim(p, target), preds.requires_grad_())


def test_l1_alone_is_the_mean_absolute_difference() -> None:
    preds, target = pictures()
    terms = Loss(LossWeights())(preds, target)
    assert set(terms) == {"l1", "loss"}
    assert terms["loss"].item() == pytest.approx(np.abs((preds - target).numpy()).mean(), abs=1e-6)


def test_the_last_level_weighs_three_terms() -> None:
    preds, target = pictures()
    vgg = tiny_vgg()
    terms = Loss(LAST_LOSS, vgg)(preds, target)
    assert list(terms) == ["l1", "ssim", "vgg", "loss"]
    assert terms["ssim"].item() == pytest.approx(1 - ssim(preds, target).item())
    assert terms["vgg"].item() == pytest.approx(((vgg(preds) - vgg(target)) ** 2).mean().item())
    expected = 10 * terms["l1"] + 10 * terms["ssim"] + 0.1 * terms["vgg"]
    assert terms["loss"].item() == pytest.approx(expected.item())


def test_every_term_has_its_weight() -> None:
    preds, target = pictures()
    weights = LossWeights(l1=0.0, l2=1.0, ms_ssim=2.0, gradient=3.0, fft=4.0)
    terms = Loss(weights)(preds, target)
    assert list(terms) == ["l2", "ms_ssim", "gradient", "fft", "loss"]
    assert terms["l2"].item() == pytest.approx(np.square((preds - target).numpy()).mean(), abs=1e-6)
    assert terms["ms_ssim"].item() == pytest.approx(1 - ms_ssim(preds, target).item())
    expected = terms["l2"] + 2 * terms["ms_ssim"] + 3 * terms["gradient"] + 4 * terms["fft"]
    assert terms["loss"].item() == pytest.approx(expected.item())


def test_earlier_pictures_are_compared_with_smaller_targets() -> None:
    preds, target = pictures()
    small = torch.rand(2, 3, 10, 14)
    terms = Loss(LossWeights(earlier=0.5))([small, preds, preds], target)
    blocks = target.reshape(2, 3, 10, 4, 14, 4).mean(dim=(3, 5))
    expected = (small - blocks).abs().mean() + (preds - target).abs().mean()
    assert terms["earlier"].item() == pytest.approx(expected.item(), abs=1e-6)
    assert terms["loss"].item() == pytest.approx((terms["l1"] + 0.5 * terms["earlier"]).item())
    alone = Loss(LossWeights(earlier=0.5))([preds], target)
    assert list(alone) == ["l1", "loss"]
    assert Loss(LossWeights())([small, preds], target)["loss"] == alone["l1"], "without a weight"


def test_the_loss_of_equal_pictures_is_zero() -> None:
    _, target = pictures()
    terms = Loss(LAST_LOSS, tiny_vgg())(target, target)
    assert terms["loss"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.08, -0.08])
def test_gradients_are_finite_even_on_flat_and_on_equal_pictures(value: float) -> None:
    preds = torch.full((1, 3, 32, 32), value, requires_grad=True)
    for target in (torch.zeros(1, 3, 32, 32), preds.detach().clamp(0, 1)):
        preds.grad = None
        Loss(LAST_LOSS, tiny_vgg())(preds, target)["loss"].backward()
        assert preds.grad is not None
        assert torch.isfinite(preds.grad).all()


def test_losses_are_float32_under_autocast() -> None:
    preds, target = pictures(noise=0.01)
    loss = Loss(LAST_LOSS, tiny_vgg())
    expected = loss(preds.bfloat16(), target)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(preds.bfloat16(), target)
    for name, term in found.items():
        assert term.dtype == torch.float32
        assert term.item() == expected[name].item()
    assert found["ssim"].item() > 1e-4  # bfloat16 reads 0


def test_a_loss_of_micro_batches_adds_up() -> None:
    preds, target = pictures()
    loss = Loss(LossWeights(l1=1, ssim=1))
    parts = [loss(preds[i : i + 1], target[i : i + 1])["loss"].item() for i in range(2)]
    assert loss(preds, target)["loss"].item() == pytest.approx(sum(parts) / 2, abs=1e-6)


def test_missing_vgg_weights_are_reported_with_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EBB_CACHE", str(tmp_path))
    monkeypatch.delenv("EBB_VGG19_WEIGHTS", raising=False)
    with pytest.raises(
        MissingDependency, match=r"weights of vgg19 have not been downloaded .*--vgg-weight 0"
    ) as caught:
        find_vgg(None, "imagenet")
    assert caught.value.exit_code == ExitCode.MISSING
    with pytest.raises(MissingDependency, match="--vgg-weight 0"):
        Loss(LAST_LOSS)


def test_vgg_weights_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    vgg = tiny_vgg()
    torch.save(vgg.state_dict(), path)
    found = find_vgg(path, "caffe")
    assert torch.equal(found.features[34].weight, vgg.features[34].weight)  # type: ignore[arg-type]
    assert found.scale.flatten().tolist() == pytest.approx([1 / 255] * 3)


def test_a_file_under_the_published_name_must_be_the_published_one(tmp_path: Path) -> None:
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save({}, path)
    with pytest.raises(InvalidInput, match=r"SHA-256 [0-9a-f]{16}… instead of dcbb9e9d"):
        find_vgg(path, "imagenet")
