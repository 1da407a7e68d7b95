"""Each protocol against the libraries that define it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import peak_signal_noise_ratio as torch_psnr
from torchmetrics.functional.image import structural_similarity_index_measure as torch_ssim

from ebb.errors import InvalidInput, UsageError
from ebb_train.metrics.protocols import DEFAULT, PROTOCOLS, find_protocol
from ebb_train.optional import tensorflow
from tests.photo_pairs import NAMES, PAIRS, Pixels, in_float64

each_pair = pytest.mark.parametrize(("preds", "target"), PAIRS, ids=NAMES)
PSNR_WITHIN, SSIM_WITHIN = 1e-6, 1e-5


def gaussian_ssim(preds: Pixels, target: Pixels) -> float:
    """SSIM of scikit-image as its documentation says one gets that of Wang et al."""
    found = structural_similarity(
        preds.astype(float), target.astype(float), data_range=1, channel_axis=2, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    return float(found)


def exact_psnr(preds: Pixels, target: Pixels, data_range: float = 1) -> float:
    return float(peak_signal_noise_ratio(target.astype(float), preds.astype(float), data_range=data_range))


def tensor(picture: Pixels) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(picture.transpose(2, 0, 1))[None], dtype=torch.float64)


@each_pair
def test_ebb(preds: Pixels, target: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_protocol("ebb").score(preds, target)
    assert list(found) == ["psnr", "ssim", "ms_ssim"]
    assert found["psnr"] == pytest.approx(exact_psnr(preds, target), abs=PSNR_WITHIN)
    assert found["ssim"] == pytest.approx(gaussian_ssim(preds, target), abs=SSIM_WITHIN)
    multiscale = tensorflow().image.ssim_multiscale
    assert found["ms_ssim"] == pytest.approx(
        in_float64(multiscale, preds, target, monkeypatch), abs=SSIM_WITHIN
    )


@each_pair
def test_pynet2020_is_that_of_tensorflow(
    preds: Pixels, target: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tensorflow().image
    height, width = target.shape[:2]
    inner = [
        np.asarray(image.crop_to_bounding_box(picture, 32, 32, height - 64, width - 64))
        for picture in (preds, target)
    ]
    found = find_protocol("pynet2020").score(preds, target)
    assert found["psnr"] == pytest.approx(exact_psnr(*inner), abs=PSNR_WITHIN)
    assert found["psnr"] == pytest.approx(float(image.psnr(*inner, 1.0)), abs=1e-4)  # its own is float32
    assert found["ssim"] == pytest.approx(in_float64(image.ssim, *inner, monkeypatch), abs=SSIM_WITHIN)
    assert ("ms_ssim" in found) == (min(height, width) >= 161 + 64)


def test_pynet2020_has_ms_ssim_of_larger_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    preds, target = (np.tile(picture, (2, 2, 1)) for picture in PAIRS[-1])
    found = find_protocol("pynet2020").score(preds, target)["ms_ssim"]
    multiscale = tensorflow().image.ssim_multiscale
    inner = (preds[32:-32, 32:-32], target[32:-32, 32:-32])
    assert found == pytest.approx(in_float64(multiscale, *inner, monkeypatch), abs=SSIM_WITHIN)


@each_pair
def test_dmshn2021_is_that_of_scikit_image_on_8_bit_files(preds: Pixels, target: Pixels) -> None:
    files = [(torch.tensor(picture) * 255 + 0.5).clamp(0, 255).byte().numpy() for picture in (preds, target)]
    found = find_protocol("dmshn2021").score(preds, target)
    assert found == find_protocol("dmshn2021").score(*files)
    assert found["psnr"] == pytest.approx(exact_psnr(*files, data_range=255), abs=PSNR_WITHIN)
    expected = structural_similarity(*files, channel_axis=2)
    assert found["ssim"] == pytest.approx(expected, abs=SSIM_WITHIN)


def test_dmshn2021_enlarges_what_their_networks_give() -> None:
    rng = np.random.default_rng(0)
    preds = rng.random((1024, 1536, 3), np.float32)
    target = rng.random((1024, 1590, 3), np.float32)
    larger = F.interpolate(tensor(preds), (1024, 1590), mode="bilinear")[0].permute(1, 2, 0).numpy()
    protocol = find_protocol("dmshn2021")
    assert protocol.score(preds, target)["psnr"] == pytest.approx(
        protocol.score(larger, target)["psnr"], abs=1e-4
    )
    with pytest.raises(InvalidInput, match="sizes differ: 1536 x 1024 and 1590 x 1024"):
        find_protocol("ebb").score(preds, target)


def black_bars(picture: Pixels) -> Pixels:
    """What EBokehNet's code leaves of a photo of 1590 x 1024."""
    kept = np.zeros_like(picture)
    kept[:, 75:1515] = picture[:, 75:1515]
    return kept


