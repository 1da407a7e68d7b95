"""The evaluation protocols as other libraries compute them: scikit-image, tf.image, torchmetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as torch_ssim

from ebb_train.optional import tensorflow
from tests.helpers.metric_pairs import Pixels

Scores = dict[str, float]

MS_SSIM_LEAST = 161
"""Pixels each way that tf.image's five scales need."""


def tensor(picture: Pixels) -> torch.Tensor:
    """(1, 3, H, W), float64."""
    return torch.tensor(np.ascontiguousarray(picture.transpose(2, 0, 1))[None], dtype=torch.float64)


def exact_psnr(preds: Pixels, target: Pixels, data_range: float = 1) -> float:
    """That of scikit-image."""
    return float(peak_signal_noise_ratio(target.astype(float), preds.astype(float), data_range=data_range))


def gaussian_ssim(preds: Pixels, target: Pixels) -> float:
    """SSIM of scikit-image as its documentation says one gets that of Wang et al."""
    found = structural_similarity(
        preds.astype(float), target.astype(float), data_range=1, channel_axis=2, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    return float(found)


def tf_image(name: str, preds: Pixels, target: Pixels) -> float:
    """What a function of ``tf.image`` gives in float64.

    On smooth pictures its float32 is off by up to 1e-4, as the weights of its window do not add up to 1.
    """
    from tensorflow.python.ops import image_ops_impl

    pictures = (picture[None].astype(np.float64) for picture in (preds, target))
    with mock.patch.object(image_ops_impl, "convert_image_dtype", lambda image, _: image):
        return float(getattr(tensorflow().image, name)(*pictures, np.float64(1))[0])


@contextmanager
def default_float64() -> Iterator[None]:
    """In float32, torchmetrics' logarithm of 10 alone is worth 1e-6 dB."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def ebb(preds: Pixels, target: Pixels) -> Scores:
    """The whole picture."""
    scores = {"psnr": exact_psnr(preds, target), "ssim": gaussian_ssim(preds, target)}
    if min(target.shape[:2]) >= MS_SSIM_LEAST:
        scores["ms_ssim"] = tf_image("ssim_multiscale", preds, target)
    return scores


def pynet2020(preds: Pixels, target: Pixels) -> Scores:
    """tf.image on what its own crop leaves."""
    height, width = target.shape[:2]
    crop = tensorflow().image.crop_to_bounding_box
    inner = [np.asarray(crop(picture, 32, 32, height - 64, width - 64)) for picture in (preds, target)]
    scores = {"psnr": exact_psnr(*inner), "ssim": tf_image("ssim", *inner)}
    if min(height, width) - 64 >= MS_SSIM_LEAST:
        scores["ms_ssim"] = tf_image("ssim_multiscale", *inner)
    return scores


def files_8_bit(preds: Pixels, target: Pixels) -> list[Any]:
    """What torchvision's ``save_image`` writes."""
    return [(torch.tensor(picture) * 255 + 0.5).clamp(0, 255).byte().numpy() for picture in (preds, target)]


def dmshn2021(preds: Pixels, target: Pixels) -> Scores:
    """scikit-image on 8-bit files, all its defaults."""
    files = files_8_bit(preds, target)
    return {
        "psnr": exact_psnr(*files, data_range=255),
        "ssim": float(structural_similarity(*files, channel_axis=2)),
    }


def ebokehnet2023(preds: Pixels, target: Pixels) -> Scores:
    """Cut to 1440 x 1024, padded back with zeros; SSIM as the package piq has it."""
    height, width = target.shape[:2]
    inner_height, inner_width = min(height, 1024), min(width, 1440)
    top, left = round((height - inner_height) / 2), round((width - inner_width) / 2)
    spare = width - inner_width, height - inner_height
    pads = (spare[0] // 2, (spare[0] + 1) // 2, spare[1] // 2, (spare[1] + 1) // 2)
    barred = [
        F.pad(tensor(picture)[..., top : top + inner_height, left : left + inner_width], pads)
        for picture in (preds, target)
    ]
    factor = max(1, round(min(height, width) / 256))
    plain = [picture[0].permute(1, 2, 0).numpy() for picture in barred]
    small = [F.avg_pool2d(picture, factor)[0].permute(1, 2, 0).numpy() for picture in barred]
    return {"psnr": exact_psnr(*plain), "ssim": gaussian_ssim(*small)}


def centre(picture: Pixels) -> torch.Tensor:
    """What Bokehlicious cuts out: a multiple of 4, an odd pixel off at the left and the top."""
    height, width = picture.shape[:2]
    top, left = -(-(height % 4) // 2), -(-(width % 4) // 2)
    return tensor(picture[top : top + height // 4 * 4, left : left + width // 4 * 4])


def torchmetrics2025(preds: Pixels, target: Pixels) -> Scores:
    """torchmetrics on the centre."""
    parts = [centre(picture) for picture in (preds, target)]
    with default_float64():
        return {
            "psnr": float(torch_psnr(*parts, data_range=1.0)),
            "ssim": float(torch_ssim(*parts, data_range=1.0)),
        }


ORACLES: dict[str, Callable[[Pixels, Pixels], Scores]] = {
    oracle.__name__: oracle for oracle in (ebb, pynet2020, dmshn2021, ebokehnet2023, torchmetrics2025)
}
