from __future__ import annotations

import torch

from ebb_train.networks.planes import NetworkInputs


def test_only_the_photo_is_needed() -> None:
    assert NetworkInputs(torch.zeros(1, 3, 8, 8))[1:] == (None,) * 4
