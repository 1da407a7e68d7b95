"""VGG-19 against a computation of its own, and the file it loads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from ebb.errors import InvalidInput
from ebb_train.models.vgg import Normalization, Vgg19, load_vgg19

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# of torchvision.models.vgg19().state_dict(), written down from its documentation
CONVOLUTIONS = {
    0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256), 14: (256, 256),
    16: (256, 256), 19: (512, 256), 21: (512, 512), 23: (512, 512), 25: (512, 512), 28: (512, 512),
    30: (512, 512), 32: (512, 512), 34: (512, 512),
}  # fmt: skip
POOLS = (4, 9, 18, 27)


pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """He-normal weights, so that values neither die nor explode."""
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for number, (outs, ins) in CONVOLUTIONS.items():
        weight = torch.randn(outs, ins, 3, 3, generator=generator) * (2 / (9 * ins)) ** 0.5
        tensors |= {
            f"features.{number}.weight": weight,
            f"features.{number}.bias": torch.randn(outs, generator=generator) / 10,
        }
    return tensors


def save(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def by_hand(picture: NDArray[np.float64], state: dict[str, torch.Tensor]) -> NDArray[np.float64]:
    """The layers one by one, as sums of shifted pictures in float64."""
    x = picture
    for number in range(36):
        if number in CONVOLUTIONS:
            weight = state[f"features.{number}.weight"].double().numpy()
            bias = state[f"features.{number}.bias"].double().numpy()
            padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
            height, width = x.shape[1:]
            x = bias[:, None, None] + sum(
                np.tensordot(weight[:, :, dy, dx], padded[:, dy : dy + height, dx : dx + width], axes=1)
                for dy in range(3)
                for dx in range(3)
            )
            x = np.maximum(x, 0)
        elif number in POOLS:
            channels, height, width = x.shape
            x = x.reshape(channels, height // 2, 2, width // 2, 2).max(axis=(2, 4))
    return x


def test_names_and_shapes_are_those_of_the_public_file() -> None:
    with torch.device("meta"):
        found = {name: tuple(values.shape) for name, values in Vgg19().state_dict().items()}
    wanted = {f"features.{n}.weight": (*shape, 3, 3) for n, shape in CONVOLUTIONS.items()}
    wanted |= {f"features.{n}.bias": shape[:1] for n, shape in CONVOLUTIONS.items()}
    assert found == wanted
    assert (
        sum(int(np.prod(shape)) for shape in found.values()) == 20_024_384
    )  # Simonyan and Zisserman's trunk


@pytest.mark.parametrize("normalization", ["imagenet", "caffe"])
def test_features_are_those_computed_by_hand(
    tmp_path: Path, state: dict[str, torch.Tensor], normalization: Normalization
) -> None:
    network = load_vgg19(save(tmp_path / "vgg19.pth", state), normalization)
    picture = torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(1))
    found = network(picture)[0].numpy()
    values = picture[0].double().numpy().transpose(1, 2, 0)
    if normalization == "imagenet":
        prepared = (values - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    else:
        prepared = values * 255 - [123.68, 116.779, 103.939]
    expected = by_hand(prepared.transpose(2, 0, 1), state)
    assert found.shape == (512, 1, 2)
    assert expected.max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.max())


def test_the_classifier_is_left_out_and_nothing_is_trained(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    network = load_vgg19(save(tmp_path / "vgg19.pth", state | {"classifier.0.weight": torch.zeros(2, 2)}))
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.training
    picture = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(picture).sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


def test_files_that_are_not_vgg19(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.pth: cannot be read: No such file"):
        load_vgg19(tmp_path / "gone.pth")
    (tmp_path / "text.pth").write_text(json.dumps({}))
    with pytest.raises(
        InvalidInput, match=r"text\.pth: not a weights file of PyTorch.*ebb weights download vgg19"
    ):
        load_vgg19(tmp_path / "text.pth")
    with pytest.raises(InvalidInput, match="holds something other than named tensors"):
        load_vgg19(save(tmp_path / "list.pth", [1, 2]))
    vgg16 = {name: values for name, values in state.items() if "34" not in name}
    with pytest.raises(InvalidInput, match=r"weights features\.34\.weight: missing in the file"):
        load_vgg19(save(tmp_path / "vgg16.pth", vgg16))
    odd = state | {"features.0.bias": torch.full((64,), float("nan"))}
    with pytest.raises(InvalidInput, match=r"weights features\.0\.bias: not all values are finite"):
        load_vgg19(save(tmp_path / "odd.pth", odd))


def test_shapes_are_checked_before_anything_is_converted(tmp_path: Path) -> None:
    values = torch.zeros(1, dtype=torch.float64).expand(10**12)
    with pytest.raises(InvalidInput, match=r"weights features\.0\.weight: fewer values are stored"):
        load_vgg19(save(tmp_path / "large.pth", {"features.0.weight": values}))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code in a weights file ran",))


def test_code_in_a_file_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match="not a weights file of PyTorch"):
        load_vgg19(save(tmp_path / "evil.pth", {"features.0.weight": Evil()}))
    assert capsys.readouterr().out == ""
