from __future__ import annotations

import pytest

from ebb.errors import UsageError
from ebb_train.study.settings import PictureSettings, ServeSettings, StudySettings


def test_the_defaults_leave_forty_questions_about_methods() -> None:
    assert StudySettings().num_judged == 40


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"questions": 10}, "leave none"),
        ({"questions": 0}, "between 1 and 500"),
        ({"questions": 501}, "between 1 and 500"),
        ({"traps": -1}, "at least 0"),
        ({"title": " "}, "--title"),
        ({"contact": "x" * 4001}, "--contact"),
    ],
)
def test_impossible_studies_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        StudySettings(**values)  # type: ignore[arg-type]


def test_heights_and_ports_are_checked() -> None:
    with pytest.raises(UsageError, match="--max-height"):
        PictureSettings(max_height=63)
    with pytest.raises(UsageError, match="--port"):
        ServeSettings(port=65_536)
    for name in ("https://study.example", "study.example:443", "a b"):
        with pytest.raises(UsageError, match="--public-name"):
            ServeSettings(public_name=name)


def test_a_study_is_served_on_loopback_by_default() -> None:
    assert ServeSettings().host == "127.0.0.1"
