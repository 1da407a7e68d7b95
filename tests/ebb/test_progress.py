"""Silent progress, and stages that always end."""

import pytest

from ebb.errors import Status
from ebb.progress import Progress, SilentProgress, watched
from tests.helpers.doubles import RecordedProgress


def test_a_stage_ends_whatever_happens() -> None:
    progress = RecordedProgress()
    with pytest.raises(KeyboardInterrupt), watched(progress, "score", 2):
        raise KeyboardInterrupt
    with watched(progress, "nothing", 0):
        pass
    assert progress.stages == ["score 2", "done"]


def test_silent_progress(capfd: pytest.CaptureFixture[str]) -> None:
    progress: Progress = SilentProgress()
    with watched(progress, "score", 2):
        progress.tell("half way")
        progress.advance("a", Status.ERROR, None, "broken")
    assert capfd.readouterr() == ("", "")
