"""Each protocol against the libraries that define it."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from ebb.errors import InvalidInput, UsageError
from ebb_train.metrics.protocols import DEFAULT, PROTOCOLS, find_protocol
from ebb_train.optional import tensorflow
from tests.photo_pairs import NAMES, PAIRS, Pixels, in_float64

each_pair = pytest.mark.parametrize(("preds", "target"), PAIRS, ids=NAMES)


@each_pair
def test_ebb_is_that_of_tensorflow(preds: Pixels, target: Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tensorflow().image
    found = find_protocol("ebb").score(preds, target)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(target, preds, data_range=1), abs=1e-6)
    for name, oracle in (("ssim", image.ssim), ("ms_ssim", image.ssim_multiscale)):
        assert found[name] == pytest.approx(in_float64(oracle, preds, target, monkeypatch), abs=1e-5)


def test_names() -> None:
    assert DEFAULT in PROTOCOLS
    assert all(name == protocol.name for name, protocol in PROTOCOLS.items())
    with pytest.raises(UsageError, match=r"no protocol is called 'psnr' \(known: .*ebb"):
        find_protocol("psnr")


def test_what_is_left_out_is_said() -> None:
    protocol = find_protocol("ebb")
    small = PAIRS[0][0][:32, :160]
    found = protocol.score(small, small)
    assert found == {"psnr": np.inf, "ssim": pytest.approx(1)}
    assert set(protocol.missing(small.shape)) == {"ms_ssim", "lpips"}
    with pytest.raises(InvalidInput, match="SSIM of 8 x 8"):
        protocol.score(small[:8, :8], small[:8, :8])