@each_pair
def test_ebokehnet2023(preds: Pixels, target: Pixels) -> None:
    found = find_protocol("ebokehnet2023").score(preds, target)
    assert found["psnr"] == pytest.approx(exact_psnr(preds, target), abs=PSNR_WITHIN)
    assert found["ssim"] == pytest.approx(gaussian_ssim(preds, target), abs=SSIM_WITHIN)


def test_ebokehnet2023_of_a_photo_of_full_size() -> None:
    preds, target = (np.tile(picture, (6, 6, 1))[:1024, :1590] for picture in PAIRS[9])
    found = find_protocol("ebokehnet2023").score(preds, target)
    barred = black_bars(preds), black_bars(target)
    assert found["psnr"] == pytest.approx(exact_psnr(*barred), abs=PSNR_WITHIN)
    small = [F.avg_pool2d(tensor(picture), 4)[0].permute(1, 2, 0).numpy() for picture in barred]
    assert found["ssim"] == pytest.approx(gaussian_ssim(*small), abs=SSIM_WITHIN)
    assert found["psnr"] > exact_psnr(preds, target) + 0.3


@pytest.fixture
def default_float64() -> Iterator[None]:
    """In float32, torchmetrics' logarithm of 10 alone is worth 1e-6 dB."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@each_pair
def test_torchmetrics2025_is_that_of_torchmetrics(
    preds: Pixels, target: Pixels, default_float64: None
) -> None:
    height, width = target.shape[:2]
    top, left = -(-(height % 4) // 2), -(-(width % 4) // 2)
    parts = [
        tensor(picture[top : top + height // 4 * 4, left : left + width // 4 * 4])
        for picture in (preds, target)
    ]
    found = find_protocol("torchmetrics2025").score(preds, target)
    assert found["psnr"] == pytest.approx(float(torch_psnr(*parts, data_range=1.0)), abs=PSNR_WITHIN)
    assert found["ssim"] == pytest.approx(float(torch_ssim(*parts, data_range=1.0)), abs=SSIM_WITHIN)
    lower = [part.float() for part in parts]
    assert found["ssim"] == pytest.approx(float(torch_ssim(*lower, data_range=1.0)), abs=1e-3)


def test_the_same_pictures_get_another_number_under_each_protocol() -> None:
    preds, target = (np.tile(picture, (6, 6, 1))[:1023, :1590] for picture in PAIRS[9])
    found = {name: round(protocol.score(preds, target)["ssim"], 6) for name, protocol in PROTOCOLS.items()}
    assert len(set(found.values())) == len(PROTOCOLS)


def test_names() -> None:
    assert DEFAULT in PROTOCOLS
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
    with pytest.raises(UsageError, match=r"no protocol is called 'psnr' \(known: ebb, pynet2020, .*2025\)"):
        find_protocol("psnr")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_facts_say_how_it_is_done(name: str) -> None:
    facts = find_protocol(name).facts()
    assert facts["protocol"] == name
    assert {"used_by", "size", "values", "psnr", "ssim", "aggregation", "versions"} <= set(facts)
    assert ("lpips" in facts) == ("lpips" in find_protocol(name).metrics)
    assert all(isinstance(fact, str) and fact for fact in facts.values())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_equal_and_constant_pictures(name: str) -> None:
    grey = np.full((192, 240, 3), 128, np.uint8)
    for picture in (grey, np.zeros_like(grey), np.full_like(grey, 255)):
        found = find_protocol(name).score(picture, picture)
        assert found.pop("psnr") == np.inf
        assert found == pytest.approx(dict.fromkeys(found, 1.0), abs=1e-6)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_too_small(name: str) -> None:
    small = np.zeros((6, 40, 3), np.uint8)
    with pytest.raises(InvalidInput, match=r"SSIM of 40 x [46] pixels|nothing of 40 x 6 pixels is left"):
        find_protocol(name).score(small, small)


def test_what_is_left_out_is_said() -> None:
    protocol = find_protocol("ebb")
    small = PAIRS[0][0][:32, :160]
    found = protocol.score(small, small)
    assert found == {"psnr": np.inf, "ssim": pytest.approx(1)}
    assert protocol.missing(small.shape) == {
        "ms_ssim": "needs 161 pixels each way",
        "lpips": "not asked for",
    }
