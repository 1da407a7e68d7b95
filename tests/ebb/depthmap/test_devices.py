"""Where networks run, and packages that are not there."""

import pytest
import torch

from ebb.depthmap.devices import check_installed, on_gpu, to_device, torch_device
from ebb.errors import MissingDependency, UsageError


def test_automatic_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device("auto") == "cuda"
    assert [on_gpu(device) for device in ("auto", "cuda:1", "cpu")] == [True, True, False]
    assert torch_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device("auto") == "cpu"
    assert not on_gpu("auto")


def test_no_such_device() -> None:
    network = torch.nn.Linear(1, 1)
    assert to_device(network, "cpu") is network
    with pytest.raises(UsageError, match=r"cannot calculate on 'cuda:99'.*--device cpu"):
        to_device(network, "cuda:99")


def test_a_package_that_is_not_there() -> None:
    check_installed("numpy", "depth")
    with pytest.raises(
        MissingDependency, match=r"nothing_of_that_name is missing \(pip install 'ebb\[x\]'\)"
    ):
        check_installed("nothing_of_that_name", "x")
