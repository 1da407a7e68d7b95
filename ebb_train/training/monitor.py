"""Everything a run shows while it goes: progress, log, TensorBoard, validation, pictures, the page."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from ebb.errors import Status
from ebb.files import write_atomic
from ebb.formats.png import encode_png
from ebb_train.models.network import save_pynet
from ebb_train.training.eta import duration_text
from ebb_train.training.page import write_page
from ebb_train.training.previews import sheet
from ebb_train.training.run_folder import pictures_file
from ebb_train.training.tensorboard import Board

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebb.progress import Progress
    from ebb_train.models.network import PyNet
    from ebb_train.settings import WatchSettings
    from ebb_train.training.checkpoint import Position
    from ebb_train.training.eta import Workload
    from ebb_train.training.loop import LevelTrainer
    from ebb_train.training.run_folder import RunFolder
    from ebb_train.training.validation import Validator

BEST_BY = "psnr"
"""The score that says which weights are the best of a level."""


class Watch:
    """Shows how a run goes; in processes other than the first nothing but the validation takes place.

    Args:
        settings: What is shown, and when.
        workload: What the run has to do.
        validator: Photos to look at again and again.
        progress: Who is told of every step.
        folder: The run folder; None in all processes but the first.
        resumed_at: Steps that were done before.
    """

    def __init__(
        self,
        settings: WatchSettings,
        workload: Workload,
        validator: Validator,
        progress: Progress,
        folder: RunFolder | None,
        resumed_at: int,
    ) -> None:
        self._settings, self._workload, self._validator = settings, workload, validator
        self._progress, self._folder = progress, folder
        self._board = Board(folder.path, resumed_at) if folder else None
        self._sums: dict[str, float] = defaultdict(float)
        self._begun = self._logged = (0.0, 0)
        self._is_first_step = False

    def close(self) -> None:
        """Write what is left."""
        if self._board:
            self._board.close()

    def start(self, level: int, done: int) -> None:
        """A level begins, or goes on."""
        self._begun = self._logged = (time.monotonic(), done)
        self._is_first_step = True
        self._progress.start(f"level {level}", self._workload.steps[level] - done)

    def finish(self) -> None:
        """The level ends, or stops."""
        self._progress.finish()
        self._sums.clear()

    def step(self, position: Position, terms: Mapping[str, float], samples: int) -> None:
        """A step of so many samples is taken."""
        for name, value in terms.items():
            self._sums[name] += value
        if position.step % self._settings.log_every == 0 or self._is_last(position):
            self._log(position, samples)

    def advance(self, position: Position) -> None:
        """Nothing is left to do for a step."""
        if self._is_first_step:  # it starts the loaders and may compile: no measure for the others
            self._begun = (time.monotonic(), position.step)
            self._is_first_step = False
        self._progress.advance(str(position.step), Status.OK, None, "")

    def _is_last(self, position: Position) -> bool:
        """Whether the level is done."""
        return position.step == self._workload.steps[position.level]

    def validate_if_due(self, position: Position, trainer: LevelTrainer) -> None:
        """Score the network on whole photos, keep it if it is the best of its level, show pictures."""
        if position.step % self._settings.validate_every and not self._is_last(position):
            return
        with trainer.averaged():
            result = self._validator.validate(trainer.network, trainer.fabric)
            if self._folder is None or self._board is None:
                return
            if result.scores:
                self._keep_best(self._folder, position, trainer.network, result.scores)
        self._board.scalars("validation", result.scores, position.total)
        if result.shown:
            picture = sheet(result.shown)
            write_atomic(pictures_file(self._folder.path, position.level), encode_png(picture))
            self._board.picture("input, depth, output, target", picture, position.total)
        write_page(self._folder.path, self._workload.steps)

    def _keep_best(
        self, folder: RunFolder, position: Position, network: PyNet, scores: Mapping[str, float]
    ) -> None:
        if scores.get(BEST_BY, -math.inf) > folder.best_score(position.level, BEST_BY):
            source = f"ebb-train fit, the best of level {position.level}, step {position.step}"
            save_pynet(folder.best_weights(position.level), network, source=source)
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
        if self._folder and self._board:
            self._folder.log(_where(position) | means | {"samples_per_s": round(speed, 3)})
            self._board.scalars("training", means | {"samples_per_s": speed}, position.total)
        begun, done = self._begun
        a_step = (self._logged[0] - begun) / (position.step - done)
        left = duration_text(self._workload.left_s(position.level, position.step, a_step))
        self._progress.tell(f"loss {means.get('loss', math.inf):.4f}, {left} left in all")


def _where(position: Position) -> dict[str, object]:
    return {"level": position.level, "step": position.step, "total": position.total}
