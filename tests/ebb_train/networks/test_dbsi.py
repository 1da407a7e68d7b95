"""DBSI: parameters, the blend against OpenCV's blur, strength."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from scipy.special import softmax

from ebb.depthmap.megadepth import MegaDepth
from ebb.errors import InvalidInput
from ebb_train.networks.dbsi import KERNELS, Blend, Dbsi, ThinDbsi, gaussian_blur, kernel_sigma
from ebb_train.networks.planes import NetworkInputs
from tests.helpers.photo_networks import check_gradients, check_onnx, parameters, random_inputs, shake

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def thin() -> ThinDbsi:
    return ThinDbsi((4, 6), height=128)


def test_parameters() -> None:
    with torch.device("meta"):
        network = Dbsi()
        assert parameters(network) == 5_358_884
        assert parameters(network) - parameters(MegaDepth()) == 2_308 - 577


def test_sigma_is_that_of_opencv() -> None:
    """OpenCV derives it from the kernel if none is given."""
    for side in KERNELS:
        kernel = cv2.getGaussianKernel(side, kernel_sigma(side))
        np.testing.assert_allclose(kernel, cv2.getGaussianKernel(side, 0), atol=1e-12)
    assert [round(kernel_sigma(side), 1) for side in KERNELS] == [4.1, 7.1, 11.6]


def test_blur_is_that_of_opencv() -> None:
    rng = np.random.default_rng(0)
    photos, sigmas = rng.random((2, 3, 40, 50)).astype(np.float32), (4.1, 1.3)
    found = gaussian_blur(torch.from_numpy(photos), 25, torch.tensor(sigmas)).numpy()
    for photo, sigma, result in zip(photos, sigmas, found, strict=True):
        pixels = np.ascontiguousarray(photo.transpose(1, 2, 0))
        expected = cv2.GaussianBlur(pixels, (25, 25), sigma, borderType=cv2.BORDER_REPLICATE)
        np.testing.assert_allclose(result.transpose(1, 2, 0), expected, atol=2e-6)


def test_blend_is_that_of_opencv() -> None:
    rng = np.random.default_rng(1)
    photo, logits = rng.random((60, 70, 3)).astype(np.float32), rng.standard_normal((4, 60, 70))
    weights = softmax(logits, axis=0)[..., None]
    expected = weights[0] * photo
    for side, weight in zip((25, 45, 75), weights[1:], strict=True):
        expected += weight * cv2.GaussianBlur(photo, (side, side), 0, borderType=cv2.BORDER_REPLICATE)
    planes = torch.from_numpy(photo).permute(2, 0, 1)[None], torch.from_numpy(logits).float()[None]
    found = Blend()(*planes, None)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_blur_is_a_share_of_the_height() -> None:
    """Half the photo, half the kernels and half of σ."""
    photo, logits = torch.rand(1, 3, 48, 48), torch.full((1, 4, 48, 48), -20.0)
    logits[:, 3] = 20
    found = Blend(height=512)(photo, logits, None)
    torch.testing.assert_close(found, gaussian_blur(photo, 37, torch.tensor([kernel_sigma(75) / 2])))


def test_strength() -> None:
    """0 is the photo; each photo of a batch has its own."""
    network, inputs = thin(), random_inputs(32, 32, 3)
    network.blend.height = 1024
    found = network(inputs._replace(strength=torch.tensor([[0.0], [0.5], [1.0]])))
    torch.testing.assert_close(found[0], inputs.photo[0], atol=1e-6, rtol=0)
    changes = (found - inputs.photo).square().mean((1, 2, 3))
    assert changes[0] < changes[1] < changes[2]
    full = network(inputs._replace(strength=None))
    torch.testing.assert_close(found[2], full[2])


def test_missing_depth() -> None:
    with pytest.raises(InvalidInput, match="dbsi-style .thin. takes depth"):
        thin()(NetworkInputs(torch.rand(1, 3, 16, 16)))


def test_pictures_keep_the_range_of_the_photo() -> None:
    network, inputs = thin(), random_inputs(32, 48, 2)
    shake(network)
    found = network(inputs)
    assert found.shape == inputs.photo.shape
    assert inputs.photo.min() - 1e-6 <= found.min() <= found.max() <= inputs.photo.max() + 1e-6


def test_gradients() -> None:
    """A bias before a normalisation by the batch cannot change the picture."""
    check_gradients(thin(), random_inputs(32, 32, 2))
    network = Dbsi(height=64)
    convs = {name for name, module in network.named_modules() if isinstance(module, torch.nn.Conv2d)}
    cancelled = {f"{name}.bias" for name in convs if name != "weights.4"}
    check_gradients(network, random_inputs(16, 16, 2), cancelled)


def test_onnx() -> None:
    check_onnx(thin(), random_inputs(16, 32), ["photo", "depth", "strength"])


def test_onnx_of_the_hourglass() -> None:
    """With the statistics of a batch, as after training."""
    network = Dbsi(height=64)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    network(random_inputs(64, 64, 2))
    check_onnx(network, random_inputs(16, 32), ["photo"], shaken=False)
