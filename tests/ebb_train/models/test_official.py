"""The authors' checkpoint: its numbering, and there and back through TensorFlow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ebb.command import run_verb
from ebb.errors import ExitCode, InvalidInput, MissingDependency, OutputError, UsageError
from ebb_train.cli import app
from ebb_train.models import official
from ebb_train.models.pynet import PAPER, PyNetConfig, tensor_shapes
from ebb_train.models.weights import About, Tensors, read_weights, save_weights
from tests.helpers.pynet_reference import filled_variables, listed_variables

SMALL = PyNetConfig(width=1 / 32)
VARIANTS = [SMALL, PyNetConfig(width=1 / 32, norm="none", in_channels=3, norm_level_3=True)]


def values(config: PyNetConfig = SMALL) -> Tensors:
    rng = np.random.default_rng(11)
    return {v.name: rng.standard_normal(v.shape).astype(np.float32) for v in official.variables(config)}


def test_names_shapes_and_kinds_follow_from_the_network_in_the_authors_order() -> None:
    ours = official.variables()
    assert [(v.name, v.shape, v.kind) for v in ours] == listed_variables()
    assert len(ours) == 440
    assert [v.parameter for v in ours] == list(tensor_shapes(PAPER))


@pytest.mark.parametrize("config", VARIANTS)
def test_conversion_round_trips_bit_for_bit(config: PyNetConfig) -> None:
    theirs = values(config)
    ours = official.from_official(theirs, config)
    assert {name: tensor.shape for name, tensor in ours.items()} == tensor_shapes(config)
    back = official.to_official(ours, config)
    assert list(back) == list(theirs)
    assert all(np.array_equal(back[name], theirs[name]) for name in theirs)


def test_axes() -> None:
    theirs = values()
    ours = official.from_official(theirs, SMALL)
    conv, up = theirs["generator/Variable"], theirs["generator/Variable_60"]
    weight = ours["encoder.e3.3x3.0.weight"]
    assert weight[1 - 1, 5, 2, 0] == conv[2, 0, 5, 1 - 1]
    weight = ours["level_7.up.0.weight"]
    assert weight[9, 4, 2, 1] == up[2, 1, 4, 9]


def test_variables_that_do_not_fit_are_named() -> None:
    theirs = values()
    for change, message in (
        (
            {"generator/Variable_5": None},
            "generator/Variable_5 is missing; it should be encoder.e4.3x3.0.bias",
        ),
        (
            {"generator/Variable": np.zeros((3, 3, 12, 16), np.float32)},
            (
                r"ckpt: generator/Variable is of shape \(3, 3, 12, 16\); it should be "
                r"encoder.e3.3x3.0.weight of shape \(3, 3, 16, 16\) "
                r"\(is it a checkpoint of level 1, with these input channels"
            ),
        ),
        (
            {"generator/Variable_440": theirs["generator/Variable"]},
            "1 variables are not in the network, such as generator/Variable_440",
        ),
    ):
        changed = {name: v for name, v in (theirs | change).items() if v is not None}
        with pytest.raises(InvalidInput, match=message):
            official.from_official(changed, SMALL, Path("ckpt"))


def test_other_levels_are_refused() -> None:
    with pytest.raises(UsageError, match="level 3: the authors' format holds all levels down to 1"):
        official.variables(PyNetConfig(level=3))


def test_no_such_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"model: no TensorFlow checkpoint has this prefix .*model.index"):
        official.read_checkpoint(tmp_path / "model")


def test_without_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    (tmp_path / "model.index").write_bytes(b"")
    with pytest.raises(
        MissingDependency, match=r"TensorFlow is not installed \(pip install 'ebb-bokeh\[tflite\]'\)"
    ):
        official.checkpoint_to_weights(tmp_path / "model", tmp_path / "out.safetensors")
    code = run_verb(app, ["convert", str(tmp_path / "model"), str(tmp_path / "out.safetensors")])
    assert code == ExitCode.MISSING
    assert (
        capfd.readouterr().err == "ebb-train: TensorFlow is not installed (pip install 'ebb-bokeh[tflite]')\n"
    )


def test_convert_through_tensorflow_and_back(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """One test, as importing TensorFlow takes seconds: the full network, leftovers of Adam, broken files."""
    theirs = filled_variables()
    slots = {"generator/Variable/Adam": np.zeros(3, np.float32), "beta1_power": np.float32(0.9)}
    prefix, weights, again = tmp_path / "ckpt" / "model", tmp_path / "w.safetensors", tmp_path / "again"
    official.write_checkpoint(prefix, {**theirs, **slots})

    assert run_verb(app, ["convert", f"{prefix}.index", str(weights), "--json"]) == ExitCode.DONE
    printed = capfd.readouterr()
    facts = json.loads(printed.out)
    assert facts["variables"] == 440
    assert "CC BY-NC-SA" in facts["licence"]
    assert printed.err == f"note: {official.LICENCE}\n"
    tensors, about = read_weights(weights)
    assert about.config == PAPER.as_dict()
    assert about.source == "TensorFlow checkpoint model"
    assert about.licence == official.LICENCE
    expected = official.from_official(theirs, PAPER)
    assert all(np.array_equal(tensors[name], expected[name]) for name in expected)

    assert (
        run_verb(app, ["convert", str(weights), str(again), "--to", "tensorflow", "--quiet"]) == ExitCode.DONE
    )
    assert capfd.readouterr() == ("", "")
    assert sorted(file.name for file in tmp_path.glob("again*")) == [
        "again.data-00000-of-00001",
        "again.index",
    ]
    back = official.read_checkpoint(again)
    assert set(back) == set(theirs)
    assert all(np.array_equal(back[name], theirs[name]) for name in theirs)

    assert (
        run_verb(app, ["convert", str(prefix), str(weights), "--in-channels", "3"]) == ExitCode.INVALID_INPUT
    )
    assert "generator/Variable is of shape (3, 3, 16, 32)" in capfd.readouterr().err
    again.with_name("again.index").write_bytes(b"no index")
    with pytest.raises(InvalidInput, match="again: not a TensorFlow checkpoint, or a damaged one"):
        official.read_checkpoint(again)

    data = prefix.with_name("model.data-00000-of-00001")
    for length in (0, 1000, data.stat().st_size - 1):
        os.truncate(data, length)
        assert run_verb(app, ["convert", str(prefix), str(weights)]) == ExitCode.INVALID_INPUT
        assert "a damaged one" in capfd.readouterr().err


def test_variables_of_another_network_are_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    official.write_checkpoint(tmp_path / "m", {"generator/Variable": np.zeros((9, 9), np.float32)})
    monkeypatch.setattr(official, "MAX_BYTES", 300)
    with pytest.raises(InvalidInput, match="its variables take 0 GB; PyNET's do not"):
        official.read_checkpoint(tmp_path / "m")


def test_weights_of_a_single_level_have_no_place_in_the_authors_format(tmp_path: Path) -> None:
    config = PyNetConfig(level=7, width=1 / 32)
    tensors = {name: np.zeros(shape, np.float32) for name, shape in tensor_shapes(config).items()}
    save_weights(tmp_path / "w", tensors, About(network="pynet", config=config.as_dict()))
    with pytest.raises(UsageError, match="level 7: the authors' format holds all levels"):
        official.weights_to_checkpoint(tmp_path / "w", tmp_path / "out")


def test_an_invalid_output_is_reported_before_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(official, "read_pynet", lambda *_: pytest.fail("no work yet"))
    with pytest.raises(OutputError, match="a file is where a folder should be"):
        official.weights_to_checkpoint(tmp_path / "w.safetensors", tmp_path / "file" / "model")


class _Refusal(Exception):
    """Stands for ``tf.errors.OpError``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (
            "/a/t.data1; No space left on device",
            r"t: no space to write it .No space left ",
        ),
        (
            "/a/t.data1; Permission denied",
            r"t: cannot write the checkpoint: /a/t.data1; Permission denied$",
        ),
    ],
)
def test_errors_of_writing_are_told_without_details_of_tensorflow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: str, message: str
) -> None:
    def save(**_: object) -> None:
        raise _Refusal(f"{{{{function_node __wrapped__SaveV2_device_/job:localhost}}}} {reason} [Op:SaveV2]")

    fake = SimpleNamespace(errors=SimpleNamespace(OpError=_Refusal), raw_ops=SimpleNamespace(SaveV2=save))
    monkeypatch.setattr("ebb_train.optional.tensorflow", lambda: fake)
    with pytest.raises(OutputError, match=message):
        official.write_checkpoint(tmp_path / "t", {})
