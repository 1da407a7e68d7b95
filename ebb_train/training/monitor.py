"""The monitor of a run: progress, log, TensorBoard, validation, pictures, the page."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from ebb.errors import Status
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb_train.networks.files import save_any
from ebb_train.settings import title
from ebb_train.training.eta import duration_text
from ebb_train.training.page import write_page
from ebb_train.training.previews import sheet
from ebb_train.training.run_folder import pictures_file, where
from ebb_train.training.tensorboard import TensorBoardWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.progress import Progress
    from ebb_train.settings import MonitorSettings
    from ebb_train.training.architecture import NetworkInTraining
    from ebb_train.training.checkpoint import Position
    from ebb_train.training.eta import Workload
    from ebb_train.training.run_folder import RunFolder
    from ebb_train.training.trainer import Trainer
    from ebb_train.training.validation import Validator

BEST_BY = "psnr"
"""The score by which the best weights of a stage are chosen."""


class Monitor:
    """Logs and validates a run; processes other than the first only take part in the validation.

    Args:
        settings: Intervals of logging and validation.
        workload: The steps of the run and their cost.
        validator: Runs the network over the validation photos.
        progress: Shows every step.
        folder: The run folder; None in all processes but the first.
        resumed_at: Steps that were done before.
    """

    def __init__(
        self,
        settings: MonitorSettings,
        workload: Workload,
        validator: Validator,
        progress: Progress,
        folder: RunFolder | None,
        resumed_at: int,
    ) -> None:
        self._settings, self._workload, self._validator = settings, workload, validator
        self._progress, self._folder = progress, folder
        self._tensorboard = TensorBoardWriter(folder.path, resumed_at) if folder else None
        self._sums: dict[str, float] = defaultdict(float)
        self._begun = self._logged = (0.0, 0)
        self._is_first_step = False

    def close(self) -> None:
        """Write the rest of the TensorBoard log."""
        if self._tensorboard:
            self._tensorboard.close()

    def start(self, key: str, done: int) -> None:
        """Begin or resume a stage."""
        self._begun = self._logged = (time.monotonic(), done)
        self._is_first_step = True
        self._progress.start(title(key), self._workload.steps[key] - done)

    def finish(self) -> None:
        """End the stage, also after an error."""
        self._progress.finish()
        self._sums.clear()

    def step(self, position: Position, terms: Mapping[str, float], samples: int) -> None:
        """Record the loss of a step."""
        for name, value in terms.items():
            self._sums[name] += value
        if position.step % self._settings.log_every == 0 or self._is_last(position):
            self._log(position, samples)

    def advance(self, position: Position) -> None:
        """Show that a step is done, with its validation and its checkpoint."""
        if self._is_first_step:  # it starts the loaders and may compile, so it is not timed
            self._begun = (time.monotonic(), position.step)
            self._is_first_step = False
        self._progress.advance(str(position.step), Status.OK, None, "")

    def _is_last(self, position: Position) -> bool:
        """Whether it is the last step of the stage."""
        return position.step == self._workload.steps[position.stage]

    def validate_if_due(self, position: Position, trainer: Trainer) -> None:
        """Score the network on whole photos, save it if it is the best of its stage, write pictures."""
        if position.step % self._settings.validate_every and not self._is_last(position):
            return
        network = trainer.averaged_network
        result = self._validator.validate(network, trainer.fabric)
        if self._folder is None or self._tensorboard is None:
            return
        if result.scores:
            self._save_best(self._folder, position, network, result.scores)
        self._tensorboard.scalars("validation", result.scores, position.total)
        if result.examples:
            picture = sheet(result.examples)
            write_atomic(pictures_file(self._folder.path, position.stage), encode_png(picture))
            self._tensorboard.picture("input, depth, output, target", picture, position.total)
        write_page(self._folder.path, self._workload.steps)

    def _save_best(
        self, folder: RunFolder, position: Position, network: NetworkInTraining, scores: Mapping[str, float]
    ) -> None:
        if scores.get(BEST_BY, -math.inf) > folder.best_score(position.stage, BEST_BY):
            source = f"ebb-train fit, the best of {position.title}, step {position.step}"
            save_any(folder.best_weights(position.stage), network, source=source)
        line = {"validation": dict(scores), "pairs": self._validator.num_pairs}
        folder.log(_where(position) | line | {"split": self._settings.validate_on})

    def _log(self, position: Position, samples: int) -> None:
        """Write means over the steps since the last line."""
        since, step = self._logged
        self._logged = (time.monotonic(), position.step)
        steps = position.step - step
        sums = {name: value for name, value in self._sums.items() if math.isfinite(value)}
        means = {name: value / steps for name, value in sums.items()}
        self._sums.clear()
        speed = steps * samples / max(self._logged[0] - since, 1e-9)
        if self._folder and self._tensorboard:
            self._folder.log(_where(position) | means | {"samples_per_s": round(speed, 3)})
            self._tensorboard.scalars("training", means | {"samples_per_s": speed}, position.total)
        begun, done = self._begun
        a_step = (self._logged[0] - begun) / (position.step - done)
        left = duration_text(self._workload.left_s(position.stage, position.step, a_step))
        self._progress.tell(f"loss {means.get('loss', math.inf):.4f}, {left} left in all")


def _where(position: Position) -> dict[str, object]:
    return dict(where(position.stage, position.step, position.total))
