"""The TensorBoard log of a run: ``tensorboard --logdir RUN``."""

from __future__ import annotations

import functools
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ebb.files import cannot_write
from ebb_train import optional

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
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
        self._folder = run / FOLDER
        _report_once()
        with self._writing():
            self._writer = optional.tensorboard().SummaryWriter(str(self._folder), purge_step=total + 1)

    def scalars(self, group: str, values: Mapping[str, float], total: int) -> None:
        """Add a point to a curve for each value.

        Raises:
            OutputError: these or earlier events cannot be written.
        """
        with self._writing():
            for name, value in values.items():
                self._writer.add_scalar(f"{group}/{name}", value, total)

    def picture(self, name: str, picture: Rgb8, total: int) -> None:
        """Add a picture (H, W, 3), 0…255.

        Raises:
            OutputError: this or earlier events cannot be written.
        """
        with self._writing():
            self._writer.add_image(name, picture, total, dataformats="HWC")
            self._writer.flush()

    def close(self) -> None:
        """Write the remaining events.

        Raises:
            OutputError: they cannot be written.
        """
        with self._writing():
            self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise cannot_write(self._folder, error) from error


@functools.cache
def _report_once() -> None:
    """Keep TensorBoard's threads from printing their errors, which the next call raises as well."""
    others = threading.excepthook

    def report(failed: threading.ExceptHookArgs) -> None:
        is_known = isinstance(failed.exc_value, OSError) and failed.thread is not None
        if not (is_known and type(failed.thread).__module__.startswith("tensorboard.")):
            others(failed)

    threading.excepthook = report
