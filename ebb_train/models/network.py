"""PyNET in PyTorch: the layers, and the module that runs the network of :mod:`ebb_train.models.pynet`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch  # noqa: TID253 - a network definition; only imported when a network is wanted
import torch.nn.functional as F  # noqa: TID253 - PyTorch's own name for it
from torch import Tensor, nn  # noqa: TID253

from ebb.errors import InvalidInput
from ebb_train.models.blocks import EPSILON, RGB_GAIN, RGB_OFFSET, SLOPE, Layer, Operations
from ebb_train.models.norm_activation import applies_to, norm_activation
from ebb_train.models.pynet import (
    PAPER,
    SIZE_MULTIPLE,
    PyNetConfig,
    layers,
    pynet,
    tensor_shapes,
    used_layers,
)
from ebb_train.models.weights import PYNET, About, check_shapes, read_pynet, save_weights

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from ebb_train.models.weights import Tensors

INITIAL_SIGMA = 0.01
"""Standard deviation of the initial weights in the paper: a normal distribution truncated at two sigma."""

INITIAL_BIAS = 0.01

LIFT = 1.0
"""Offset of level 2's values before tanh: tanh(-1) · 0.58 + 0.5 is 0.06, a dark grey."""

WeightInit: TypeAlias = Literal["paper", "fan_in"]
"""Rule for the standard deviation of the initial weights; see :func:`initial_sigma`."""


class LayerModule(nn.Module):
    """The parameters of one layer under the names ``weight``, ``bias``, ``shift`` and ``scale``."""

    weight: Tensor
    bias: Tensor
    shift: Tensor
    scale: Tensor

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        for name, shape in layer.tensors.items():
            self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        self.layer = layer
        self.reset_parameters()

    def reset_parameters(
        self, generator: torch.Generator | None = None, weight_init: WeightInit = "paper"
    ) -> None:
        """Set all parameters to their initial values."""
        sigma = initial_sigma(self.layer, weight_init)
        nn.init.trunc_normal_(self.weight, std=sigma, a=-2 * sigma, b=2 * sigma, generator=generator)
        for name, value in (("bias", INITIAL_BIAS), ("shift", 0.0), ("scale", 1.0)):
            if name in self._parameters:
                nn.init.constant_(getattr(self, name), value)


class Conv(LayerModule):
    """Convolution, optional instance normalisation, leaky ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        y = F.conv2d(x, self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        if self.layer.norm and applies_to(y):
            return norm_activation(y, self.scale, self.shift)
        if self.layer.norm:
            y = instance_norm(y, self.scale, self.shift)
        return F.leaky_relu(y, SLOPE, inplace=True)


class Up(LayerModule):
    """Transposed convolution to twice the size, leaky ReLU."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, 2 H, 2 W)."""
        full = F.conv_transpose2d(x, self.weight, stride=2)
        return F.leaky_relu(full[..., :-1, :-1], SLOPE)


class LinearConv(LayerModule):
    """Convolution without activation."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H, W)."""
        return F.conv2d(x, self.weight, self.bias, padding=1)


_MODULES: dict[str, type[LayerModule]] = {"conv": Conv, "up": Up, "linear": LinearConv}


def layer_module(layer: Layer) -> LayerModule:
    """A module with the parameters of a layer."""
    return _MODULES[layer.kind](layer)


def initial_sigma(layer: Layer, weight_init: WeightInit) -> float:
    """Standard deviation of the initial weights of a layer.

    ``paper`` is 0.01 everywhere, which suits the hundreds of maps of the paper's network. In a network with
    few maps and without normalisation, every layer then makes its input several times smaller, and the
    picture receives almost no signal. ``fan_in`` is 1 / √inputs of the layer: LeCun et al., "Efficient
    BackProp" (1998), equation 16. The larger values that are usual for ReLUs are too large here, because
    residual sums accumulate. Layers that output a picture keep 0.01: the picture starts grey, which is closer
    to any photo than noise.
    """
    if weight_init == "paper" or layer.kind == "linear":
        return INITIAL_SIGMA
    # a pixel of an upsampled map depends on a quarter of the taps
    taps = layer.kernel**2 / (4 if layer.kind == "up" else 1)
    return 1 / math.sqrt(taps * layer.in_channels)


