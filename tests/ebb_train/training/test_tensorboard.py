"""TensorBoard files of a run folder."""

from __future__ import annotations

import errno
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ebb.errors import OutputError
from ebb_train.training.tensorboard import FOLDER, TensorBoardWriter, _report_once

if TYPE_CHECKING:
    from pathlib import Path
from types import SimpleNamespace


def events(run: Path) -> EventAccumulator:
    found = EventAccumulator(str(run / FOLDER))
    found.Reload()
    return found


def test_curves_and_pictures(tmp_path: Path) -> None:
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :10] = (250, 120, 0)
    board = TensorBoardWriter(tmp_path, 0)
    for total, loss in ((10, 0.5), (20, 0.25)):
        board.scalars("training", {"loss": loss}, total)
    board.picture("output", picture, 20)
    board.close()
    found = events(tmp_path)
    assert [(event.step, event.value) for event in found.Scalars("training/loss")] == [(10, 0.5), (20, 0.25)]
    (image,) = found.Images("output")
    assert (image.step, image.width, image.height) == (20, 30, 20)
    decoded = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(decoded, picture)


def test_steps_that_are_done_again_appear_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for done, totals in ((0, (10, 20, 30)), (20, (30, 40))):
        # TensorBoard reads files in the order of their names, which begin with the second they are made in
        clock = SimpleNamespace(time=lambda second=1_700_000_000 + done: second)
        monkeypatch.setattr("tensorboard.summary.writer.event_file_writer.time", clock)
        board = TensorBoardWriter(tmp_path, done)
        for total in totals:
            board.scalars("training", {"loss": done + total}, total)
        board.close()
    found = events(tmp_path).Scalars("training/loss")
    assert [(event.step, event.value) for event in found] == [(10, 10), (20, 20), (30, 50), (40, 60)]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="tensorboard"):
        TensorBoardWriter(tmp_path, 0)


def test_a_full_disk_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard's thread raises it as well; pytest would report what the thread prints."""
    board = TensorBoardWriter(tmp_path, 0)

    def write(_writer: object, _data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tensorboard.summary.writer.record_writer.RecordWriter.write", write)
    with pytest.raises(OutputError, match=r"tensorboard: no space to write it \(.*MB free\)"):
        board.picture("output", np.zeros((4, 6, 3), np.uint8), 20)
    with pytest.raises(OutputError, match="tensorboard: no space"):
        TensorBoardWriter(tmp_path, 0)


def test_errors_of_other_threads_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr("threading.excepthook", reported.append)
    _report_once.__wrapped__()
    for error in (OSError("of another thread"), ValueError()):
        thread = threading.Thread(target=partial(raise_error, error))
        thread.start()
        thread.join()
    assert [type(failed.exc_value) for failed in reported] == [OSError, ValueError]


def raise_error(error: Exception) -> None:
    raise error
