import json
import pickle
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from ebb.depthmap.megadepth import MegaDepth, load_megadepth
from ebb.errors import InvalidInput

GOLDEN = Path(__file__).parents[2] / "golden"


@cache
def golden_state() -> dict[str, torch.Tensor]:
    """The 624 tensors of the reference run, filled by the rule the golden file states."""
    tensors = json.loads((GOLDEN / "megadepth_official.json").read_text())["tensors"]
    return {name: fill(1000 + i, name, shape) for i, (name, shape) in enumerate(tensors)}


def fill(seed: int, name: str, shape: list[int]) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    if name.endswith("running_mean"):
        values = rng.standard_normal(shape) * 0.1
    elif name.endswith("running_var"):
        values = rng.uniform(0.5, 1.5, shape)
    elif len(shape) == 1 and name.endswith("weight"):
        values = rng.uniform(0.8, 1.2, shape)
    elif len(shape) == 1:
        values = rng.standard_normal(shape) * 0.05
    else:
        values = rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "golden.pth"
    torch.save(golden_state(), path)
    return path


def test_golden_parity_with_the_official_network(weights_file: Path) -> None:
    golden = np.load(GOLDEN / "megadepth_official.npz")
    with torch.inference_mode():
        log_depth = load_megadepth(weights_file)(torch.from_numpy(golden["input"])).numpy()
    assert log_depth.shape == golden["output"].shape
    assert np.abs(log_depth - golden["output"]).max() <= 1e-4


def test_names_shapes_and_order_are_those_of_the_authors() -> None:
    with torch.device("meta"):
        model = MegaDepth()
    ours = [(n, list(t.shape)) for n, t in model.state_dict().items() if "num_batches" not in n]
    listed = json.loads((GOLDEN / "megadepth_official.json").read_text())["tensors"]
    assert ours == [(name, shape) for name, shape in listed]
    assert len(ours) == 624
    assert sum(p.numel() for p in model.parameters()) == 5_357_153


def test_data_parallel_prefix_and_counters(weights_file: Path, tmp_path: Path) -> None:
    counters = {
        name.replace("running_var", "num_batches_tracked"): torch.tensor(7)
        for name in golden_state()
        if name.endswith("running_var")
    }
    state = {f"module.{name}": tensor for name, tensor in (golden_state() | counters).items()}
    torch.save(state, tmp_path / "parallel.pth")
    prefixed, plain = load_megadepth(tmp_path / "parallel.pth"), load_megadepth(weights_file)
    for name, tensor in plain.named_parameters():
        assert torch.equal(prefixed.get_parameter(name), tensor)
    assert not plain.training
    assert not any(parameter.requires_grad for parameter in plain.parameters())


class Python2Pickler(pickle._Pickler):
    """Writes text as Python 2 wrote ``str``: a byte string with a one-byte length."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_str(self, text: str) -> None:
        raw = text.encode("ascii")
        assert len(raw) < 256
        self.write(pickle.SHORT_BINSTRING + struct.pack("<B", len(raw)) + raw)
        self.memoize(text)

    dispatch[str] = save_str


class LegacyPickle:
    """What torch.save asks of a pickle module, writing like Python 2."""

    Pickler = Python2Pickler

    @staticmethod
    def dump(value: object, file: object, protocol: int) -> None:
        Python2Pickler(file, protocol=protocol).dump(value)


def test_file_as_pytorch_of_2018_under_python_2_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "legacy.pth"
    state = OrderedDict((f"module.{name}", tensor) for name, tensor in golden_state().items())
    torch.save(
        state, path, pickle_module=LegacyPickle, pickle_protocol=2, _use_new_zipfile_serialization=False
    )
    raw = path.read_bytes()
    assert raw[:2] == b"\x80\x02"
    assert b"U\x0fmodule.0.weight" in raw
    loaded = load_megadepth(path).state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in golden_state().items())


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (sys.argv[0],)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"0.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(InvalidInput, match=r"evil\.pth: not a weights file .* more than tensors") as caught:
        load_megadepth(tmp_path / "evil.pth")
    assert "weights_only" not in str(caught.value)  # nobody is told to load it all the same


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 and no more", b"\x80\x02}"])
def test_not_a_weights_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"net\.pth: .*ebb weights download megadepth"):
        load_megadepth(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        load_megadepth(tmp_path / "gone.pth")


@pytest.mark.parametrize("content", [torch.zeros(3), {"0.weight": 3}, [torch.zeros(3)]])
def test_other_content(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(InvalidInput, match="holds something other than named tensors"):
        load_megadepth(tmp_path / "net.pth")


def test_wrong_tensors_are_named(tmp_path: Path) -> None:
    state = dict(golden_state())
    del state["4.bias"]
    for name in ("a", "b", "c", "d"):
        state[name] = torch.zeros(1)
    state["0.weight"] = torch.zeros(64, 3, 7, 7)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(InvalidInput) as caught:
        load_megadepth(tmp_path / "net.pth")
    message = str(caught.value)
    assert "1 missing (4.bias)" in message
    assert "4 unexpected (a, b, c and 1 more)" in message
    assert "1 of another shape (0.weight (64, 3, 7, 7) instead of (128, 3, 7, 7))" in message


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (torch.Tensor.long, "torch.int64 in the file"),
        (lambda values: values / 0, "not all values are finite"),
    ],
)
def test_values_that_are_no_weights(
    convert: Callable[[torch.Tensor], torch.Tensor], message: str, tmp_path: Path
) -> None:
    state = dict(golden_state())
    state["0.weight"] = convert(state["0.weight"])
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(InvalidInput, match=rf"net\.pth: weights 0\.weight: {message}"):
        load_megadepth(tmp_path / "net.pth")


def test_weights_in_double_precision_become_float32(tmp_path: Path) -> None:
    state = {
        name: values.double() if values.is_floating_point() else values
        for name, values in golden_state().items()
    }
    torch.save(state, tmp_path / "net.pth")
    assert {values.dtype for values in load_megadepth(tmp_path / "net.pth").parameters()} == {torch.float32}