def instance_norm(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Zero mean and unit (biased) variance over height and width for each image and channel, then affine.

    It is a group norm with one channel per group, which is several times as fast on the CPU in PyTorch as its
    instance norm. Maps must not be channels-last: PyTorch then computes the variance as the mean of squares
    minus the square of the mean, which loses most digits if the mean is large (``benchmarks/pynet.py``).

    Args:
        x: (N, C, H, W); one pixel is enough.
        scale: (C,).
        shift: (C,).
    """
    return torch.group_norm(x.contiguous(), x.shape[1], scale, shift, EPSILON)


class TorchOperations(Operations[Tensor]):
    """Back end that computes with the layers of a module."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def _layer(self, name: str, x: Tensor) -> Tensor:
        y: Tensor = self._network.get_submodule(name)(x)
        return y

    def conv(self, name: str, x: Tensor, kernel: int, channels: int, *, norm: bool) -> Tensor:  # noqa: ARG002 - the layer knows
        """Run a :class:`Conv`."""
        return self._layer(name, x)

    def up(self, name: str, x: Tensor, channels: int) -> Tensor:  # noqa: ARG002 - the layer knows
        """Run an :class:`Up`."""
        return self._layer(name, x)

    def linear(self, name: str, x: Tensor, channels: int) -> Tensor:  # noqa: ARG002 - the layer knows
        """Run a :class:`LinearConv`."""
        return self._layer(name, x)

    def output_activation(self, x: Tensor) -> Tensor:
        """tanh(x) · 0.58 + 0.5."""
        return torch.tanh(x) * RGB_GAIN + RGB_OFFSET

    def softmax(self, x: Tensor) -> Tensor:
        """Over the channels."""
        return torch.softmax(x, dim=1)

    def sigmoid(self, x: Tensor) -> Tensor:
        """1 / (1 + exp(−x))."""
        return torch.sigmoid(x)

    def pool(self, x: Tensor) -> Tensor:
        """Maximum over 2 × 2."""
        return F.max_pool2d(x, 2)

    def space_to_depth(self, x: Tensor) -> Tensor:
        """TensorFlow's channel order; ``pixel_unshuffle`` has the input channel first, not last."""
        n, channels, height, width = x.shape
        cells = x.reshape(n, channels, height // 2, 2, width // 2, 2).permute(0, 3, 5, 1, 2, 4)
        return cells.reshape(n, 4 * channels, height // 2, width // 2)

    def depth_to_space(self, x: Tensor) -> Tensor:
        """TensorFlow's channel order; ``pixel_shuffle`` has the output channel first, not last."""
        n, channels, height, width = x.shape
        cells = x.reshape(n, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
        return cells.reshape(n, channels // 4, 2 * height, 2 * width)

    def concat(self, *parts: Tensor) -> Tensor:
        """Join along the channels."""
        return torch.cat(parts, dim=1)

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """Sum."""
        return x + y


class PyNet(nn.Module):
    """PyNET from level 7 up to ``config.level``.

    The heads of deeper levels are kept, so that the pictures of all levels can be inspected and the authors'
    format can be written, but they are frozen: the picture of ``config.level`` does not depend on them.
    """

    def __init__(self, config: PyNetConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        used = {layer.name for layer in used_layers(config)}
        for layer in layers(config):
            module = layer_module(layer).requires_grad_(layer.name in used)
            _attach(self, layer.name, module)

    def forward(self, photo: Tensor) -> Tensor:
        """The picture of ``config.level``, about [0, 1].

        Args:
            photo: (N, 3 or 4, H, W) in [0, 1]: RGB, and depth if the config has it; H and W are multiples
                of 32.

        Returns:
            (N, 3, …) of the size given by :func:`~ebb_train.models.pynet.output_size`.

        Raises:
            InvalidInput: the photo has another number of channels, or its size is not a multiple of 32.
        """
        return self.pictures(photo, (self.config.level,))[self.config.level]

    def pictures(self, photo: Tensor, levels: Collection[int]) -> dict[int, Tensor]:
        """The pictures of several levels in one pass; none may be below ``config.level``.

        Raises:
            InvalidInput: as for :meth:`forward`, or the network does not have one of the levels.
        """
        self.check(photo)
        if not levels or not self.config.level <= min(levels) <= max(levels) <= 7:
            raise InvalidInput(f"levels {sorted(levels)} of a network of levels 7 to {self.config.level}")
        return pynet(TorchOperations(self), self.config, photo, levels)

    def reset_parameters(
        self, generator: torch.Generator | None = None, weight_init: WeightInit = "paper"
    ) -> None:
        """Reset to truncated normal weights, biases of 0.01 and identity normalisation."""
        for module in self.modules():
            if isinstance(module, LayerModule):
                module.reset_parameters(generator, weight_init)

    def start_from(self, deeper: Mapping[str, Tensor], config: PyNetConfig) -> None:
        """Copy the values of a network that ends at this level or a deeper one; the rest is unchanged.

        Args:
            deeper: State dict of that network.
            config: Config of that network, which may differ in the level only.

        Raises:
            InvalidInput: the configs differ otherwise, or the tensors do not belong to ``config``.
        """
        if config.level < self.config.level:
            raise InvalidInput(
                f"level {self.config.level} cannot start from level {config.level}, which comes after it"
            )
        config.require(replace(self.config, level=config.level))
        shapes = tensor_shapes(config)
        check_shapes({name: tuple(tensor.shape) for name, tensor in deeper.items()}, shapes)
        with torch.no_grad():
            for name in shapes:
                self.get_parameter(name).copy_(deeper[name])

    @torch.no_grad()
    def enlarge_level_2(self) -> None:
        """Initialise level 1 as a bilinear enlargement of level 2's picture.

        Level 1 has only three maps, with a leaky ReLU, between two pictures; from random weights it takes
        long to learn a nearly linear map. Therefore a constant is added to level 2's values before tanh,
        which keeps nearly all of them above 0; they are upsampled, and the constant is subtracted. In one
        direction, the transposed kernel (½, 1, ½) gives x₀, (x₀ + x₁) / 2, x₁, …, and the mean of neighbours
        of these is ¾ x₀ + ¼ x₁, ¼ x₀ + ¾ x₁, …. The outermost pixels are darker, because the layers pad with
        zeros.

        Raises:
            InvalidInput: the network does not have level 1.
        """
        if self.config.level != 1:
            raise InvalidInput(f"a network of levels 7 to {self.config.level} has no level 1")
        doubling, mean = torch.tensor([0.5, 1, 0.5]), torch.tensor([0, 0.5, 0.5])
        same = torch.eye(3)[:, :, None, None]
        self.get_parameter("level_1.up.weight").copy_(same * torch.outer(doubling, doubling))
        self.get_parameter("level_1.out.weight").copy_(same * torch.outer(mean, mean))
        self.get_parameter("level_2.out.bias").add_(LIFT)
        self.get_parameter("level_1.out.bias").fill_(-LIFT)

    def check(self, photo: Tensor) -> None:
        """Check the shape of the input.

        Raises:
            InvalidInput: the shape is wrong.
        """
        if photo.ndim != 4 or photo.shape[1] != self.config.in_channels:
            raise InvalidInput(
                f"an input of shape {tuple(photo.shape)}, not (N, {self.config.in_channels}, H, W)",
                hint="4 channels: RGB and depth; 3: RGB alone",
            )
        height, width = photo.shape[2:]
        if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE or not height * width:
            raise InvalidInput(
                f"an input of {width} x {height} pixels: both must be multiples of {SIZE_MULTIPLE}",
                hint="pad the input, and crop the output",
            )


def _attach(network: nn.Module, name: str, module: nn.Module) -> None:
    """Add a module under its dotted name."""
    *folders, last = name.split(".")
    for folder in folders:
        if folder not in dict(network.named_children()):
            network.add_module(folder, nn.Module())
        network = network.get_submodule(folder)
    network.add_module(last, module)


def save_pynet(path: Path, network: PyNet, *, source: str, licence: str = "") -> str:
    """Write a network's weights as safetensors, atomically.

    Args:
        path: File to write.
        network: On any device.
        source: Where the weights come from.
        licence: Terms of use of the weights; empty if unknown.

    Returns:
        SHA-256 of the file.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().float().numpy() for name, tensor in network.state_dict().items()}
    about = About(network=PYNET, config=network.config.as_dict(), source=source, licence=licence)
    return save_weights(path, tensors, about)


def load_pynet(path: Path, config: PyNetConfig | None = None) -> PyNet:
    """Read a network from a file written by :func:`save_pynet`.

    Args:
        path: The safetensors file.
        config: Required configuration; None accepts any.

    Returns:
        The network in evaluation mode, on the CPU, float32.

    Raises:
        InvalidInput: the file is not a weights file, is damaged, or has another config.
        MissingDependency: safetensors is not installed.
    """
    return network_of(*read_pynet(path, config))


def network_of(tensors: Tensors, config: PyNetConfig) -> PyNet:
    """Network with these weights, in evaluation mode, on the CPU; it shares their memory."""
    with torch.device("meta"):
        network = PyNet(config)
    state = {name: torch.from_numpy(values) for name, values in tensors.items()}
    network.load_state_dict(state, strict=True, assign=True)
    return network.eval()
