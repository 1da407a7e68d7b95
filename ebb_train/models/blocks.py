"""Building blocks of PyNET: a few operations and the multi-kernel block.

The network is defined once, in :mod:`ebb_train.models.pynet`, in terms of :class:`Operations`. A back end
implements the operations: :mod:`ebb_train.models.network` computes with PyTorch, :class:`Declaration` only
lists the layers. Parameters, the authors' numbering of variables and costs follow from that list, so there is
no second description of the network.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

Maps = TypeVar("Maps")
"""A batch of feature maps, of a type that the back end chooses."""

SLOPE = 0.2
"""Slope of the leaky ReLU for negative values."""

EPSILON = 1e-3
"""Added to the variance in instance normalisation."""

RGB_GAIN, RGB_OFFSET = 0.58, 0.5
"""An output is tanh · gain + offset, which slightly exceeds [0, 1], so that 0 and 1 do not saturate tanh."""


class Operations(ABC, Generic[Maps]):
    """Interface of a back end. ``name`` selects the parameters of a layer; sizes are kept unless stated."""

    @abstractmethod
    def conv(self, name: str, x: Maps, kernel: int, channels: int, *, norm: bool) -> Maps:
        """Convolution, kernel × kernel, with bias; instance normalisation if requested, leaky ReLU."""

    @abstractmethod
    def up(self, name: str, x: Maps, channels: int) -> Maps:
        """Twice the size: 3 × 3 transposed convolution without bias, leaky ReLU.

        The full transposed convolution has 2n + 1 rows and columns; the last of each is dropped.
        """

    @abstractmethod
    def linear(self, name: str, x: Maps, channels: int) -> Maps:
        """3 × 3 convolution with bias, without activation."""

    @abstractmethod
    def output_activation(self, x: Maps) -> Maps:
        """tanh(x) · 0.58 + 0.5."""

    @abstractmethod
    def softmax(self, x: Maps) -> Maps:
        """exp(x) over its sum over the channels."""

    @abstractmethod
    def sigmoid(self, x: Maps) -> Maps:
        """1 / (1 + exp(−x))."""

    @abstractmethod
    def pool(self, x: Maps) -> Maps:
        """Half the size: maximum over 2 × 2."""

    @abstractmethod
    def space_to_depth(self, x: Maps) -> Maps:
        """Half the size, four times the channels, in the order row offset, column offset, channel."""

    @abstractmethod
    def depth_to_space(self, x: Maps) -> Maps:
        """Twice the size, a quarter of the channels: the inverse of :meth:`space_to_depth`."""

    @abstractmethod
    def concat(self, *parts: Maps) -> Maps:
        """Join along the channels."""

    @abstractmethod
    def add(self, x: Maps, y: Maps) -> Maps:
        """Sum of equal shapes."""

    def block(self, name: str, x: Maps, kernel: int, channels: int, *, norm: bool) -> Maps:
        """M(kernel, channels): two convolutions in a row at each kernel size 3, 5, … kernel, side by side."""
        branches = []
        for size in range(3, kernel + 1, 2):
            first = self.conv(f"{name}.{size}x{size}.0", x, size, channels, norm=norm)
            branches.append(self.conv(f"{name}.{size}x{size}.1", first, size, channels, norm=norm))
        return self.concat(*branches)

    def head(self, name: str, x: Maps) -> Maps:
        """The picture of a level."""
        return self.output_activation(self.linear(name, x, 3))


class Shape(NamedTuple):
    """Shape of the maps of one image."""

    channels: int
    height: int
    width: int


LayerKind: TypeAlias = Literal["conv", "up", "linear"]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer with parameters, and the size of its input maps."""

    name: str
    kind: LayerKind
    kernel: int
    in_channels: int
    out_channels: int
    norm: bool
    height: int
    width: int

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the parameters in PyTorch's layout, in the authors' order of creation."""
        across = (self.in_channels, self.out_channels)
        weight = (*(across if self.kind == "up" else across[::-1]), self.kernel, self.kernel)
        shapes: dict[str, tuple[int, ...]] = {"weight": weight}
        vectors = () if self.kind == "up" else ("bias", "shift", "scale") if self.norm else ("bias",)
        return shapes | dict.fromkeys(vectors, (self.out_channels,))

    @property
    def multiply_adds(self) -> int:
        """Multiply-adds of the convolution for one image."""
        return self.height * self.width * self.kernel**2 * self.in_channels * self.out_channels


class Declaration(Operations[Shape]):
    """Back end that computes shapes only and lists the layers in the order of their creation."""

    def __init__(self) -> None:
        self.layers: list[Layer] = []

    def _declare(self, name: str, kind: LayerKind, x: Shape, kernel: int, channels: int, norm: bool) -> None:
        layer = Layer(
            name=name,
            kind=kind,
            kernel=kernel,
            in_channels=x.channels,
            out_channels=channels,
            norm=norm,
            height=x.height,
            width=x.width,
        )
        self.layers.append(layer)

    def conv(self, name: str, x: Shape, kernel: int, channels: int, *, norm: bool) -> Shape:
        """Add a convolution to the list."""
        self._declare(name, "conv", x, kernel, channels, norm)
        return Shape(channels, x.height, x.width)

    def up(self, name: str, x: Shape, channels: int) -> Shape:
        """Add a transposed convolution to the list."""
        self._declare(name, "up", x, 3, channels, norm=False)
        return Shape(channels, 2 * x.height, 2 * x.width)

    def linear(self, name: str, x: Shape, channels: int) -> Shape:
        """Add a convolution without activation to the list."""
        self._declare(name, "linear", x, 3, channels, norm=False)
        return Shape(channels, x.height, x.width)

    def output_activation(self, x: Shape) -> Shape:
        """Same shape."""
        return x

    def softmax(self, x: Shape) -> Shape:
        """Same shape."""
        return x

    def sigmoid(self, x: Shape) -> Shape:
        """Same shape."""
        return x

    def pool(self, x: Shape) -> Shape:
        """Half the size."""
        return Shape(x.channels, x.height // 2, x.width // 2)

    def space_to_depth(self, x: Shape) -> Shape:
        """Half the size, four times the channels."""
        return Shape(4 * x.channels, x.height // 2, x.width // 2)

    def depth_to_space(self, x: Shape) -> Shape:
        """Twice the size, a quarter of the channels."""
        if x.channels % 4:
            raise ValueError(f"{x.channels} channels cannot be divided into four parts")
        return Shape(x.channels // 4, 2 * x.height, 2 * x.width)

    def concat(self, *parts: Shape) -> Shape:
        """Channels add up; sizes must agree."""
        if len({(part.height, part.width) for part in parts}) != 1:
            raise ValueError(f"maps of different sizes cannot be joined: {parts}")
        return Shape(sum(part.channels for part in parts), parts[0].height, parts[0].width)

    def add(self, x: Shape, y: Shape) -> Shape:
        """Shapes must agree."""
        if x != y:
            raise ValueError(f"maps of different shapes cannot be added: {x} and {y}")
        return x
