"""The TensorBoard log of a run: ``tensorboard --logdir RUN``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebb.files import cannot_write
from ebb_train import optional

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ebb.arrays import Rgb8

FOLDER = "tensorboard"


class TensorBoardWriter:
    """Writes events under the number of steps of all levels.

    Args:
        run: The run folder.
        total: Steps that are done; events of later ones, written before a kill, are hidden.

    Raises:
        MissingDependency: TensorBoard is not installed.
        OutputError: its folder cannot be written.
    """

    def __init__(self, run: Path, total: int) -> None:
        try:
            self._writer = optional.tensorboard().SummaryWriter(str(run / FOLDER), purge_step=total + 1)
        except OSError as error:
            raise cannot_write(run / FOLDER, error) from error

    def scalars(self, group: str, values: Mapping[str, float], total: int) -> None:
        """Add a point to a curve for each value."""
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, total)

    def picture(self, name: str, picture: Rgb8, total: int) -> None:
        """Add a picture (H, W, 3), 0…255."""
        self._writer.add_image(name, picture, total, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Write the remaining events."""
        self._writer.close()
