"""Progress callbacks of a run."""

from __future__ import annotations

from ebb.api.progress import CallbackProgress
from ebb.errors import Status
from ebb.progress import watched


def test_it_is_called_for_each_stage_and_item() -> None:
    heard: list[tuple[str, int, int]] = []
    progress = CallbackProgress(lambda *what: heard.append(what))
    for stage, total in (("align", 2), ("depth", 1)):
        with watched(progress, stage, total):
            for number in range(total):
                progress.advance(f"pair {number}", Status.OK, None, "")
    assert heard == [("align", 0, 2), ("align", 1, 2), ("align", 2, 2), ("depth", 0, 1), ("depth", 1, 1)]


def test_progress_is_optional() -> None:
    progress = CallbackProgress(None)
    progress.start("align", 1)
    progress.advance("pair", Status.OK, None, "")
    progress.tell("a note")
    progress.finish()
