"""Each protocol against the libraries that define it."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

from ebb.errors import InvalidInput, UsageError
from ebb_train.metrics.protocols import DEFAULT, PROTOCOLS, find_protocol
from ebb_train.optional import tensorflow
from tests.helpers.metric_oracles import ORACLES, centre, exact_psnr, files_8_bit, tensor
from tests.helpers.metric_pairs import NAMES, PAIRS, Pixels

each_pair = pytest.mark.parametrize(("preds", "target"), PAIRS, ids=NAMES)
WITHIN = {"psnr": 1e-6, "ssim": 1e-5, "ms_ssim": 1e-5}


def tiled(number: int, height: int, width: int) -> list[Pixels]:
    """A pair of any size, made of one from the list."""
    return [np.tile(picture, (8, 8, 1))[:height, :width] for picture in PAIRS[number]]


@each_pair
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_is_that_of_its_oracle(name: str, preds: Pixels, target: Pixels) -> None:
    expected = ORACLES[name](preds, target)
    found = find_protocol(name).score(preds, target)
    assert found.keys() == expected.keys()
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value, abs=WITHIN[metric]), metric


@pytest.mark.parametrize(
    ("name", "height", "width"),
    [
        ("pynet2020", 240, 321),
        ("ebokehnet2023", 1031, 1590),
        ("ebokehnet2023", 401, 700),
        ("dmshn2021", 330, 257),
    ],
)
def test_larger_pictures(name: str, height: int, width: int) -> None:
    preds, target = tiled(9, height, width)
    expected = ORACLES[name](preds, target)
    assert find_protocol(name).score(preds, target) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("preds", "target"), PAIRS[7:], ids=NAMES[7:])
def test_the_libraries_in_float32_are_close(preds: Pixels, target: Pixels) -> None:
    """What their users see; tf.image rounds the weights of its window."""
    inner = (preds[32:-32, 32:-32], target[32:-32, 32:-32])
    theirs = float(tensorflow().image.ssim(*inner, 1.0))
    assert find_protocol("pynet2020").score(preds, target)["ssim"] == pytest.approx(theirs, abs=2e-4)
    parts = (centre(preds).float(), centre(target).float())
    theirs = float(structural_similarity_index_measure(*parts, data_range=1.0))
    assert find_protocol("torchmetrics2025").score(preds, target)["ssim"] == pytest.approx(theirs, abs=1e-5)


@each_pair
def test_dmshn2021_sees_8_bit_files(preds: Pixels, target: Pixels) -> None:
    protocol = find_protocol("dmshn2021")
    assert protocol.score(preds, target) == protocol.score(*files_8_bit(preds, target))


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


def test_ebokehnet2023_counts_its_black_bars() -> None:
    preds, target = tiled(9, 1024, 1590)
    assert find_protocol("ebokehnet2023").score(preds, target)["psnr"] > exact_psnr(preds, target) + 0.3


def test_every_protocol_gives_a_different_score() -> None:
    preds, target = tiled(9, 401, 703)
    found = {name: round(protocol.score(preds, target)["ssim"], 6) for name, protocol in PROTOCOLS.items()}
    assert len(set(found.values())) == len(PROTOCOLS)


def test_names() -> None:
    assert DEFAULT in PROTOCOLS
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
    with pytest.raises(UsageError, match=r"no protocol is called 'psnr' \(known: ebb, pynet2020, .*2025\)"):
        find_protocol("psnr")


@pytest.mark.parametrize("name", PROTOCOLS)
def test_metadata_describes_the_protocol(name: str) -> None:
    facts = find_protocol(name).metadata()
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


def test_missing_metrics_have_reasons() -> None:
    protocol = find_protocol("ebb")
    small = PAIRS[0][0][:32, :160]
    found = protocol.score(small, small)
    assert found == {"psnr": np.inf, "ssim": pytest.approx(1)}
    assert protocol.missing(small.shape) == {
        "ms_ssim": "requires at least 161 pixels per side",
        "lpips": "not requested",
    }


EIGHT_BIT = [np.round(picture * 255).astype(np.uint8) for picture in PAIRS[8]]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_16_bit_grey_and_opaque_pictures_have_the_same_scores(name: str) -> None:
    preds, target = EIGHT_BIT
    protocol = find_protocol(name)
    expected = protocol.score(preds, target)
    opaque = np.full((*preds.shape[:2], 1), 255, np.uint8)
    for same in (preds.astype(np.uint16) * 257, np.float32(preds / 255), np.dstack([preds, opaque])):
        assert protocol.score(same, target) == pytest.approx(expected, abs=1e-5)
    green = [np.repeat(picture[..., 1:2], 3, axis=2) for picture in (preds, target)]
    assert protocol.score(preds[..., 1], target[..., 1]) == protocol.score(*green)


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize(
    ("preds", "message"),
    [
        (np.full(EIGHT_BIT[0].shape, np.nan, np.float32), "the prediction holds NaN or infinity"),
        (EIGHT_BIT[0][:, 1:], "sizes differ: 287 x 192 and 288 x 192"),
        (EIGHT_BIT[0][..., 0], "the prediction is grey and the other picture is not"),
        (np.dstack([EIGHT_BIT[0], EIGHT_BIT[0][..., 0]]), "the prediction has transparent pixels"),
        (EIGHT_BIT[0].astype(np.float32), "the prediction runs from 26 to 240, not from 0 to 1"),
        (EIGHT_BIT[0].astype(np.int32), "the prediction holds int32 values"),
    ],
    ids=["nan", "size", "grey", "alpha", "range", "type"],
)  # fmt: skip
def test_invalid_pictures_are_refused(name: str, preds: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_protocol(name).score(preds, EIGHT_BIT[1])


def test_opposite_pictures_have_numbers() -> None:
    """MS-SSIM would be NaN: a root of negative contrasts."""
    checks = np.uint8(np.indices((192, 192)).sum(axis=0) % 2 * 255)
    found = find_protocol("ebb").score(255 - checks, checks)
    assert found["psnr"] == 0
    assert found["ssim"] < -0.9
    assert found["ms_ssim"] == 0
