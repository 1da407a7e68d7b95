"""PyNET for bokeh: seven levels, from the lowest resolution (7) to the output at twice the input (1).

Ignatov et al., "Rendering Natural Camera Bokeh Effect with Deep Learning" (CVPR Workshops 2020), section 3
and figure 3; layer sizes as in the authors' public implementation. Written once over
:class:`~ebb_train.models.blocks.Operations`; :mod:`ebb_train.models.network` is the trainable network.

In the level functions ``m("c2", 5, c1)`` is the multi-kernel block M(5, channels of the level) of ``c1``,
its first argument the name of its parameters. ``skip`` comes from the encoder; ``up`` and ``up_again`` are
two different doublings of the output of the level before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ebb.errors import InvalidInput, UsageError
from ebb_train.models.blocks import Declaration, Layer, Maps, Operations, Shape

if TYPE_CHECKING:
    from pathlib import Path

SIZE_MULTIPLE = 32
"""Height and width of the input are multiples of this: level 7 works at 1/32 of them."""

LEVELS = (7, 6, 5, 4, 3, 2, 1)
"""All levels, in the order in which they are computed and trained."""

BlockOf: TypeAlias = Callable[[str, int, Maps], Maps]
"""Creates a multi-kernel block from its name, largest kernel and input."""


@dataclass(frozen=True, kw_only=True)
class PyNetConfig:
    """Configuration of a PyNET; the defaults are the network of the paper, 47 551 791 parameters.

    Examples:
        >>> ebb_train.PyNetConfig(width=0.5).channels(512)
        256
    """

    level: int = 1
    """Level of the output picture, 1 (twice the input's size) to 7 (1/32); it includes the lower levels."""
    in_channels: int = 4
    """4: RGB and depth. 3: RGB alone."""
    norm: Literal["reference", "none"] = "reference"
    """reference: instance normalisation in levels 4 to 7, as in the paper. none: no normalisation, as in its
    faster variant for phones."""
    norm_level_3: bool = False
    """Use instance normalisation in the 9 x 9 blocks of level 3, too."""
    width: float = 1.0
    """Factor of the numbers of feature maps; 1: as in the paper. Layers that carry colour keep 8 or 16."""

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise UsageError(f"there is no level {self.level}", hint="levels go from 7 (smallest) to 1")
        if self.in_channels not in (3, 4):
            raise UsageError(f"{self.in_channels} input channels", hint="4: RGB and depth, 3: RGB alone")
        if self.norm not in ("reference", "none"):
            raise UsageError(f"norm {self.norm!r}", hint="one of: reference, none")
        if not 0 < self.width <= 4:
            raise UsageError(f"width {self.width:g} is not in (0, 4]")

    def channels(self, of_the_paper: int, at_least: int = 1) -> int:
        """Number of feature maps at this width for ``of_the_paper`` maps in the paper."""
        return max(at_least, round(self.width * of_the_paper))

    def require(self, wanted: PyNetConfig, path: Path | None = None) -> None:
        """Check that the config equals the wanted one.

        Raises:
            InvalidInput: the configs differ; the message lists all differences.
        """
        mine, theirs = self.as_dict(), wanted.as_dict()
        differences = [
            f"{name} is {mine[name]}, not {theirs[name]}" for name in mine if mine[name] != theirs[name]
        ]
        if differences:
            raise InvalidInput(f"weights of another network: {', '.join(differences)}", path=path)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for serialisation."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: Path | None = None) -> PyNetConfig:
        """Config from plain values.

        Args:
            values: Result of :meth:`as_dict`.
            path: The file, for error messages.

        Raises:
            InvalidInput: a field is missing, unknown, of another type or out of range.
        """
        wanted = {field.name: type(field.default) for field in fields(cls)}
        if {name: type(value) for name, value in values.items()} != wanted:
            hint = f"fields: {', '.join(wanted)}"
            raise InvalidInput(f"not a PyNET config: {dict(values)}", path=path, hint=hint)
        try:
            return cls(**values)
        except UsageError as error:
            raise InvalidInput(f"not a PyNET config: {error.message}", path=path) from error


PAPER = PyNetConfig()
"""The network of the paper."""


def encoder(net: Operations[Maps], config: PyNetConfig, photo: Maps) -> dict[int, Maps]:
    """Skip connections by the level that uses them: e3 at 1/2 of the input's size … e6 at 1/16.

    Levels 1 to 3 see the photo only through e3, which therefore has at least as many maps as there are values
    in 2 x 2 pixels, 16. With 4 maps, as at a width of 1/8, a network learns shades but no colours.
    """
    channels, norm = config.channels, config.norm == "reference"
    e3 = net.block("encoder.e3", net.space_to_depth(photo), 3, channels(32, at_least=16), norm=False)
    e4 = net.block("encoder.e4", net.pool(e3), 3, channels(64), norm=norm)
    e5 = net.block("encoder.e5", net.pool(e4), 3, channels(128), norm=norm)
    e6 = net.block("encoder.e6", net.pool(e5), 3, channels(256), norm=norm)
    return {3: e3, 4: e4, 5: e5, 6: e6}


def level_7(net: Operations[Maps], config: PyNetConfig, e6: Maps) -> Maps:
    """1/32 of the input's size: global content of the scene."""
    m = _blocks(net, "level_7", config.channels(512), norm=config.norm == "reference")
    a1 = m("a1", 3, net.pool(e6))
    a2 = net.add(m("a2", 3, a1), a1)
    a3 = net.add(m("a3", 3, a2), a2)
    return m("a4", 3, a3)


def level_6(net: Operations[Maps], config: PyNetConfig, skip: Maps, up: Maps, up_again: Maps) -> Maps:
    """1/16 of the input's size."""
    m = _blocks(net, "level_6", config.channels(256), norm=config.norm == "reference")
    b1 = net.concat(skip, up)
    b2 = m("b2", 3, b1)
    b3 = net.add(m("b3", 3, b2), b2)
    b4 = net.add(m("b4", 3, b3), b3)
    b5 = net.concat(m("b5", 3, b4), up_again)
    return m("b6", 3, b5)


def level_5(net: Operations[Maps], config: PyNetConfig, skip: Maps, up: Maps, up_again: Maps) -> Maps:
    """1/8 of the input's size."""
    m = _blocks(net, "level_5", config.channels(128), norm=config.norm == "reference")
    c1 = net.concat(skip, up)
    c2 = net.add(m("c2", 5, c1), c1)
    c3 = net.add(m("c3", 5, c2), c2)
    c4 = net.add(m("c4", 5, c3), c3)
    c5 = net.concat(m("c5", 5, c4), skip)
    c6 = net.concat(c5, up_again)
    return m("c7", 3, c6)


def level_4(net: Operations[Maps], config: PyNetConfig, skip: Maps, up: Maps, up_again: Maps) -> Maps:
    """1/4 of the input's size."""
    m = _blocks(net, "level_4", config.channels(64), norm=config.norm == "reference")
    d1 = net.concat(skip, up)
    d2 = net.concat(m("d2", 5, d1), skip)
    d3 = net.add(m("d3", 7, d2), d2)
    d4 = net.add(m("d4", 7, d3), d3)
    d5 = net.add(m("d5", 7, d4), d4)
    d6 = net.concat(m("d6", 7, d5), skip)
    d7 = net.concat(m("d7", 5, d6), up_again)
    return m("d8", 3, d7)


def level_3(net: Operations[Maps], config: PyNetConfig, skip: Maps, up: Maps, up_again: Maps) -> Maps:
    """1/2 of the input's size; has the largest kernels, for the largest blur, optionally with normalisation.

    The colours of this picture and of the next are computed from the last maps, of which there are at least
    8.
    """
    m = _blocks(net, "level_3", config.channels(32), norm=False)
    m9 = _blocks(net, "level_3", config.channels(32), norm=config.norm_level_3)
    f1 = net.concat(skip, up)
    f2 = net.concat(m("f2", 5, f1), skip)
    f3 = m("f3", 7, f2)
    f4 = m9("f4", 9, f3)
    f5 = net.add(m9("f5", 9, f4), f4)
    f6 = net.add(m9("f6", 9, f5), f5)
    f7 = net.add(m9("f7", 9, f6), f6)
    f8 = net.concat(m("f8", 7, f7), skip)
    f9 = net.concat(m("f9", 5, f8), up_again)
    f10 = net.concat(f9, skip)
    return net.block("level_3.f11", f10, 3, config.channels(32, at_least=8), norm=False)


def pynet(
    net: Operations[Maps], config: PyNetConfig, photo: Maps, levels: Collection[int]
) -> dict[int, Maps]:
    """The network, as far as the pictures of ``levels`` require it.

    Args:
        net: Back end.
        config: Configuration of the network; its level is ignored.
        photo: RGB, and depth if the config has it, in [0, 1]; height and width are multiples of 32.
        levels: Levels whose pictures are returned, at least one.

    Returns:
        Level → picture, about [0, 1], three channels; the size is that of :func:`output_size`.
    """
    last, pictures = min(levels), {}
    skips = encoder(net, config, photo)
    x = level_7(net, config, skips[6])
    for level, next_level, channels in (
        (7, level_6, 256),
        (6, level_5, 128),
        (5, level_4, 64),
        (4, level_3, 32),
    ):
        ups = []
        if last < level:  # before the layer of the picture, in the authors' order of variables
            ups = [net.up(f"level_{level}.up.{i}", x, config.channels(channels)) for i in range(2)]
        if level in levels:
            pictures[level] = net.head(f"level_{level}.out", x)
        if not ups:
            return pictures
        x = next_level(net, config, skips[level - 1], *ups)
    if 3 in levels:
        pictures[3] = net.head("level_3.out", x)
    if last < 3:
        # level 1 starts from level 2's picture before tanh
        raw = net.linear("level_2.out", net.up("level_2.up", x, config.channels(8, at_least=8)), 3)
        if 2 in levels:
            pictures[2] = net.output_activation(raw)
        if 1 in levels:
            pictures[1] = net.head("level_1.out", net.up("level_1.up", raw, 3))
    return pictures


def output_size(level: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of the picture of ``level`` for an input of this height and width."""
    return (2 * height, 2 * width) if level == 1 else (height >> (level - 2), width >> (level - 2))


def layers(config: PyNetConfig, height: int = 32, width: int = 32) -> list[Layer]:
    """All layers of levels 7 … ``config.level``, in the order in which the authors' code creates them."""
    return _declared(config, height, width, LEVELS[: LEVELS.index(config.level) + 1])


def used_layers(config: PyNetConfig, height: int = 32, width: int = 32) -> list[Layer]:
    """Layers that the picture of ``config.level`` depends on: all but the heads of deeper levels."""
    return _declared(config, height, width, (config.level,))


def tensor_shapes(config: PyNetConfig) -> dict[str, tuple[int, ...]]:
    """Shape of every parameter by its name in the state dict, in the order of :func:`layers`."""
    return {f"{la.name}.{part}": shape for la in layers(config) for part, shape in la.tensors.items()}


def _declared(config: PyNetConfig, height: int, width: int, levels: Collection[int]) -> list[Layer]:
    net = Declaration()
    pynet(net, config, Shape(config.in_channels, height, width), levels)
    return net.layers


def _blocks(net: Operations[Maps], level: str, channels: int, *, norm: bool) -> BlockOf[Maps]:
    def block(name: str, kernel: int, x: Maps) -> Maps:
        return net.block(f"{level}.{name}", x, kernel, channels, norm=norm)

    return block
