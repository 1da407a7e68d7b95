"""Devices and errors of PyTorch."""

import os
import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ebb.errors import InvalidInput, MissingDependency, UsageError
from ebb.pytorch import (
    as_memory_error,
    is_out_of_memory,
    load_file,
    load_state,
    matched_state,
    on_gpu,
    open_device,
    to_device,
    torch_device,
)


def test_automatic_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert torch_device("auto") == "cuda"
    assert [on_gpu(device) for device in ("auto", "cuda:1", "cpu")] == [True, True, False]
    assert torch_device("cpu") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device("auto") == "cpu"
    assert not on_gpu("auto")


def test_a_device_is_opened() -> None:
    assert open_device("cpu") == torch.device("cpu")
    network = nn.Linear(2, 3)
    assert to_device(network, "cpu") is network


@pytest.mark.parametrize("device", ["toaster", "cuda:99"])
def test_no_such_device(device: str) -> None:
    for use in (open_device, lambda name: to_device(nn.Linear(2, 3), name)):
        with pytest.raises(UsageError, match=rf"^cannot compute on '{device}': .+ \(try --device cpu\)$"):
            use(device)


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert not on_gpu("auto")
    for use in (open_device, torch_device):
        with pytest.raises(MissingDependency, match=r"torch is missing \(pip install 'ebb-bokeh\[depth\]'\)"):
            use("auto")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB."), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("cuDNN error"), False),
    ],
)
def test_messages_for_exhausted_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected


def test_errors_of_pytorch_about_memory_are_pythons_own() -> None:
    with pytest.raises(MemoryError, match="not enough memory for a test"), as_memory_error("a test"):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes.")
    with pytest.raises(RuntimeError, match="shapes"), as_memory_error("a test"):
        raise RuntimeError("shapes do not match")


def saved(path: Path, value: object, *, legacy: bool = False) -> bytes:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path.read_bytes()


@pytest.mark.parametrize("legacy", [False, True])
def test_state_dicts_round_trip(tmp_path: Path, legacy: bool) -> None:
    state = nn.Linear(3, 4).state_dict()
    saved(tmp_path / "a.pth", state, legacy=legacy)
    found = load_state(tmp_path / "a.pth")
    assert all(torch.equal(found[name], values) for name, values in state.items())


@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_and_damaged_files_are_refused_or_read(tmp_path: Path, legacy: bool) -> None:
    path, rng = tmp_path / "a.pth", random.Random(1)
    whole = saved(path, nn.Linear(3, 4).state_dict(), legacy=legacy)
    refused = []
    for number in range(150):
        data = bytearray(whole[: rng.randrange(len(whole))] if number % 3 == 0 else whole)
        for _ in range(min(3, len(data))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            load_state(path, "fetch it again")
        except InvalidInput as error:
            refused.append(str(error))
    assert len(refused) >= 50
    assert all(text.startswith(f"{path}: ") and text.endswith("(fetch it again)") for text in refused)


@pytest.mark.parametrize(("value", "message"), [([1], "named tensors"), ({"a": 1}, "named tensors")])
def test_other_contents(tmp_path: Path, value: object, message: str) -> None:
    saved(tmp_path / "a.pth", value)
    with pytest.raises(InvalidInput, match=message):
        load_state(tmp_path / "a.pth")
    assert load_file(tmp_path / "a.pth") == value
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        load_file(tmp_path / "none.pth")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.pth")
    with pytest.raises(InvalidInput, match=r"net\.pth: cannot be read: not a regular file"):
        load_file(tmp_path / "net.pth")


WEIGHT = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (WEIGHT.to_sparse, "not a dense tensor"),
        (WEIGHT.to_sparse_csr, "not a dense tensor"),
        (lambda: torch.quantize_per_tensor(WEIGHT, 0.1, 0, torch.qint8), "not a dense tensor"),
        (lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), "not a dense tensor"),
        (lambda: WEIGHT.to(torch.complex64), "values of type torch.complex64"),
        (WEIGHT.bool, "values of type torch.bool"),
        (lambda: WEIGHT.to(torch.float8_e4m3fn), "values of type torch.float8_e4m3fn"),
        (lambda: torch.empty(2, 3, device="meta"), r"fewer values are stored than its shape \(2, 3\) holds"),
        (
            lambda: torch.zeros(1).expand(10**12),
            r"fewer values are stored than its shape \(10+,\) holds",
        ),
    ],
)
def test_tensors_that_are_no_parameters(
    tmp_path: Path, make: Callable[[], torch.Tensor], message: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's, about such tensors
        saved(tmp_path / "a.pth", {"weight": make(), "bias": torch.zeros(2)})
    with pytest.raises(InvalidInput, match=rf"a\.pth: weights weight: {message} \(fetch it\)"):
        load_state(tmp_path / "a.pth", "fetch it")


def test_tensors_get_the_types_of_the_network() -> None:
    wanted = {"weight": torch.empty(2, 3, device="meta"), "steps": torch.tensor(0)}
    found = matched_state(
        {"weight": WEIGHT.double(), "steps": torch.tensor(7, dtype=torch.int32)}, wanted, Path("a")
    )
    assert torch.equal(found["weight"], WEIGHT)
    assert [values.dtype for values in found.values()] == [torch.float32, torch.int64]
    kept = {"weight": WEIGHT, "steps": torch.tensor(1)}
    assert matched_state(kept, wanted, Path("a"))["weight"] is WEIGHT


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (WEIGHT.long(), "torch.int64 in the file, torch.float32 in the network"),
        (WEIGHT * float("nan"), "not all values are finite"),
        (WEIGHT.double() * 1e300, "not all values are finite"),
    ],
)
def test_values_that_are_no_weights(values: torch.Tensor, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"weights weight: {message}"):
        matched_state({"weight": values}, {"weight": WEIGHT}, Path("a.pth"))
