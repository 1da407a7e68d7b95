"""The list of layers that everything else is made from."""

from __future__ import annotations

import pytest

from ebb_train.models.blocks import Declaration, Layer, LayerKind, Operations, Shape


def layer(kind: LayerKind, kernel: int, channels: tuple[int, int], norm: bool = False) -> Layer:
    return Layer(
        name="x",
        kind=kind,
        kernel=kernel,
        in_channels=channels[0],
        out_channels=channels[1],
        norm=norm,
        height=4,
        width=6,
    )


def test_a_block_runs_its_branches_side_by_side_from_small_to_large_kernels() -> None:
    net = Declaration()
    out = net.block("a", Shape(10, 8, 12), 7, 4, norm=True)
    assert out == Shape(3 * 4, 8, 12)
    assert [(one.name, one.kernel, one.in_channels, one.out_channels) for one in net.layers] == [
        ("a.3x3.0", 3, 10, 4),
        ("a.3x3.1", 3, 4, 4),
        ("a.5x5.0", 5, 10, 4),
        ("a.5x5.1", 5, 4, 4),
        ("a.7x7.0", 7, 10, 4),
        ("a.7x7.1", 7, 4, 4),
    ]
    assert all(one.norm for one in net.layers)


def test_parameters_of_each_kind_of_layer() -> None:
    assert layer("conv", 5, (2, 3)).tensors == {"weight": (3, 2, 5, 5), "bias": (3,)}
    normed = layer("conv", 5, (2, 3), norm=True).tensors
    assert list(normed.items())[1:] == [("bias", (3,)), ("shift", (3,)), ("scale", (3,))]
    assert layer("up", 3, (2, 5)).tensors == {"weight": (2, 5, 3, 3)}
    assert layer("linear", 3, (2, 3)).tensors == {"weight": (3, 2, 3, 3), "bias": (3,)}


def test_cost() -> None:
    assert layer("conv", 5, (2, 3)).multiply_adds == 4 * 6 * 25 * 2 * 3


def test_sizes() -> None:
    net = Declaration()
    x = Shape(4, 8, 12)
    assert net.space_to_depth(x) == Shape(16, 4, 6)
    assert net.depth_to_space(x) == Shape(1, 16, 24)
    assert net.softmax(x) == net.sigmoid(x) == x
    assert net.pool(x) == Shape(4, 4, 6)
    assert net.up("u", x, 7) == Shape(7, 16, 24)
    assert net.head("h", x) == Shape(3, 8, 12)
    assert [one.kind for one in net.layers] == ["up", "linear"]


def test_maps_that_do_not_fit_are_refused() -> None:
    net = Declaration()
    assert net.concat(Shape(1, 2, 2), Shape(3, 2, 2)) == Shape(4, 2, 2)
    with pytest.raises(ValueError, match="different sizes cannot be joined"):
        net.concat(Shape(1, 2, 2), Shape(1, 2, 4))
    with pytest.raises(ValueError, match="different shapes cannot be added"):
        net.add(Shape(1, 2, 2), Shape(2, 2, 2))


class Words(Operations[str]):
    """A back end that writes down what it is asked to do."""

    def conv(self, name: str, x: str, kernel: int, channels: int, *, norm: bool) -> str:
        return f"conv{kernel}({x})"

    def up(self, name: str, x: str, channels: int) -> str:
        return f"up({x})"

    def linear(self, name: str, x: str, channels: int) -> str:
        return f"linear{channels}({x})"

    def softmax(self, x: str) -> str:
        return f"softmax({x})"

    def sigmoid(self, x: str) -> str:
        return f"sigmoid({x})"

    def depth_to_space(self, x: str) -> str:
        return f"d2s({x})"

    def output_activation(self, x: str) -> str:
        return f"output_activation({x})"

    def pool(self, x: str) -> str:
        return f"pool({x})"

    def space_to_depth(self, x: str) -> str:
        return f"s2d({x})"

    def concat(self, *parts: str) -> str:
        return f"[{', '.join(parts)}]"

    def add(self, x: str, y: str) -> str:
        return f"{x} + {y}"


def test_any_back_end_gets_the_composites() -> None:
    net = Words()
    assert net.block("a", "x", 5, 4, norm=False) == "[conv3(conv3(x)), conv5(conv5(x))]"
    assert net.head("h", "x") == "output_activation(linear3(x))"
