"""Export of a checkpoint to TFLite files, which are compared with PyTorch before they are written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ebb.errors import InvalidInput
from ebb.files import check_writable, write_atomic
from ebb.temporary import temporary_folder
from ebb_train import optional
from ebb_train.data.sources import open_source
from ebb_train.export import inputs
from ebb_train.export.parity import LIMITS, compare
from ebb_train.export.tflite import note
from ebb_train.export.tflite.card import read_evaluation, render_card
from ebb_train.export.tflite.convert import to_tflite
from ebb_train.export.tflite.file_names import card_name, file_name
from ebb_train.export.tflite.gpu import verify_gpu
from ebb_train.export.tflite.graph import read_graph
from ebb_train.export.tflite.probe import probe
from ebb_train.export.tflite.report import FileReport, examine
from ebb_train.export.trained import read_trained
from ebb_train.memory import free_bytes, give_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ebb_train.export.inputs import Trial
    from ebb_train.export.parity import Parity
    from ebb_train.export.settings import CheckSettings, PhotoSize, TfliteSettings
    from ebb_train.export.tflite.gpu import GpuVerdict
    from ebb_train.export.tflite.probe import Probe
    from ebb_train.export.trained import TrainedNetwork

PHOTOS_TO_CHECK = 2
PHOTOS_TO_CALIBRATE = 8

TENSORFLOW_BYTES = 1_100_000_000
COPIES = 22
"""Copies of the weights in memory at the peak of a conversion, as an estimate. The full network takes 4.9 GB
at
any precision, little more at 1024x1536 than at 128x192."""


def export_tflite(
    path: Path,
    out: Path,
    settings: TfliteSettings,
    checks: CheckSettings,
    say: Callable[[str], None] = lambda _: None,
) -> list[FileReport]:
    """Write a file and its card for each size, unless its difference from PyTorch exceeds the limit.

    Args:
        path: Weights of a PyNET.
        out: The file to write; with several sizes, each file has its size before the suffix.
        settings: Settings of the files.
        checks: Optional checks, in addition to those that are always made.
        say: Called with one line about each step.

    Raises:
        UsageError: the network does not have the level, or ``out`` does not end in .tflite.
        InvalidInput: the checkpoint, the calibration set or the evaluation is damaged or invalid.
        MissingDependency: TensorFlow, LiteRT, PyTorch or safetensors is not installed.
        OutputError: a file cannot be written.
    """
    sizes = settings.sizes()
    targets = [file_name(out, size, several=len(sizes) > 1) for size in sizes]
    for target in targets:
        check_writable(target, ".tflite")
    checkpoint = read_trained(path)
    evaluation = read_evaluation(settings.evaluation, checkpoint.sha256) if settings.evaluation else None
    level = checkpoint.level(settings.level)
    if settings.calibration is not None:
        open_source(settings.calibration)
    optional.tensorflow()  # takes seconds, so it comes after the paths
    optional.litert("compiled_model")
    optional.torch()
    export = _Export(checkpoint=checkpoint, level=level, settings=settings, checks=checks, say=say)
    if settings.calibration is not None:
        next(export.photos(sizes[0], 1))  # an unsuitable data set is reported before the conversion
    export.warn_of_memory("converting", memory_to_convert(checkpoint.tensors))
    reports = []
    for size, target in zip(sizes, targets, strict=True):
        report = export.run(size, target)
        if report.passed:
            card = render_card(report, evaluation)
            write_atomic(card_name(report.path), card.encode())
        reports.append(report)
    return reports


def memory_to_convert(tensors: Mapping[str, NDArray[np.float32]]) -> int:
    """Approximate memory of a conversion, in bytes."""
    return TENSORFLOW_BYTES + COPIES * sum(values.nbytes for values in tensors.values())


@contextmanager
def _about(target: Path, temporary: Path) -> Iterator[None]:
    """Report errors with the path of the file to write, not that of the temporary file."""
    try:
        yield
    except InvalidInput as error:
        if error.path != temporary:
            raise
        hint = error.hint or "it was not written; --runs 0 omits the timing"
        raise InvalidInput(error.message, path=target, hint=hint) from error


@dataclass(frozen=True, kw_only=True)
class _Export:
    checkpoint: TrainedNetwork
    level: int
    settings: TfliteSettings
    checks: CheckSettings
    say: Callable[[str], None]

    def warn_of_memory(self, what: str, needed: int) -> None:
        """Warn if memory may not suffice, because a process that the system kills cannot report it."""
        free = free_bytes()
        if free is not None and free < needed:
            self.say(
                f"note: {what} takes about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: "
                "if the system ends it, close other programs or use a machine with more memory"
            )

    def run(self, size: PhotoSize, target: Path) -> FileReport:
        self.say(f"{size}: converting")
        data = self._convert(size)
        with temporary_folder("export") as folder:
            file = folder / "model.tflite"
            write_atomic(file, data)
            anatomy = examine(read_graph(data), len(data))
            self.warn_of_memory("running it", anatomy.cost.peak_bytes)
            with _about(target, file):
                parity = self._parity(file, size)
                limit = LIMITS[self.settings.precision]
                passed = all(limit.holds(one) for one in parity)
                speed = self._speed(file, size) if passed else []
                gpu = self._gpu(file, size) if passed else None
        return FileReport(
            path=target,
            sha256=write_atomic(target, data) if passed else None,
            anatomy=anatomy,
            parity=parity,
            limit=str(limit),
            speed=speed,
            gpu=gpu,
        )

    def _convert(self, size: PhotoSize) -> bytes:
        checkpoint, settings = self.checkpoint, self.settings
        data = to_tflite(
            checkpoint.tensors,
            checkpoint.config,
            size,
            level=self.level,
            precision=settings.precision,
            clip=settings.clip,
            calibration=self._calibration(size) if settings.precision == "int8" else (),
        )
        give_back()
        about = note.about(
            checkpoint.config,
            size,
            level=self.level,
            precision=settings.precision,
            clip=settings.clip,
            weights=checkpoint.origin(),
        )
        return note.attach(data, about)

    def _calibration(self, size: PhotoSize) -> Iterator[NDArray[np.float32]]:
        for number, trial in enumerate(self.photos(size, PHOTOS_TO_CALIBRATE), start=1):
            self.say(f"{size}: calibrating on {trial.name}, {number} of at most {PHOTOS_TO_CALIBRATE}")
            yield trial.photo

    def photos(self, size: PhotoSize, count: int) -> Iterator[Trial]:
        """Real photos of the calibration set, or a synthetic scene."""
        channels = self.checkpoint.config.in_channels
        if self.settings.calibration is None:
            return iter([inputs.scene(size, channels)])
        return inputs.pairs(self.settings.calibration, size, channels, count)

    def _parity(self, file: Path, size: PhotoSize) -> list[Parity]:
        self.say(f"{size}: comparing with PyTorch")
        channels = self.checkpoint.config.in_channels
        trials = [*self.photos(size, PHOTOS_TO_CHECK), inputs.noise(size, channels)]
        trials += inputs.constants(size, channels)
        found = probe(file, "lean", photos=[trial.photo for trial in trials]).pictures
        return [
            compare(trial.name, picture, self._wanted(trial), real=trial.real, constant=trial.constant)
            for trial, picture in zip(trials, found, strict=True)
        ]

    def _wanted(self, trial: Trial) -> NDArray[np.float32]:
        return self.checkpoint.picture(trial.photo, self.level, clip=self.settings.clip)

    def _gpu(self, file: Path, size: PhotoSize) -> GpuVerdict | None:
        if not self.checks.verify_gpu:
            return None
        self.say(f"{size}: compiling for the GPU")
        return verify_gpu(file, next(self.photos(size, 1)).photo if self.checks.run else None)

    def _speed(self, file: Path, size: PhotoSize) -> list[Probe]:
        runs = self.checks.runs
        if not runs:
            return []
        self.say(f"{size}: measuring speed and memory")
        threads = sorted({1, self.checks.threads or len(os.sched_getaffinity(0))})
        plain = [probe(file, "plain", threads=count, runs=runs) for count in threads]
        return [*plain, probe(file, "lean", threads=1, runs=runs)]
