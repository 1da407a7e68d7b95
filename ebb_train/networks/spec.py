"""What a network is, for training and for everything that runs it: a typed description, and its settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ebb.errors import InvalidInput, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import nn

    from ebb_train.stages import StageSchedule

ArgumentValue: TypeAlias = "int | float | bool | str | tuple[int, ...]"
"""Of an argument of a network's class."""

InputPlane: TypeAlias = Literal["depth", "strength", "position"]
"""What a network takes beside the photo; see :class:`~ebb_train.networks.planes.NetworkInputs`."""


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """A network that ``ebb-train fit --model`` trains."""

    name: str
    build: Callable[..., nn.Module]
    """Its class: takes :attr:`arguments`, and its forward takes :class:`NetworkInputs`."""
    arguments: Callable[[float], Mapping[str, ArgumentValue]]
    """Arguments of the class for a factor of the numbers of feature maps; 1: the network as described."""
    parameters: int
    """Learned numbers at a width of 1."""
    multiple: int
    """Height and width of the photo are padded to multiples of this."""
    schedule: StageSchedule
    planes: tuple[InputPlane, ...] = ()
    smallest_side: int = 1
    """Height and width are padded to this at least."""
    reference_f_number: float = 1.8
    """F-number whose strength is 1: strength is this over the f-number of the shallow photo."""
    strength_is_scale: bool = False
    """Whether strength scales a blur in pixels: a stage that reduces photos by four gives it a quarter."""
    photo_height: str = ""
    """Argument that is the height of the training photos in pixels, if there is one."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Which network, and how wide.

    Examples:
        >>> ebb_train.NetworkConfig(model="dmshn", width=0.25).model
        'dmshn'
    """

    model: str
    """Its name, one of :data:`ebb_train.networks.registry.NETWORKS`."""
    width: float = 1.0
    """Factor of the numbers of feature maps; 1: as in the publication, or our design where there is none."""
    photo_height: int = 0
    """Height of the training photos in pixels, where blur is a share of it; 0: that of the data set."""

    def __post_init__(self) -> None:
        if not (0 < self.width <= 4 and math.isfinite(self.width)):
            raise UsageError(f"width {self.width:g} is not in (0, 4]")
        if self.photo_height < 0:
            raise UsageError(f"a photo height of {self.photo_height}", hint="at least 0")

    def as_dict(self) -> dict[str, Any]:
        """Plain values for serialisation."""
        return {"model": self.model, "width": float(self.width), "photo_height": self.photo_height}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], path: Path | None = None) -> NetworkConfig:
        """Config from plain values.

        Args:
            values: Result of :meth:`as_dict`.
            path: The file, for error messages.

        Raises:
            InvalidInput: a field is missing, unknown, of another type or out of range.
        """
        wanted = {"model": str, "width": float, "photo_height": int}
        if {name: type(value) for name, value in values.items()} != wanted:
            hint = f"fields: {', '.join(wanted)}"
            raise InvalidInput(f"not a network config: {dict(values)}", path=path, hint=hint)
        try:
            return cls(**values)
        except UsageError as error:
            raise InvalidInput(f"not a network config: {error.message}", path=path) from error

    def require(self, wanted: NetworkConfig, path: Path | None = None) -> None:
        """Check that the config equals the wanted one.

        Raises:
            InvalidInput: they differ; the message lists all differences.
        """
        mine, theirs = self.as_dict(), wanted.as_dict()
        differences = [
            f"{name} is {mine[name]}, not {theirs[name]}" for name in mine if mine[name] != theirs[name]
        ]
        if differences:
            raise InvalidInput(f"weights of another network: {', '.join(differences)}", path=path)


def scaled(width: float, maps: int, multiple: int = 1) -> int:
    """A number of feature maps at a width: rounded to a multiple, of which it is at least one."""
    return multiple * max(1, round(width * maps / multiple))
